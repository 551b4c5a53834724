"""What a designer's response says, in Rasa's words, as one message; an answer of our own actions as what it is.

Rasa's own channels send an image twice (once more as an attachment), split a text on blank lines, and print payloads
where they have no buttons. Here a response is one message, each picture is in it once, and no payload is shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from conversation.messages.cloud_words import message_of
from conversation.messages.cutting import line
from conversation.messages.extras import Extra, Link, Medium, MediumKind
from conversation.messages.model import Answer, Choice, Message
from conversation.messages.payloads import read_button, words_in
from conversation.messages.wire import answer_from_json

_KINDS: Mapping[str, MediumKind] = {
    "image": "image", "video": "video", "audio": "audio", "file": "document", "document": "document",
    "sticker": "sticker", "voice": "voice",
}  # fmt: skip
_ENDINGS: Mapping[str, MediumKind] = {
    "jpg": "image", "jpeg": "image", "png": "image", "mp4": "video", "3gp": "video", "mp3": "audio", "ogg": "audio",
    "m4a": "audio", "aac": "audio", "amr": "audio", "webp": "sticker",
}  # fmt: skip


def read_response(response: Mapping[str, Any]) -> tuple[Answer, ...]:
    """The answers in a response: those of our own actions, and a message with everything else there is in it."""
    answers: list[Answer] = []
    said = [_plain(response)]
    for custom in _listed(response.get("custom")) + _listed(response.get("json_message")):
        ours = answer_from_json(custom)
        if ours is not None:
            answers.append(ours)
        elif (message := read_custom(custom)) is not None:
            said.append(message)
    said += [_attachment(each) for each in _attachments(response)]
    said += [_cards(_listed(response.get("elements")))]
    message = together(said)
    return (*answers, message) if _says(message) else tuple(answers)


def unread(response: Mapping[str, Any]) -> list[str]:
    """The keys of custom JSON that says nothing here, for the operator's log."""
    rows = _listed(response.get("custom")) + _listed(response.get("json_message"))
    return sorted({key for row in rows if answer_from_json(row) is None and read_custom(row) is None for key in row})


def read_custom(custom: Mapping[str, Any]) -> Message | None:
    """Custom JSON in the Cloud API's words, or in those of Facebook's channel that designers know; None otherwise."""
    message = message_of(custom)
    if message is None and isinstance(custom.get("attachment"), Mapping | str):
        message = together([_plain(custom), _attachment(custom["attachment"])])
    if message is None and (custom.get("text") or custom.get("buttons") or custom.get("quick_replies")):
        message = _plain(custom)
    return message if message is not None and _says(message) else None


def together(messages: Iterable[Message]) -> Message:
    """Several messages as one, since each sent one is paid for: nothing of any is left out."""
    first, *rest = messages
    for message in rest:
        spare: tuple[Extra, ...] = ()
        if first.image and message.image and message.image != first.image:
            spare = (Medium("image", message.image),)
        extras = (*first.extras, *(extra for extra in (*spare, *message.extras) if extra not in first.extras))
        first = replace(
            first,
            text="\n\n".join(filter(None, (first.text, message.text))),
            choices=first.choices + message.choices,
            menu=first.menu or message.menu,
            image=first.image or message.image,
            extras=extras,
        )
    return first


def _says(message: Message) -> bool:
    return bool(line(message.text) or message.choices or message.image or message.extras)


def _plain(response: Mapping[str, Any]) -> Message:
    image = response.get("image")
    choices, links = _buttons([*_listed(response.get("quick_replies")), *_listed(response.get("buttons"))])
    picture = image if isinstance(image, str) and line(image) else None
    return Message(words_in(response.get("text")), choices, None, picture, links)


def _buttons(
    buttons: Iterable[Mapping[str, Any]], section: str | None = None
) -> tuple[tuple[Choice, ...], tuple[Link, ...]]:
    read = [read_button(button, section) for button in buttons]
    choices = tuple(each for each in read if isinstance(each, Choice))
    return choices, tuple(each for each in read if isinstance(each, Link))


def _attachments(response: Mapping[str, Any]) -> list[Any]:
    """What is attached, without the picture, which Rasa repeats here."""
    given = response.get("attachment")
    return [each for each in (given if isinstance(given, list) else [given]) if each and each != response.get("image")]


def _attachment(given: Any) -> Message:
    if isinstance(given, str):
        return Message("", (), None, None, (_medium(given),)) if line(given) else Message("")
    if not isinstance(given, Mapping):
        return Message("")
    payload = given.get("payload")
    inner: Mapping[str, Any] = payload if isinstance(payload, Mapping) else given
    if given.get("type") == "template":
        return together([_plain(inner), _cards(_listed(inner.get("elements")))])
    link = next((inner[key] for key in ("url", "src", "link") if isinstance(inner.get(key), str)), None)
    if not link:
        return Message("")
    kind = _KINDS.get(str(given.get("type")))
    title = line(words_in(inner.get("title"))) or None
    medium = _medium(link) if kind is None else Medium(kind, link, None, title if kind == "document" else None)
    return Message("", (), None, None, (medium,))


def _medium(link: str) -> Medium:
    """A medium by nothing but its address: what its ending tells, else a document."""
    name = link.partition("?")[0].rpartition("/")[2]
    kind = _ENDINGS.get(name.rpartition(".")[2].lower(), "document")
    return Medium(kind, link, None, name or None if kind == "document" else None)


def _cards(elements: list[Mapping[str, Any]]) -> Message:
    """Generic template cards: titles and subtitles as text, their buttons under their titles, pictures once each."""
    said = [Message("")]
    for element in elements:
        title, subtitle = line(words_in(element.get("title"))), words_in(element.get("subtitle"))
        heading = (title or None) if len(elements) > 1 else None
        choices, links = _buttons(_listed(element.get("buttons")), heading)
        image = element.get("image_url") or element.get("image")
        said.append(
            Message(
                "\n".join(filter(None, (f"*{title}*" if title else "", subtitle))), choices, None,
                image if isinstance(image, str) and line(image) else None, links,
            )
        )  # fmt: skip
    return together(said)


def _listed(value: Any) -> list[Mapping[str, Any]]:
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, Mapping)]
