"""Messages, choices and commands as JSON: for the outbox, for offers, and for Rasa's action protocol.

Keys that say nothing are left out, so a row written before a key was invented reads as one without it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from conversation.messages.extras import Cards, Extra, Link, Medium, Pin, Products, Reaction, Request, Shelf, Template
from conversation.messages.model import Answer, Choice, Command, Message
from flows.model import Ask, Event


def message_to_json(message: Message) -> dict[str, Any]:
    """A message with everything its choices mean."""
    row: dict[str, Any] = {
        "text": message.text,
        "choices": [_choice_to_json(choice) for choice in message.choices],
        "menu": message.menu,
        "image": message.image,
    }
    return {**row, "extras": [extra_to_json(extra) for extra in message.extras]} if message.extras else row


def message_from_json(row: Mapping[str, Any]) -> Message:
    """The reverse of `message_to_json`."""
    choices = tuple(_choice_from_json(choice) for choice in row["choices"])
    extras = (extra_from_json(extra) for extra in row.get("extras", ()))
    return Message(row["text"], choices, row["menu"], row["image"], tuple(filter(None, extras)))


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """An answer as an action hands it over, inside Rasa's `custom` key."""
    if isinstance(answer, Command):
        return {"command": {"name": answer.name, "args": dict(answer.args)}}
    return {"message": message_to_json(answer)}


def answer_from_json(row: Mapping[str, Any]) -> Answer | None:
    """The reverse of `answer_to_json`; None for custom JSON that is somebody else's."""
    try:
        if isinstance(command := row.get("command"), Mapping):
            return Command(command["name"], command["args"])
        if isinstance(message := row.get("message"), Mapping):
            return message_from_json(message)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return None


def extra_to_json(extra: Extra) -> dict[str, Any]:
    """An extra under the key that names its kind."""
    match extra:
        case Medium():
            return {"medium": medium_to_json(extra)}
        case Link(url, title):
            return {"link": {"url": url, "title": title}}
        case Request(what):
            return {"request": what}
        case Products(catalog, shelves, title):
            rows = [{"title": shelf.title, "products": list(shelf.products)} for shelf in shelves]
            return {"products": {"catalog": catalog, "title": title, "shelves": rows}}
        case Pin(latitude, longitude, name, address):
            return {"pin": {"latitude": latitude, "longitude": longitude, "name": name, "address": address}}
        case Cards(contacts):
            return {"contacts": [dict(card) for card in contacts]}
        case Reaction(message_id, emoji):
            return {"reaction": {"message_id": message_id, "emoji": emoji}}
        case Template():
            return {"template": template_to_json(extra)}


def extra_from_json(row: Mapping[str, Any]) -> Extra | None:
    """The extra in a row; None if it has none. Raises KeyError, TypeError or ValueError for one that is wrong."""
    return next((read(row[key]) for key, read in _EXTRAS.items() if row.get(key) is not None), None)


def medium_to_json(medium: Medium) -> dict[str, Any]:
    """A medium, without what it does not have."""
    row = {"kind": medium.kind, "link": medium.link, "id": medium.id, "filename": medium.filename}
    return {key: value for key, value in row.items() if value is not None}


def medium_from_json(row: Mapping[str, Any]) -> Medium:
    """The reverse of `medium_to_json`."""
    return Medium(row["kind"], row.get("link"), row.get("id"), row.get("filename"))


def template_to_json(template: Template) -> dict[str, Any]:
    """A template as the outbox keeps it, without what it does not need."""
    given, header = template.parameters, template.header
    row = {
        "name": template.name,
        "language": template.language,
        "parameters": dict(given) if isinstance(given, Mapping) else list(given),
        "header": medium_to_json(header) if isinstance(header, Medium) else header,
        "buttons": [dict(button) for button in template.buttons] or None,
        "category": template.category,
    }
    return {key: value for key, value in row.items() if value is not None}


def template_from_json(row: Mapping[str, Any]) -> Template:
    """The reverse of `template_to_json`."""
    given, header = row.get("parameters") or (), row.get("header")
    return Template(
        str(row["name"]),
        str(row["language"]),
        {str(key): str(value) for key, value in given.items()}
        if isinstance(given, Mapping)
        else tuple(map(str, given)),
        medium_from_json(header) if isinstance(header, Mapping) else header,
        tuple(dict(button) for button in row.get("buttons") or ()),
        row.get("category"),
    )


def _products(row: Mapping[str, Any]) -> Products:
    shelves = (Shelf(str(each.get("title", "")), tuple(map(str, each["products"]))) for each in row["shelves"])
    return Products(str(row["catalog"]), tuple(shelves), str(row.get("title", "")))


def _pin(row: Mapping[str, Any]) -> Pin:
    return Pin(float(row["latitude"]), float(row["longitude"]), row.get("name"), row.get("address"))


_EXTRAS: Mapping[str, Callable[[Any], Extra]] = {
    "medium": medium_from_json,
    "link": lambda row: Link(str(row["url"]), str(row["title"])),
    "request": Request,
    "products": _products,
    "pin": _pin,
    "contacts": lambda cards: Cards(tuple(dict(card) for card in cards)),
    "reaction": lambda row: Reaction(str(row["message_id"]), str(row.get("emoji", ""))),
    "template": template_from_json,
}


def _choice_to_json(choice: Choice) -> dict[str, Any]:
    action = choice.action
    row: dict[str, Any]
    if isinstance(action, Ask):
        row = {"ask": action.intent, "entities": dict(action.entities)}
    else:
        row = {"event": action.name, "args": dict(action.args)}
    row |= {"title": choice.title, "detail": choice.detail, "words": list(choice.words)}
    return row if choice.section is None else {**row, "section": choice.section}


def _choice_from_json(row: Mapping[str, Any]) -> Choice:
    action = Ask(row["ask"], row["entities"]) if "ask" in row else Event(row["event"], row["args"])
    return Choice(action, row["title"], row["detail"], tuple(row["words"]), row.get("section"))
