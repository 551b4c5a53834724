"""A conversation, whatever the channel: what came in, whose turn it is, what is said, what goes out."""
