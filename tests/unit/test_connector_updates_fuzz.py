"""Whatever a webhook holds: `read_batch` gives things that can be stored, or raises `BadUpdate`, and nothing else."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import String

from connectors.errors import BadUpdate
from connectors.whatsapp.reading.contents import LONGEST_TEXT
from connectors.whatsapp.updates import Batch, read_batch
from conversation.arriving.happenings import Happening, happening_from_json, happening_to_json, people_of
from conversation.arriving.incoming import (
    Incoming,
    Receipt,
    Sender,
    Text,
    incoming_from_json,
    incoming_to_json,
    receipt_from_json,
    receipt_to_json,
)
from conversation.register import person
from conversation.tables import ChannelEvent, Conversation, InboxRow, OutboxRow
from loyalty.tables import Base, Member
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_webhooks import (
    CONTENTS,
    FIELDS,
    PHONE,
    STATUSES,
    SYSTEM,
    USER_ID,
    Json,
    contact,
    echo,
    entry,
    message,
    preference,
    raw,
    value,
    webhook,
)

Path = tuple[str | int, ...]

ANY_TEXT = st.text(st.characters(), max_size=30)
"""With NUL and lone surrogates."""
ODD: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 10**400, 1.5, float("nan"), float("inf"), -0.0, 1e308,
    "", " ", "\0", "\ud800", "\0\udfff", "x\0y", "x\ud800", "\0\0.a", "US." + "9" * 200, "12.a", "٣٣٣٣٣٣٣٣", "²",
    PHONE, f"+{PHONE}", USER_ID, "1" * 40, "a" * 300, "é" * 5000, "253402300800", "-62135596801", "NaN",
    [], {}, [None], [[]], [{}], ["sent"], {"sent": 1}, {"body": "\0"}, {"id": ["x"], "title": {"x": "\ud800"}},
    [{"code": True, "title": "\0"}], [{"code": 2**31, "title": []}],
)  # fmt: skip
"""What does not belong anywhere."""
TELLING = st.sampled_from(ODD)
NUMBERS = st.integers() | st.floats()
LEAVES = st.none() | st.booleans() | NUMBERS | ANY_TEXT | TELLING
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def real_bodies() -> list[Json]:
    """A body for each type of message, one with receipts of every kind, and a batch of all."""
    single = [webhook(entry(value(messages=[message(kind)], contacts=[contact(user_id=USER_ID)]))) for kind in CONTENTS]
    receipts = value(statuses=list(STATUSES.values()), contacts=[contact()])
    nobody = value(
        messages=[message(from_=None, from_user_id=USER_ID)], contacts=[contact(phone=None, user_id=USER_ID)]
    )
    system = [webhook(entry(value(messages=[{**message(), **told}]))) for told in SYSTEM.values()]
    told = [webhook(entry(told, field=field)) for field, told in FIELDS.items()]
    told += [webhook(entry(preference(), field="user_preferences")), webhook(entry(echo(), field="smb_message_echoes"))]
    problem = webhook(entry(value(errors=[{"code": 131005, "title": "Access denied"}])))
    rich = webhook(entry(value(messages=[RICH], contacts=[contact()])))
    batch = webhook(entry(value(messages=[message("text"), message("button_reply")])), entry(nobody, receipts))
    return [*single, webhook(entry(receipts)), *system, *told, problem, rich, batch]


RICH = {
    **message(),
    "context": {"id": "wamid.ours", "referred_product": {"catalog_id": "1", "product_retailer_id": "di9"}},
    "referral": {
        "source_url": "https://fb.me/3cr4", "source_id": "120226305854810726", "source_type": "ad",
        "headline": "Chat with us", "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
    },
}  # fmt: skip
"""A message with everything that can stand beside its content."""


BODIES = real_bodies()
READ = frozenset(
    {"id", "from", "from_user_id", "wa_id", "user_id", "name", "phone_number_id", "timestamp", "type", "text", "title"}
    | {"metadata", "context", "referral", "system", "previous_user_id", "wa_id", "to", "user_preferences", "category"}
    | {"contacts", "phones", "latitude", "product_items", "response_json", "pricing", "recipient_id", "errors"}
    | {"payload", "button", "interactive", "body", "status", "code", "errors", "biz_opaque_callback_data", "contacts"}
)
"""Keys under which the connector looks: worth more damage than the rest."""


def paths(document: object, here: Path = ()) -> list[Path]:
    """The places of everything in a document."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [here, *(path for key, part in inside for path in paths(part, (*here, key)))]


def change(document: Json, path: Path, do: str, new: object) -> Json:
    """The document with something else at a place, or nothing, or one thing more."""
    if not path:
        return document
    holder: Any = document
    for key in path[:-1]:
        holder = holder[key]
    last = path[-1]
    if do == "delete":
        del holder[last]
    elif do == "double" and isinstance(holder, list):
        holder.insert(int(last), copy.deepcopy(holder[int(last)]))
    elif do == "bury":
        for _ in range(200):
            holder[last] = [holder[last]]
    else:
        holder[last] = copy.deepcopy(new)
    return document


@st.composite
def damaged(draw: st.DrawFn) -> Json:
    """A real body with one to four changes anywhere."""
    document = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        places = paths(document)
        read = [place for place in places if place and place[-1] in READ] or places
        path = draw(st.sampled_from(draw(st.sampled_from([places, read]))))
        do = draw(st.sampled_from(["replace", "replace", "replace", "delete", "double", "bury"]))
        document = change(document, path, do, draw(ANYTHING) if do == "replace" else None)
    return document


# ---- what can be stored


