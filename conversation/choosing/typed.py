"""Names and birthdays as people type them, in any of the languages."""

from collections.abc import Mapping
from datetime import date
from functools import cache

import regex
from babel.dates import get_month_names

from conversation.choosing.spelling import normalise
from loyalty.people.birthdays import NO_YEAR

LONGEST_NAME = 40
OLDEST = 120
"""Years."""
_INTRODUCED = regex.compile(
    r"(?i)^(?:please )?(?:call me|my name is|my name's|i am|i'm|mi chiamo|chiamami|sono|io sono|me llamo|ll[aá]mame|"
    r"soy|mi nombre es|je m['’]appelle|je suis|appelez[- ]moi|moi c['’]est|اسمي|أنا|انا|ismi|ana)\s+"
)
_NAME = regex.compile(r"[\p{L}\p{M}][\p{L}\p{M}\p{Zs}.'’\-]*")
_LOCALES = ("en", "it", "es", "fr", "ar", "ar_SY", "ar_DZ", "ar_MA")
"""The languages, and where Arabic calls the months otherwise."""
_ORDINALS = regex.compile(r"(?<=\d)(?:st|nd|rd|th|er|º|°|ª)\b")
_LITTLE = frozenset({"of", "the", "de", "del", "di", "le", "el", "il", "born", "on", "في", "من"})


def read_name(text: str) -> str | None:
    """What somebody wants to be called, or None if that is no name."""
    bare = _INTRODUCED.sub("", " ".join(text.split())).strip(" .,!")
    if not 0 < len(bare) <= LONGEST_NAME or len(bare.split()) > 4 or _NAME.fullmatch(bare) is None:
        return None
    return bare if any(sign.isupper() for sign in bare) else " ".join(word.capitalize() for word in bare.split())


def read_birthday(text: str, today: date) -> date | None:
    """The day somebody was born, or None if that is no such day. Without a year, in the year `NO_YEAR`.

    `1990-03-14`, `14/3/90`, `14.03`, `March 14th, 1990`, `14 marzo`, `١٤ مارس ١٩٩٠`. The day comes before the month,
    unless that cannot be.
    """
    plain = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    plain = _ORDINALS.sub("", plain)
    parts = regex.findall(r"\d+|[\p{L}\p{M}]+", plain)
    numbers = [int(part) for part in parts if part.isdigit()]
    words = [normalise(part) for part in parts if not part.isdigit()]
    named = [_months()[word] for word in words if word in _months()]
    others = [word for word in words if word not in _months() and word not in _LITTLE]
    if len(others) > 3 or len(named) > 1 or any(number > 9999 for number in numbers):
        return None
    match [*named], numbers:
        case [month], [day]:
            return _day(None, month, day, today)
        case [month], [first, second]:
            return _day(second, month, first, today) if first <= 31 else _day(first, month, second, today)
        case [], [first, second]:
            return _day(None, second, first, today) or _day(None, first, second, today)
        case [], [first, second, third] if first > 31:
            return _day(first, second, third, today)
        case [], [first, second, third]:
            return _day(third, second, first, today) or _day(third, first, second, today)
    return None


def _day(year: int | None, month: int, day: int, today: date) -> date | None:
    if year is not None and year < 100:
        year += 2000 if year <= today.year - 2000 else 1900
    try:
        found = date(NO_YEAR if year is None else year, month, day)
    except ValueError:
        return None
    if year is not None and (found > today or year < today.year - OLDEST):
        return None
    return found


@cache
def _months() -> Mapping[str, int]:
    """Months by their names and usual short forms, as `normalise` spells them."""
    found: dict[str, int] = {}
    for locale in _LOCALES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, locale).items():
                    for word in regex.findall(r"[\p{L}\p{M}]+", name):
                        found.setdefault(normalise(word), int(number))
    return found
