"""What can go wrong in the store, sorted by what the caller should do about it."""


class LoyaltyError(Exception):
    """Root of the package's errors. The message is written for the reader: what happened, what to do.

    `code` is stable and machine-readable (it appears in `/v1` answers); `field` names the input at fault.
    """

    code = "error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Invalid(LoyaltyError):
    """The input is wrong; sending it again changes nothing."""

    code = "invalid"


class NotFound(LoyaltyError):
    """What the input names does not exist (here, in this programme)."""

    code = "not_found"


class Conflict(LoyaltyError):
    """The same key was used before for something else; nothing was changed."""

    code = "conflict"


class Refused(LoyaltyError):
    """A rule of the programme says no; `reason` picks the sentence for the member."""

    code = "refused"

    def __init__(self, reason: str, message: str, **facts: int | str) -> None:
        super().__init__(message)
        self.reason = reason
        self.facts = facts


class Forbidden(LoyaltyError):
    """The key is right, but not good for this."""

    code = "forbidden"


class StoreUnavailable(LoyaltyError):
    """The database did not answer in time or refused; try again later."""

    code = "unavailable"


class BadProgramme(LoyaltyError):
    """A programme file has a mistake; the message names file and line."""

    code = "programme"
