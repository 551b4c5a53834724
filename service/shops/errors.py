"""What can be wrong with what a shop delivers."""

from loyalty.errors import LoyaltyError


class BadDelivery(LoyaltyError):
    """A request that is not stored: `status` says why to the shop, the message to people."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.status = status
        self.code = code


class Unreadable(LoyaltyError):
    """A delivery that is the shop's, but cannot be understood. It is kept for a person; coming again changes nothing.

    The message holds no personal data.
    """

    code = "unreadable"
