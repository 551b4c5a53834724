"""What can go wrong between us and a shop's API, by what is to be done about it."""

import re
from datetime import timedelta

from loyalty.errors import LoyaltyError

_DIGITS = re.compile(r"\+?\d[\d \-()]{5,}\d")
_MAIL = re.compile(r"[\w.+-]+@[\w.-]+")
_LONGEST = 200


def told(text: object) -> str:
    """What a shop says of an error, short enough to keep, without numbers and addresses of people."""
    return _MAIL.sub("…@…", _DIGITS.sub("…", str(text or "")))[:_LONGEST]


class ShopApiError(LoyaltyError):
    """Root of the room's errors: a call to a shop did not do what it should."""

    code = "shop_api"


class Wait(ShopApiError):
    """Nothing is wrong, we are too fast: the shop goes on after `after`."""

    def __init__(self, message: str, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Down(ShopApiError):
    """The shop cannot be reached, is too slow or fails: try later, and later still if that fails as well."""


class Nonsense(Down):
    """The shop answered something that cannot be an answer of it. Nothing is taken for done; as `Down`."""


class NotAllowed(ShopApiError):
    """Token, rights or plan: nothing gets better before a person has seen to it."""


class Rejected(ShopApiError):
    """The shop understood and says no: the same call will be refused again."""
