"""What can go wrong between us and a CRM, by what is to be done about it."""

import re
from datetime import timedelta

from loyalty.errors import LoyaltyError

_DIGITS = re.compile(r"\+?\d[\d \-()]{5,}\d")
_MAIL = re.compile(r"[\w.+-]+@[\w.-]+")
_LONGEST = 200


def told(text: object) -> str:
    """What a system says of an error, short enough to keep, without numbers and addresses of people."""
    return _MAIL.sub("…@…", _DIGITS.sub("…", str(text)))[:_LONGEST]


class CrmError(LoyaltyError):
    """Root of the room's errors: a call to a CRM did not do what it should."""

    code = "crm"


class Wait(CrmError):
    """Nothing is wrong, we are too fast: the system goes on after `after`."""

    def __init__(self, message: str, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Down(CrmError):
    """The system cannot be reached, is too slow or fails: try later, and later still if that fails as well.

    `least` is how long to wait at least, where what was sent may still take effect.
    """

    def __init__(self, message: str, *, least: timedelta = timedelta(0)) -> None:
        super().__init__(message)
        self.least = least


class Nonsense(Down):
    """The system answered something that cannot be an answer of it. Nothing is taken for done; as `Down`."""


class NotAllowed(CrmError):
    """Token, rights or settings: nothing gets better before a person has seen to it."""


class BadBatch(CrmError):
    """The whole batch was refused because of what is in it. Halved, it shows which contact it is."""
