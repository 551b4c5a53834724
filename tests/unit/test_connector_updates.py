"""Reading webhook bodies: Meta's shapes, one by one."""

import json
from datetime import UTC, datetime

import pytest

from connectors.errors import BadUpdate
from connectors.whatsapp.updates import LARGEST, read_batch
from conversation.arriving.inbox import is_turn
from conversation.arriving.incoming import Attachment, Sender, Tap, Text
from tests.unit.helpers_webhooks import (
    CONTENTS,
    NUMBER_ID,
    PHONE,
    SENT_AT,
    STATUSES,
    USER_ID,
    Json,
    contact,
    entry,
    message,
    raw,
    read,
    read_message,
    read_status,
    value,
    webhook,
)

KINDS = {
    "nfm_reply": "flow", "image": "image", "audio": "voice", "video": "video", "document": "document",
    "sticker": "sticker", "location": "location", "contacts": "contacts", "order": "order", "reaction": "reaction",
    "edit": "edit", "revoke": "revoke", "unsupported": "unsupported", "hologram": "unsupported",
}  # fmt: skip

# ---- messages


def test_a_text_message_is_read_with_everything_that_counts() -> None:
    incoming = read_message(message("text", id_="wamid.A"), contact())
    assert incoming.message_id == "wamid.A"
    assert incoming.number_id == NUMBER_ID
    assert incoming.sender == Sender(PHONE, None, "Sheena Nelson")
    assert incoming.sent_at == datetime(2025, 6, 8, 20, 59, 43, tzinfo=UTC)
    assert incoming.content == Text("Does it come in another color?")


@pytest.mark.parametrize(
    ("kind", "tap"),
    [
        ("button_reply", Tap("K7QX4M2PABCDE-0", "Cancel")),
        ("list_reply", Tap("K7QX4M2PABCDE-7", "Espresso")),
        ("button", Tap("Unsubscribe", "Stop, please")),
    ],
)
def test_buttons_rows_and_template_buttons_are_all_taps(kind: str, tap: Tap) -> None:
    assert read_message(message(kind), contact()).content == tap


@pytest.mark.parametrize(("kind", "known"), KINDS.items())
def test_everything_else_is_of_its_kind(kind: str, known: str) -> None:
    content = read_message(message(kind), contact()).content
    assert not isinstance(content, Text | Tap)
    assert content.kind == known


def test_every_shape_of_the_examples_is_covered_above() -> None:
    assert {*KINDS, "text", "button_reply", "list_reply", "button"} == set(CONTENTS)


@pytest.mark.parametrize("kind", ["reaction", "edit", "revoke"])
def test_what_nobody_said_to_the_bot_wants_no_answer(kind: str) -> None:
    assert not is_turn(read_message(message(kind), contact()))


@pytest.mark.parametrize("kind", ["text", "button_reply", "list_reply", "button", "audio", "order", "hologram"])
def test_what_was_said_to_the_bot_wants_an_answer(kind: str) -> None:
    assert is_turn(read_message(message(kind), contact()))


def test_a_typed_slash_stays_text() -> None:
    told = message("text", text={"body": '/redeem_reward{"reward": "mug"}'})
    assert read_message(told, contact()).content == Text('/redeem_reward{"reward": "mug"}')


@pytest.mark.parametrize("text", [None, {}, {"body": None}, {"body": 7}, [], "hello"])
def test_a_text_message_without_a_text_is_kept_as_unsupported(text: object) -> None:
    assert read_message(message("text", text=text), contact()).content == Attachment("unsupported")


@pytest.mark.parametrize("kind", [None, 7, ["text"], {"text": 1}, "", "Text", "interactive"])
def test_a_message_without_a_known_type_is_kept_as_unsupported(kind: object) -> None:
    assert read_message(message("text", type=kind), contact()).content == Attachment("unsupported")


def test_a_reply_without_id_or_title_is_a_tap_on_nothing() -> None:
    told = message("button_reply", interactive={"type": "button_reply", "button_reply": {"id": 7, "x": 1}})
    assert read_message(told, contact()).content == Tap("", "")


