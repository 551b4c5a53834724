"""What ends a command."""


class CommandError(Exception):
    """The command cannot go on; the message is the one line the user sees: what happened, what to do."""
