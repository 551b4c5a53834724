"""Two members who turned out to be one person: everything either had, as if there had been one from the start."""