def test_texts_and_names_lose_what_no_database_takes() -> None:
    told = message("text", text={"body": "a\0b\ud800c 👍"}, id_="wamid.\0\udfff")
    incoming = read_message(told, contact(name="Lu\0c\ud800ía"))
    assert incoming.content == Text("ab?c 👍")
    assert incoming.message_id == "wamid.?"
    assert incoming.sender.name == "Luc?ía"


# ---- who wrote


def test_somebody_with_a_phone_alone_is_known_by_it() -> None:
    sender = read_message(message(), contact()).sender
    assert (sender.phone, sender.user_id, sender.key) == (PHONE, None, PHONE)


def test_somebody_without_a_phone_is_known_by_her_user_id() -> None:
    told = message(from_=None, from_user_id=USER_ID)
    sender = read_message(told, contact(phone=None, user_id=USER_ID)).sender
    assert sender == Sender(None, USER_ID, "Sheena Nelson")
    assert sender.key == USER_ID


def test_the_user_id_comes_before_the_phone() -> None:
    sender = read_message(message(from_user_id=USER_ID), contact(user_id=USER_ID)).sender
    assert sender == Sender(PHONE, USER_ID, "Sheena Nelson")
    assert sender.key == USER_ID


def test_what_the_message_leaves_out_is_taken_from_the_only_contact() -> None:
    assert read_message(message(), contact(user_id=USER_ID)).sender == Sender(PHONE, USER_ID, "Sheena Nelson")
    assert read_message(message(from_=None), contact(user_id=USER_ID)).sender.phone == PHONE
    assert read_message(message(from_user_id=USER_ID, from_=None), contact()).sender.phone == PHONE


def test_no_contacts_at_all_leave_the_sender_nameless() -> None:
    assert read_message(message()).sender == Sender(PHONE, None, None)


def test_of_several_contacts_each_message_gets_its_own() -> None:
    giulia, tom = contact("Giulia", "393331234567", "IT.134"), contact("Tom", "447700900123", "GB.8")
    batch = read(
        value(
            contacts=[giulia, tom],
            messages=[
                message(id_="1", from_="447700900123"),
                message(id_="2", from_=None, from_user_id="IT.134"),
                message(id_="3", from_="393331234567"),
                message(id_="4", from_="34600000000"),
                message(id_="5", from_=None),
            ],
        )
    )
    senders = {incoming.message_id: incoming.sender for incoming in batch.messages}
    assert senders == {
        "1": Sender("447700900123", "GB.8", "Tom"),
        "2": Sender("393331234567", "IT.134", "Giulia"),
        "3": Sender("393331234567", "IT.134", "Giulia"),
        "4": Sender("34600000000", None, None),
    }, "the fifth says of nobody who wrote it"


def test_nobody_is_given_the_identity_of_another_person() -> None:
    stranger = contact("Tom", "447700900123", "GB.8")
    assert read_message(message(), stranger).sender == Sender(PHONE, None, None)
    told = message(from_=None, from_user_id=USER_ID)
    assert read_message(told, stranger).sender == Sender(None, USER_ID, None)


def test_a_plus_before_the_phone_makes_no_other_person() -> None:
    assert read_message(message(from_=f"+{PHONE}"), contact()).sender == Sender(PHONE, None, "Sheena Nelson")


@pytest.mark.parametrize(
    "phone", ["", "12", "1" * 16, "٣٣٣٣٣٣٣٣", "+", "39 333 1234", 393331234567, None, ["1"], "abc"]
)
def test_what_is_no_phone_is_not_taken_for_one(phone: object) -> None:
    told = message(from_=phone, from_user_id=USER_ID)
    assert read_message(told).sender == Sender(None, USER_ID, None)


@pytest.mark.parametrize(
    "user_id", ["", "US", "US.", ".123", "USA.123", "1.2", "12.abc", "\0\0.a", "US.a b", "US.é", "US." + "1" * 129, 7]
)
def test_what_is_no_user_id_is_not_taken_for_one(user_id: object) -> None:
    assert read_message(message(from_user_id=user_id)).sender == Sender(PHONE, None, None)


