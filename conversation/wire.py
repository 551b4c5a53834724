"""Messages, choices and commands as JSON: for the outbox, for offers, and for Rasa's action protocol."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conversation.model import Answer, Attachment, Choice, Command, Content, Incoming, Message, Sender, Tap, Text
from flows.model import Ask, Event


def message_to_json(message: Message) -> dict[str, Any]:
    """A message with everything its choices mean."""
    return {
        "text": message.text,
        "choices": [_choice_to_json(choice) for choice in message.choices],
        "menu": message.menu,
        "image": message.image,
    }


def message_from_json(row: Mapping[str, Any]) -> Message:
    """The reverse of `message_to_json`."""
    choices = tuple(_choice_from_json(choice) for choice in row["choices"])
    return Message(row["text"], choices, row["menu"], row["image"])


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
    except (KeyError, TypeError):
        return None
    return None


def incoming_to_json(incoming: Incoming) -> dict[str, Any]:
    """A customer's message as the inbox keeps it."""
    sender = incoming.sender
    return {
        "sender": {"phone": sender.phone, "user_id": sender.user_id, "name": sender.name},
        "content": _content_to_json(incoming.content),
    }


def incoming_from_json(message_id: str, number_id: str, sent_at: datetime, row: Mapping[str, Any]) -> Incoming:
    """The reverse of `incoming_to_json`."""
    return Incoming(message_id, number_id, Sender(**row["sender"]), sent_at, _content_from_json(row["content"]))


def _content_to_json(content: Content) -> dict[str, Any]:
    match content:
        case Text(text):
            return {"text": text}
        case Tap(token, title):
            return {"tap": token, "title": title}
        case Attachment(kind):
            return {"attachment": kind}


def _content_from_json(row: Mapping[str, Any]) -> Content:
    if "text" in row:
        return Text(row["text"])
    if "tap" in row:
        return Tap(row["tap"], row["title"])
    return Attachment(row["attachment"])


def _choice_to_json(choice: Choice) -> dict[str, Any]:
    action = choice.action
    row: dict[str, Any]
    if isinstance(action, Ask):
        row = {"ask": action.intent, "entities": dict(action.entities)}
    else:
        row = {"event": action.name, "args": dict(action.args)}
    return {**row, "title": choice.title, "detail": choice.detail, "words": list(choice.words)}


def _choice_from_json(row: Mapping[str, Any]) -> Choice:
    action = Ask(row["ask"], row["entities"]) if "ask" in row else Event(row["event"], row["args"])
    return Choice(action, row["title"], row["detail"], tuple(row["words"]))
