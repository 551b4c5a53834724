"""What can go wrong in a conversation."""


class ConversationError(Exception):
    """Root of the package's errors."""


class BadSentence(ConversationError):
    """A sentence of the catalogue is missing or malformed; the message names file and line."""


class AlreadyDone(ConversationError):
    """The message was dealt with before, here or in another process; nothing is to be done."""


class NotYet(ConversationError):
    """An older message of the same conversation is not done; this one has to wait for it."""


class Moved(ConversationError):
    """While a turn was decided its member was merged with another, or erased; the turn has to begin anew."""
