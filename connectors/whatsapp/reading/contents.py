"""What a message holds, by its type (Meta: "messages webhook reference"; each type has a page of its own)."""

import json
from collections.abc import Callable, Mapping

from connectors.whatsapp.reading.values import (
    Json,
    id_of,
    number_of,
    object_of,
    objects_of,
    phone_of,
    pruned,
    text_of,
    word_of,
)
from conversation.arriving.incoming import (
    Attachment,
    Card,
    Contacts,
    Content,
    Echo,
    Edit,
    FlowAnswer,
    Item,
    Location,
    Media,
    Order,
    Reaction,
    Revoke,
    Tap,
    Text,
    words_of,
)

LONGEST_TEXT = 65_536
"""What the app lets a person type; a business may send 4,096."""
_CAPTION, _NAME, _URL, _TOKEN = 4096, 300, 2000, 512
_CARDS, _PHONES, _ITEMS = 257, 10, 100
_LARGEST_FORM = 64 * 1024
_UNSUPPORTED = Attachment("unsupported")


def content_of(message: Json) -> Content:
    """What a message holds; `unsupported` if it is of no type that is known, or not what its type says."""
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _READERS:
        return _UNSUPPORTED
    return _READERS[kind](message, object_of(message.get(kind))) or _UNSUPPORTED


def echo_of(message: Json) -> Echo:
    """What somebody of the business wrote to the customer from the app on a phone."""
    return Echo(word_of(message.get("type"), 32) or "unsupported", words_of(content_of(message)))


def _text(_message: Json, body: Json) -> Content | None:
    text = text_of(body.get("body"), LONGEST_TEXT)
    return None if text is None else Text(text)


def _interactive(_message: Json, body: Json) -> Content | None:
    reply = object_of(body.get("button_reply")) or object_of(body.get("list_reply"))
    if reply:
        return Tap(text_of(reply.get("id"), _TOKEN) or "", text_of(reply.get("title"), _NAME) or "")
    form = object_of(body.get("nfm_reply"))
    return FlowAnswer(text_of(form.get("name"), _NAME) or "", _form(form.get("response_json"))) if form else None


def _button(_message: Json, body: Json) -> Content | None:
    """The quick reply of a template."""
    return Tap(text_of(body.get("payload"), _TOKEN) or "", text_of(body.get("text"), _NAME) or "")


def _form(written: object) -> Json | None:
    """The answers of a Flow: JSON inside a text, of any shape (Meta: "Flows: receiving responses")."""
    if not isinstance(written, str) or len(written) > _LARGEST_FORM:
        return None
    try:
        answers = pruned(json.loads(written), width=200, length=4096)
    except (ValueError, RecursionError):
        return None
    return answers if isinstance(answers, dict) else None


def _media(kind: str) -> Callable[[Json, Json], Content | None]:
    def read(_message: Json, body: Json) -> Content | None:
        exact = "audio" if kind == "voice" and body.get("voice") is False else kind
        return Media(
            exact, word_of(body.get("id"), 128), text_of(body.get("mime_type"), 128), text_of(body.get("sha256"), 128),
            text_of(body.get("url"), _URL), text_of(body.get("caption"), _CAPTION),
            text_of(body.get("filename"), _NAME),
        )  # fmt: skip

    return read


def _location(_message: Json, body: Json) -> Content:
    latitude, longitude = number_of(body.get("latitude")), number_of(body.get("longitude"))
    if latitude is None or longitude is None:
        return Attachment("location")
    return Location(latitude, longitude, text_of(body.get("name"), _NAME), text_of(body.get("address"), _NAME))


def _contacts(message: Json, _body: Json) -> Content:
    """Meta's page has the origin of a card beside the contacts, others have it inside each; only one word proves."""
    asked = message.get("origin") == "contact_request"
    cards = objects_of(message.get("contacts"))
    return Contacts(tuple(_card(card, asked and len(cards) == 1) for card in cards[:_CARDS]))


def _card(card: Json, asked: bool) -> Card:
    name = object_of(card.get("name"))
    phones = (_card_phone(phone) for phone in objects_of(card.get("phones"))[:_PHONES])
    origin = card.get("origin")
    return Card(
        text_of(name.get("formatted_name"), _NAME) or "",
        tuple(phone for phone in phones if phone),
        origin == "contact_request" if origin is not None else asked,
    )


def _card_phone(phone: Json) -> str | None:
    spelled = text_of(phone.get("phone")) or ""
    return phone_of(phone.get("wa_id")) or phone_of("".join(sign for sign in spelled if sign not in " ()-./\u00a0"))


def _order(_message: Json, body: Json) -> Content:
    items = objects_of(body.get("product_items"))[:_ITEMS]
    return Order(
        word_of(body.get("catalog_id"), 64) or "", text_of(body.get("text"), _CAPTION) or "", tuple(map(_item, items))
    )


def _item(item: Json) -> Item:
    quantity, price = number_of(item.get("quantity")), number_of(item.get("item_price"))
    return Item(
        word_of(item.get("product_retailer_id"), 128) or "",
        int(quantity) if quantity is not None and abs(quantity) < 10**9 else 0,
        str(item["item_price"])[:24] if price is not None else "0",
        word_of(item.get("currency"), 3) or "",
    )


def _reaction(_message: Json, body: Json) -> Content:
    return Reaction(id_of(body.get("message_id")) or "", word_of(body.get("emoji"), 32))


def _edit(_message: Json, body: Json) -> Content:
    told = object_of(body.get("message"))
    return Edit(id_of(body.get("original_message_id")) or "", None if told.get("type") == "edit" else _words(told))


def _words(message: Json) -> str | None:
    return words_of(content_of(message))


def _revoke(_message: Json, body: Json) -> Content:
    return Revoke(id_of(body.get("original_message_id")) or "")


_READERS: Mapping[str, Callable[[Json, Json], Content | None]] = {
    "text": _text, "interactive": _interactive, "button": _button, "location": _location, "contacts": _contacts,
    "order": _order, "reaction": _reaction, "edit": _edit, "revoke": _revoke,
    "audio": _media("voice"), "voice": _media("voice"), "image": _media("image"), "video": _media("video"),
    "document": _media("document"), "sticker": _media("sticker"),
}  # fmt: skip
