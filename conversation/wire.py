"""Messages, choices and commands as JSON: for the outbox, for offers, and for Rasa's action protocol."""

from collections.abc import Mapping
from typing import Any

from conversation.model import Answer, Choice, Command, Message
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
