"""A turn: whose it is, what a message means, the answer, saved together."""
