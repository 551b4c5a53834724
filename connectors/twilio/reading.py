"""Twilio's forms as what came in: a customer's message, or what became of one of ours.

Sources: Twilio, "Twilio's request to your incoming message webhook URL" and "Track the message status of outbound
messages". A form tells no time, so a message counts as sent when it arrives, and a receipt as of then.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from connectors.errors import BadUpdate
from connectors.twilio.signature import Form
from connectors.whatsapp.reading.values import id_of, number_of, phone_of, text_of, user_id_of, word_of
from conversation.arriving.incoming import (
    Attachment,
    Content,
    FlowAnswer,
    Incoming,
    Location,
    Media,
    Receipt,
    Referral,
    Sender,
    State,
    Tap,
    Text,
)
from conversation.choosing.offers import read_token

_CHANNEL = "whatsapp:"
_LONGEST, _LONGEST_NAME = 4096, 200
_STATES: Mapping[str, State] = {
    "sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed", "undelivered": "failed",
}  # fmt: skip
"""What a `MessageStatus` means to us; `queued`, `sending` … say only that Twilio has it."""
_CARDS = frozenset({"text/vcard", "text/x-vcard"})


def read_message(form: Form, now: datetime) -> Incoming:
    """A customer's message. Raises `BadUpdate` (400) if the form does not say who sent which one to whom."""
    told = dict(form)
    id_, sender = id_of(told.get("MessageSid") or told.get("SmsSid")), _sender(told, "From")
    number = phone_of(_address(told.get("To")))
    if id_ is None or number is None or not sender.key:
        raise BadUpdate(400, "the form is no WhatsApp message: MessageSid, From and To are expected")
    return Incoming(
        id_, number, sender, now, _content(told), id_of(told.get("OriginalRepliedMessageSid")), _referral(told)
    )


def read_receipt(form: Form, outbox: str | None, now: datetime) -> Receipt | None:
    """What became of a message of ours; None if nothing that counts. `outbox` is what we wrote into the address."""
    told = dict(form)
    id_, status = (
        id_of(told.get("MessageSid") or told.get("SmsSid")),
        told.get("MessageStatus") or told.get("SmsStatus"),
    )
    if id_ is None or status is None:
        raise BadUpdate(400, "the form is no status of a message: MessageSid and MessageStatus are expected")
    state = _STATES.get(status)
    if state is None:
        return None
    failed, recipient = state == "failed", _sender(told, "To")
    code = _number(told.get("ErrorCode")) if failed else None
    said = text_of(told.get("ErrorMessage") or told.get("ChannelStatusMessage"), 500) if failed else None
    return Receipt(
        id_, state, now, _number(outbox), code,
        said or (f"Twilio: {status}, error {code or 'unknown'}" if failed else None),
        number_id=phone_of(_address(told.get("From"))), recipient=recipient if recipient.key else None,
    )  # fmt: skip


def _content(told: Mapping[str, str]) -> Content:
    body = text_of(told.get("Body"), _LONGEST) or ""
    token, title = told.get("ButtonPayload") or told.get("ListId"), told.get("ButtonText") or told.get("ListTitle")
    if token is not None or title is not None:
        said = text_of(title, _LONGEST) or body
        # A template's button may have a fixed payload: then its title is what she said, and what she quotes tells more.
        return Tap(token, said) if token is not None and read_token(token) is not None else Text(said or token or "")
    if "FlowData" in told:
        return FlowAnswer("flow", _object(told["FlowData"]))
    latitude, longitude = number_of(told.get("Latitude")), number_of(told.get("Longitude"))
    if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:
        return Location(latitude, longitude, word_of(told.get("Label"), 300), word_of(told.get("Address"), 500))
    if (_number(told.get("NumMedia")) or 0) > 0:
        return _medium(told, body)
    return Text(body) if body.strip() else Attachment("unsupported")


def _medium(told: Mapping[str, str], caption: str) -> Content:
    """The file of a message: WhatsApp's have one. Twilio hands it out by its address, to who has the account's key."""
    mime = (word_of(told.get("MediaContentType0"), 100) or "").partition(";")[0].strip().lower()
    if mime in _CARDS:
        return Attachment("contacts")
    url = word_of(told.get("MediaUrl0"), 500)
    id_ = id_of(url) or (id_of(url.rpartition("/")[2]) if url else None)
    return Media(_kind(mime), id_, mime or None, None, url, caption or None)


def _kind(mime: str) -> str:
    if mime == "image/webp":  # Twilio: "only used for WhatsApp stickers"
        return "sticker"
    if mime == "audio/ogg":  # what WhatsApp records
        return "voice"
    family = mime.partition("/")[0]
    return family if family in {"image", "video", "audio"} else "document"


def _sender(told: Mapping[str, str], field: str) -> Sender:
    """Somebody by her address: a phone, or a user id should Twilio write one in its place. Senders have names."""
    address = _address(told.get(field))
    phone, name = phone_of(address), None
    if field == "From":
        phone, name = phone or phone_of(told.get("WaId")), text_of(told.get("ProfileName"), _LONGEST_NAME)
    return Sender(phone, user_id_of(address), name or None)


def _address(value: str | None) -> str | None:
    return value.removeprefix(_CHANNEL).strip() if value else None


def _referral(told: Mapping[str, str]) -> Referral | None:
    referral = Referral(
        word_of(told.get("ReferralSourceType"), 32), word_of(told.get("ReferralSourceId"), 64),
        word_of(told.get("ReferralSourceUrl"), 500), word_of(told.get("ReferralHeadline"), 300),
        word_of(told.get("ReferralCtwaClid"), 300),
    )  # fmt: skip
    return None if referral == Referral() else referral


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 19 else None


def _object(value: str) -> Mapping[str, object] | None:
    try:
        found = json.loads(value[:_LONGEST])
    except (ValueError, RecursionError):
        return None
    return cast(Mapping[str, object], found) if isinstance(found, dict) else None