def longest(table: type[Base], column: str) -> int:
    """How much a column takes."""
    kind = table.__table__.c[column].type
    assert isinstance(kind, String)
    assert kind.length
    return kind.length


def assert_text(text: object, limit: int | None = None) -> None:
    assert type(text) is str
    text.encode("utf-8")
    assert "\0" not in text
    assert limit is None or len(text) <= limit


def assert_instant(instant: object) -> None:
    assert type(instant) is datetime
    assert instant.utcoffset() is not None
    assert instant.astimezone(UTC).year >= 1


def assert_sender(sender: object) -> None:
    assert type(sender) is Sender
    assert sender.key
    assert_text(sender.key, longest(InboxRow, "contact"))
    if sender.phone is not None:
        assert_text(sender.phone, longest(Conversation, "phone") - len("+"))
    if sender.user_id is not None:
        assert_text(sender.user_id, longest(Conversation, "user_id"))
    if sender.name is not None:
        assert_text(sender.name, longest(Member, "name"))


def assert_json(value: object) -> None:
    """What Postgres takes as JSON: no NUL, no lone surrogates, finite numbers."""
    json.dumps(value, allow_nan=False)
    match value:
        case str():
            assert_text(value, LONGEST_TEXT)
        case dict():
            for key, one in value.items():
                assert_text(key)
                assert_json(one)
        case list() | tuple():
            for one in value:
                assert_json(one)


def assert_happening(event: object) -> None:
    assert isinstance(event, Happening)
    assert_text(event.id, longest(ChannelEvent, "identity"))
    assert_text(event.kind, longest(ChannelEvent, "kind"))
    assert_instant(event.at)
    assert_json(happening_to_json(event))
    for who in people_of(event):
        if who is not None:
            assert_sender(who)
    kept = json.loads(json.dumps(happening_to_json(event)))
    assert happening_from_json(event.kind, event.id, event.at, kept) == event


def assert_incoming(incoming: object) -> None:
    assert type(incoming) is Incoming
    assert incoming.message_id
    assert_text(incoming.message_id, longest(InboxRow, "message_id"))
    assert_text(incoming.number_id, longest(InboxRow, "number_id"))
    assert_sender(incoming.sender)
    assert_instant(incoming.sent_at)
    content = incoming_to_json(incoming)
    assert_json(content)
    assert_text(getattr(incoming.content, "kind", ""), 20)
    if incoming.in_reply_to is not None:
        assert_text(incoming.in_reply_to, longest(OutboxRow, "wamid"))
    if isinstance(incoming.content, Text):
        assert_text(incoming.content.text, LONGEST_TEXT)
    assert person(incoming).refs
    kept = json.loads(json.dumps(incoming_to_json(incoming)))
    assert incoming_from_json(incoming.message_id, incoming.number_id, incoming.sent_at, kept) == incoming


def assert_receipt(receipt: object) -> None:
    assert type(receipt) is Receipt
    assert receipt.message_id
    assert_text(receipt.message_id, longest(OutboxRow, "wamid"))
    assert receipt.state in {"sent", "delivered", "read", "played", "failed"}
    assert_instant(receipt.at)
    assert receipt.outbox_id is None or (type(receipt.outbox_id) is int and 0 <= receipt.outbox_id < 2**63)
    assert receipt.error_code is None or (type(receipt.error_code) is int and abs(receipt.error_code) < 2**31)
    if receipt.error is not None:
        assert_text(receipt.error)
    if receipt.recipient is not None:
        assert_sender(receipt.recipient)
    kept = json.loads(json.dumps(receipt_to_json(receipt), allow_nan=False))
    assert receipt_from_json(receipt.message_id, kept) == replace(receipt, recipient=None)


def assert_storable(batch: object) -> None:
    assert type(batch) is Batch
    assert type(batch.messages) is tuple
    assert type(batch.receipts) is tuple
    for incoming in batch.messages:
        assert_incoming(incoming)
    for receipt in batch.receipts:
        assert_receipt(receipt)
    for event in batch.events:
        assert_happening(event)


# ---- tests


def assert_stored_or_refused(body: bytes) -> None:
    try:
        batch = read_batch(body)
    except BadUpdate as refusal:
        if refusal.status != 400:
            raise
    else:
        assert_storable(batch)


def test_the_real_bodies_themselves_can_be_stored() -> None:
    for body in BODIES:
        batch = read_batch(raw(body))
        assert batch
        assert_storable(batch)


@pytest.mark.parametrize("number", range(len(BODIES) - 1))  # the last is made of the others
def test_every_odd_value_at_every_place_can_be_stored_or_is_refused(number: int) -> None:
    for path in paths(BODIES[number]):
        for odd in ODD:
            assert_stored_or_refused(raw(change(copy.deepcopy(BODIES[number]), path, "replace", odd)))


@patiently(250)
@given(damaged())
def test_a_damaged_body_can_be_stored_or_is_refused(document: Json) -> None:
    assert_stored_or_refused(raw(document))


@patiently(100)
@given(ANYTHING)
def test_any_json_anywhere_can_be_stored_or_is_refused(document: object) -> None:
    parts = value(messages=document, statuses=document, contacts=document)
    inside = {"object": "whatsapp_business_account", "entry": document}
    for body in (document, inside, webhook(entry(parts))):
        assert_stored_or_refused(raw(body))


@patiently(100)
@given(st.binary(max_size=60), st.integers(0, 2000), st.sampled_from(BODIES))
def test_any_bytes_in_a_body_can_be_stored_or_are_refused(noise: bytes, place: int, body: Json) -> None:
    whole = raw(body)
    for bytes_ in (noise, whole[:place] + noise + whole[place + len(noise) :], whole[:place]):
        assert_stored_or_refused(bytes_)
