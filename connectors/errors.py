"""What can go wrong between us and a provider of WhatsApp, by what is to be done about it."""


class ConnectorError(Exception):
    """Root of the package's errors."""


class NotConfigured(ConnectorError):
    """A setting is missing; the message names it."""


class BadUpdate(ConnectorError):
    """A webhook body that is none; `status` is the HTTP status it is answered with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SendError(ConnectorError):
    """A provider refused a message. `code` is its error code, None if it gave none."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Retryable(SendError):
    """Try again later; nothing was delivered."""


class PairLimited(Retryable):
    """Too many messages to one person: wait for her alone."""


class OutsideWindow(SendError):
    """The customer service window is closed: a template, or wait until she writes."""


class Unreachable(SendError):
    """This person cannot be reached (or does not want to be); do not try again."""


class NeedsOperator(SendError):
    """Token, account or payment: nothing goes out until a person has seen to it."""


class Malformed(SendError):
    """We sent something invalid: our own bug; never try again."""
