"""What a member tells of herself, kept: her name, her birthday, that she wants offers."""

from datetime import date

from babel.dates import format_date, format_skeleton

from conversation.choosing.typed import read_birthday, read_name
from conversation.flowing.part import At
from flows.model import Event
from loyalty.people import birthdays, members


def keep(at: At, what: str, text: str) -> Event:
    """Keep it and tell so (`kept`), or tell why that cannot be (`unclear`)."""
    match what:
        case "name":
            return _name(at, text)
        case "birthday":
            return _birthday(at, text)
        case _:
            words = at.words or text
            members.set_marketing(at.session, at.member, given=True, words=words, evidence=at.message_id, now=at.now)
            return Event("kept", {"what": "offers"})


def birthday_in_words(day: date, language: str) -> str:
    """A birthday as people write it; without the year if that was not told."""
    if birthdays.year_of(day) is None:
        return str(format_skeleton("MMMMd", day, locale=language))
    return str(format_date(day, "long", locale=language))


def _name(at: At, text: str) -> Event:
    name = read_name(text)
    if name is None:
        return Event("unclear", {"why": "name"})
    at.member.name = name
    return Event("kept", {"what": "name", "name": name})


def _birthday(at: At, text: str) -> Event:
    day = read_birthday(text, at.now.astimezone(at.programme.zone).date())
    if day is None:
        return Event("unclear", {"why": "birthday"})
    if not birthdays.tell(at.member, day, now=at.now):
        return Event("unclear", {"why": "birthday_later"})
    return Event("kept", {"what": "birthday", "day": birthday_in_words(day, at.language)})
