"""People who want a person, their data, or to be forgotten."""
