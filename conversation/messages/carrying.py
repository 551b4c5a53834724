"""Extras as a channel can carry them: which of them it can send, how many at a time, and in words if it cannot."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from conversation.messages.cutting import line, units
from conversation.messages.extras import Cards, Extra, Link, Medium, Pin, Products, Reaction, Request, Shelf
from conversation.messages.layout import Limits

SHELVES, GOODS, CARDS = 10, 30, 257
"""How many go into one message (Meta: "Multi-product messages", "Contacts messages")."""
_URL = re.compile(r"https?://\S+")


def name_of(extra: Extra) -> str:
    """The name of an extra, as `Limits.extras` has it."""
    match extra:
        case Medium(kind):
            return kind
        case Request(what):
            return what
        case Cards():
            return "contacts"
        case _:
            return type(extra).__name__.lower()


def can_go(extra: Extra, limits: Limits) -> bool:
    """Whether the channel can send an extra; a link decides for itself."""
    if isinstance(extra, Medium) and extra.link and not is_address(extra.link, limits):
        return False
    return name_of(extra) in limits.extras


def is_address(url: str, limits: Limits) -> bool:
    """Whether a page or a medium can be fetched from there, as far as can be seen."""
    return units(url) <= limits.link and _URL.fullmatch(url) is not None


def portions(extra: Extra) -> Iterator[Extra]:
    """An extra in as many as WhatsApp takes at a time: 10 shelves and 30 products, 257 contacts."""
    match extra:
        case Cards(contacts) if len(contacts) > CARDS:
            yield from (Cards(contacts[at : at + CARDS]) for at in range(0, len(contacts), CARDS))
        case Products(catalog, shelves, title):
            portion: list[Shelf] = []
            for shelf in shelves:
                for at in range(0, len(shelf.products), GOODS):
                    some = Shelf(shelf.title, shelf.products[at : at + GOODS])
                    count = sum(len(each.products) for each in portion)
                    if portion and (len(portion) == SHELVES or count + len(some.products) > GOODS):
                        yield Products(catalog, tuple(portion), title)
                        portion = []
                    portion.append(some)
            if portion:
                yield Products(catalog, tuple(portion), title)
        case _:
            yield extra


def in_words(extra: Extra) -> str:
    """An extra in words, for a channel that cannot send it."""
    match extra:
        case Link(url, title):
            return f"{line(title)}: {url}" if line(title) else url
        case Medium(_, link):
            return link or ""
        case Pin(latitude, longitude, name, address):
            where = f"https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}"
            return "\n".join(filter(None, (line(name), line(address), where)))
        case Cards(contacts):
            return "\n".join(filter(None, map(_card, contacts)))
        case Reaction(_, emoji):
            return emoji
        case _:
            return ""


def _card(contact: Mapping[str, Any]) -> str:
    name = str((contact.get("name") or {}).get("formatted_name", ""))
    phones = ", ".join(str(phone.get("phone", "")) for phone in contact.get("phones") or ())
    return ": ".join(filter(None, (line(name), line(phones))))
