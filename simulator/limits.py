"""Is this body one that ``POST /{phone-number-id}/messages`` would take?

In: the decoded JSON. Out: nothing, or ``Rejected`` with Meta's code, HTTP status and details.
Limits: Meta's pages "Text messages" … "Location request messages" (docs/mensagens/tipos_de_mensagens in the public copy
yvfl/api-whatsapp-docs, 6afd685) and facebook/openapi `business-messaging-api_v23.0.yaml`; where the two differ, the
smaller counts. Interactive messages are in ``interactive``, templates in ``templates``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from simulator.errors import Rejected
from simulator.interactive import check_interactive
from simulator.shape import INVALID, MISSING, PARAMETER, Body, choice_of, list_of, object_of, optional_text, text_of
from simulator.templates import check_template

TEXT_BODY = 4096
CAPTION = 1024
OPAQUE_DATA = 512
CONTACTS = 257
ID = 1024
EMOJI = 16  # the longest sequences joined by ZWJ stay below

PHONE = re.compile(r"\+?[1-9][0-9]{6,14}")
USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
LINK = re.compile(r"https?://\S+")

COMMON = frozenset(
    ("messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data")
)
READ = frozenset(("messaging_product", "status", "message_id", "typing_indicator"))


def check(body: Body) -> None:
    """Refuse ``body`` unless it is a message, or a read receipt, within the documented limits."""
    if body.get("messaging_product") != "whatsapp":
        raise Rejected(PARAMETER, "The parameter messaging_product is required and must be whatsapp.")
    if "status" in body:
        _check_read(body)
        return
    kind = choice_of(body, "type", "", CHECKS, code=131051) if "type" in body else "text"
    for key in body:
        if key not in COMMON and key != kind:
            raise Rejected(PARAMETER, f'Unexpected key "{key}" on a message of type {kind}.')
    _check_recipient(body)
    optional_text(body, "biz_opaque_callback_data", "", OPAQUE_DATA, too_long=PARAMETER)
    if "context" in body:
        text_of(object_of(body, "context", "", ("message_id",)), "message_id", "context", ID)
    CHECKS[kind](body)


def recipient_of(body: Body) -> str:
    """The addressee: digits of the phone number, or the business-scoped user id; with both, the phone wins."""
    phone = body.get("to")
    return phone.lstrip("+") if phone else str(body["recipient"])


def _check_recipient(body: Body) -> None:
    if "recipient_type" in body:
        choice_of(body, "recipient_type", "", ("individual",))
    if not body.get("to") and not body.get("recipient"):
        raise Rejected(PARAMETER, "The parameter to, or recipient, is required.")
    phone, user_id = body.get("to"), body.get("recipient")
    if phone and (not isinstance(phone, str) or not PHONE.fullmatch(phone)):
        raise Rejected(INVALID, f"Param to must be a phone number with country code - got {phone!r}.")
    if user_id and (not isinstance(user_id, str) or not USER_ID.fullmatch(user_id)):
        raise Rejected(INVALID, f"Param recipient must be a business-scoped user id - got {user_id!r}.")


def _check_read(body: Body) -> None:
    for key in body:
        if key not in READ:
            raise Rejected(PARAMETER, f'Unexpected key "{key}" on a status.')
    choice_of(body, "status", "", ("read",))
    text_of(body, "message_id", "", ID)
    if "typing_indicator" in body:
        choice_of(object_of(body, "typing_indicator", "", ("type",)), "type", "typing_indicator", ("text",))


def _check_text(body: Body) -> None:
    text = object_of(body, "text", "", ("body", "preview_url"))
    text_of(text, "body", "text", TEXT_BODY, too_long=PARAMETER)
    if not isinstance(text.get("preview_url", False), bool):
        raise Rejected(PARAMETER, "Param text.preview_url must be a boolean.")


def _media(kind: str, *extras: str) -> Callable[[Body], None]:
    allowed = ("id", "link", *extras)

    def check_media(body: Body) -> None:
        media = object_of(body, kind, "", allowed)
        if ("id" in media) == ("link" in media):
            raise Rejected(MISSING, f"Param {kind} needs an id or a link, one of the two.")
        source = text_of(media, "id" if "id" in media else "link", kind, 4096)
        if "link" in media and not LINK.fullmatch(source):
            raise Rejected(INVALID, f"Param {kind}.link must be a URL.")
        optional_text(media, "caption", kind, CAPTION, too_long=PARAMETER)
        optional_text(media, "filename", kind, 240)

    return check_media


def _check_location(body: Body) -> None:
    place = object_of(body, "location", "", ("latitude", "longitude", "name", "address"))
    for key, edge in (("latitude", 90), ("longitude", 180)):
        try:
            degrees = float(place.get(key, "missing"))
        except (TypeError, ValueError):
            raise Rejected(MISSING, f"Parameter location.{key} is required and must be a number.") from None
        if not -edge <= degrees <= edge:
            raise Rejected(INVALID, f"Param location.{key} must be between -{edge} and {edge}.")


def _check_reaction(body: Body) -> None:
    reaction = object_of(body, "reaction", "", ("message_id", "emoji"))
    text_of(reaction, "message_id", "reaction", ID)
    emoji = reaction.get("emoji")  # an empty one takes the reaction back
    if not isinstance(emoji, str) or len(emoji) > EMOJI:
        raise Rejected(MISSING, "Parameter reaction.emoji is required and must be one emoji.")


def _check_contacts(body: Body) -> None:
    for number, contact in enumerate(list_of(body, "contacts", "message", 1, CONTACTS)):
        where = f"contacts[{number}]"
        if not isinstance(contact, dict):
            raise Rejected(PARAMETER, f"Param {where} must be a JSON object.")
        text_of(object_of(contact, "name", where), "formatted_name", f"{where}.name", 1024)


CHECKS: dict[str, Callable[[Body], None]] = {
    "text": _check_text,
    "interactive": check_interactive,
    "template": check_template,
    "image": _media("image", "caption"),
    "video": _media("video", "caption"),
    "document": _media("document", "caption", "filename"),
    "audio": _media("audio", "voice"),
    "sticker": _media("sticker"),
    "location": _check_location,
    "reaction": _check_reaction,
    "contacts": _check_contacts,
}
