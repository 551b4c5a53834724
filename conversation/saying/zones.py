"""What time it is where a member lives, as far as her phone number tells: nobody is woken by an offer.

Google's libphonenumber knows the zones of a number's prefix. A mobile number of a large country stands for all of the
country's zones: then it is the programme's own zone if that is among them, else the one in the middle from west to
east, so that nobody is further off than half of her country. A number that says nothing leaves the programme's zone.
"""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

from loyalty.programme import Programme
from loyalty.rules.notices import NIGHT


def zone_of(programme: Programme, phone: str | None, now: datetime) -> ZoneInfo:
    """The time zone of who has a phone number (`+39…`; None if we do not know it), else the programme's.

    `now` decides which of several zones is in the middle: clocks are put forward in some of them only.
    """
    zones = _zones(phone) if phone is not None else ()
    if not zones or programme.timezone in zones:
        return programme.zone
    by_clock = sorted(
        (ZoneInfo(name) for name in zones), key=lambda zone: (now.astimezone(zone).utcoffset(), str(zone))
    )
    return by_clock[len(by_clock) // 2]


def quiet_until(programme: Programme, phone: str | None, now: datetime, *, at_night: bool = True) -> datetime | None:
    """When the quiet hours that hold now where somebody lives are over; None if none hold.

    `at_night` is for what can wait, offers and reminders: a programme without quiet hours has `NIGHT` for them.
    """
    quiet = programme.notices.quiet_hours or (NIGHT if at_night else None)
    return quiet.over_at(now.astimezone(zone_of(programme, phone, now))) if quiet is not None else None


@lru_cache(maxsize=4096)
def _zones(phone: str) -> tuple[str, ...]:
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return ()
    return tuple(name for name in time_zones_for_number(number) if name != UNKNOWN_TIMEZONE and _is_known(name))


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False  # this machine's zone data is older than the phone data
    return True
