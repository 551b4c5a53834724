"""A member's birthday as she tells it: changeable once a year, since it may bring a gift each time it comes.

What happens on the day is in `loyalty/orders/birthdays.py`.
"""

from datetime import date, datetime, timedelta

from loyalty.tables import Member

NO_YEAR = 1904
"""The year of a birthday whose year was not told: a leap year, and too long ago to be anybody's."""
AGAIN_AFTER = timedelta(days=365)
SECOND_THOUGHTS = timedelta(hours=1)
"""How long a slip of the finger can be put right."""


def may_tell(member: Member, now: datetime) -> bool:
    """Whether she may tell or change her birthday now. One that the business told her once, she may put right once."""
    told = member.birthday_at
    return told is None or now < told + SECOND_THOUGHTS or now >= told + AGAIN_AFTER


def tell(member: Member, day: date, *, now: datetime) -> bool:
    """Note her birthday. False, and nothing changed, if she told another one less than a year ago."""
    if member.birthday == day:
        return True
    if not may_tell(member, now):
        return False
    told = member.birthday_at
    if told is None or now >= told + AGAIN_AFTER:
        member.birthday_at = now
    member.birthday = day
    return True


def year_of(day: date) -> int | None:
    """The year she was born in, if she told it."""
    return None if day.year == NO_YEAR else day.year