def test_the_longest_user_id_is_one() -> None:
    longest = "IT." + "A" * 128
    assert read_message(message(from_=None, from_user_id=longest)).sender.key == longest


@pytest.mark.parametrize("told", [{"from_": None}, {"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * 201}])
def test_a_message_without_sender_or_id_is_passed_over(told: Json) -> None:
    assert read(value(messages=[message(**told), message(id_="kept")])).messages[0].message_id == "kept"


def test_a_name_is_cut_to_what_the_register_takes() -> None:
    assert read_message(message(), contact(name="é" * 500)).sender.name == "é" * 200


# ---- when it was sent


def test_a_message_was_sent_when_it_says_so_however_late_it_comes() -> None:
    assert read_message(message(timestamp="1")).sent_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert read_message(message(timestamp=1749416383)).sent_at == read_message(message()).sent_at
    assert read_message(message(timestamp="-86400")).sent_at == datetime(1969, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "timestamp",
    [None, "", "soon", "1749416383.5", 1.5, True, [], {}, "9" * 30, 10**400, "-" + "9" * 30, "99999999999", "٩" * 20],
)
def test_a_message_from_no_time_or_the_future_was_sent_now(timestamp: object) -> None:
    before = datetime.now(UTC)
    sent_at = read_message(message(timestamp=timestamp)).sent_at
    assert before <= sent_at <= datetime.now(UTC)


# ---- receipts


def test_receipts_tell_what_became_of_a_message() -> None:
    receipt = read_status(STATUSES["sent"])
    assert (receipt.message_id, receipt.state, receipt.outbox_id) == ("wamid.sent", "sent", 4711)
    assert receipt.at == datetime.fromtimestamp(int(SENT_AT), UTC)
    assert read_status(STATUSES["delivered"]).state == "delivered"
    assert read_status(STATUSES["read"]).state == "read"


def test_a_failure_without_contacts_is_told_with_its_code() -> None:
    receipt = read_status(STATUSES["failed"])
    assert (receipt.state, receipt.outbox_id) == ("failed", 4712)
    assert (receipt.error_code, receipt.error) == (131047, "Re-engagement message")


@pytest.mark.parametrize(
    "errors", [None, [], {}, [7], ["x"], [{}], [{"code": "131047"}], [{"code": True}], [{"code": 2**31}]]
)
def test_a_failure_without_a_sound_error_is_a_failure_all_the_same(errors: object) -> None:
    receipt = read_status({**STATUSES["failed"], "errors": errors})
    assert (receipt.state, receipt.error_code) == ("failed", None)


@pytest.mark.parametrize("echoed", [None, "", "4711x", "-1", "1.5", "٤٧", "²", 4711, "9" * 19, "outbox 4711"])
def test_an_echo_that_is_no_number_of_ours_is_ignored(echoed: object) -> None:
    assert read_status({**STATUSES["sent"], "biz_opaque_callback_data": echoed}).outbox_id is None


@pytest.mark.parametrize(
    "told",
    [
        {"status": "pondered"}, {"status": None}, {"status": ["sent"]}, {"status": {"sent": 1}},
        {"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * 201},
    ],
)  # fmt: skip
def test_a_receipt_that_is_none_is_passed_over(told: Json) -> None:
    batch = read(value(statuses=[{**STATUSES["sent"], **told}, STATUSES["read"]]))
    assert [receipt.message_id for receipt in batch.receipts] == ["wamid.read"]


# ---- batches


def test_everything_in_a_batch_is_read_in_its_order() -> None:
    body = webhook(
        entry(
            value(messages=[message(id_="1"), message("image", id_="2")], contacts=[contact()]),
            value(statuses=[STATUSES["sent"], STATUSES["delivered"]]),
        ),
        entry(
            value(messages=[message(id_="3")], statuses=[STATUSES["failed"]]),
            value(),
            value(messages=[message(id_="4")]),
        ),
    )
    batch = read_batch(raw(body))
    assert [incoming.message_id for incoming in batch.messages] == ["1", "2", "3", "4"]
    assert [receipt.state for receipt in batch.receipts] == ["sent", "delivered", "failed"]


def test_a_thousand_updates_are_a_thousand_updates() -> None:
    messages = [message(id_=f"wamid.{number}") for number in range(1000)]
    assert len(read(value(messages=messages, contacts=[contact()])).messages) == 1000


def test_messages_belong_to_the_number_they_were_written_to() -> None:
    other = {**value(messages=[message(id_="2")]), "metadata": {"phone_number_id": "222"}}
    none = {**value(messages=[message(id_="3")]), "metadata": {}}
    assert [
        (one.message_id, one.number_id) for one in read(value(messages=[message(id_="1")]), other, none).messages
    ] == [
        ("1", NUMBER_ID),
        ("2", "222"),
    ]


@pytest.mark.parametrize("field", ["", None, 7, ["messages"]])
def test_a_field_without_a_name_is_passed_over(field: str) -> None:
    body = webhook(entry(value(messages=[message()], statuses=[STATUSES["sent"]]), field=field), entry(value()))
    assert not read_batch(raw(body))


def test_a_mistake_in_one_part_costs_nothing_of_the_others() -> None:
    body = webhook(entry(value(messages=[7, None, "x", [], {}, message(id_="kept")], contacts=["x", contact()])))
    body["entry"] += [None, 7, {"changes": "x"}, {"changes": [None, {"value": 7}, {"value": {"messages": {}}}]}, []]
    body["entry"].append(entry(value(statuses=[STATUSES["read"]])))
    batch = read_batch(raw(body))
    assert [incoming.message_id for incoming in batch.messages] == ["kept"]
    assert [receipt.state for receipt in batch.receipts] == ["read"]


# ---- bodies that are none


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"not json", b"\xff\xfe\xfd", b'{"object": "\xff"}', b"null", b"7", b'"x"', b"[]", b"{}",
        b'{"object": "page", "entry": []}', b'{"object": "whatsapp_business_account"}', b"{'object': 1}",
        b'{"object": "whatsapp_business_account", "entry": {}}', b'{"object": ["whatsapp_business_account"]}',
        b'{"entry": []}', b"\0", b'{"object": "whatsapp_business_account", "entry": null}',
        b"1" * 5000, b"-" * 5000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_webhook_is_a_bad_update(body: bytes) -> None:
    with pytest.raises(BadUpdate) as caught:
        read_batch(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"object": "whatsapp_business_account", "entry": ['])
def test_three_megabytes_of_nesting_are_a_bad_update(opening: bytes) -> None:
    with pytest.raises(BadUpdate):
        read_batch(opening * (LARGEST // len(opening)))


def test_nesting_where_a_value_should_be_is_no_harm() -> None:
    for depth in range(1, 900, 50):
        nested = json.loads("[" * depth + "]" * depth)
        incoming = read_message(message(timestamp=nested, text=nested), {"profile": nested})
        assert incoming.content == Attachment("unsupported")


def test_signs_that_python_reads_as_numbers_are_no_harm() -> None:
    text = raw(webhook(entry(value(messages=[message()], statuses=[STATUSES["failed"]])))).decode()
    for odd in ("NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 4000):
        batch = read_batch(text.replace(f'"{SENT_AT}"', odd).replace("131047", odd).encode())
        assert len(batch.messages) == len(batch.receipts) == 1


def test_a_key_that_stands_twice_counts_as_it_stands_last() -> None:
    text = raw(webhook(entry(value(messages=[message(id_="first")])))).decode()
    twice = text.replace('"id": "first"', '"id": "first", "id": "second"')
    assert [incoming.message_id for incoming in read_batch(twice.encode()).messages] == ["second"]


def test_a_byte_order_mark_and_other_encodings_of_json_are_read() -> None:
    text = raw(webhook(entry(value(messages=[message()])))).decode()
    for encoding in ("utf-8-sig", "utf-16", "utf-32-le"):
        assert len(read_batch(text.encode(encoding)).messages) == 1
