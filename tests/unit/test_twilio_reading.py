"""Twilio's forms: what each becomes, and that none of any shape does harm."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadUpdate
from connectors.twilio.reading import read_message, read_receipt
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
    Tap,
    Text,
    incoming_from_json,
    incoming_to_json,
)
from conversation.arriving.intake import Batch
from tests.unit.helpers_hypothesis import patiently

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
FORM = {
    "MessageSid": "SM1", "From": "whatsapp:+393331234567", "To": "whatsapp:+14155238886", "ProfileName": "Anna",
    "WaId": "393331234567", "NumMedia": "0", "Body": "ciao", "AccountSid": "AC1",
}  # fmt: skip
TOKEN = "K7QX4M2PABCDE-3"
MEDIUM = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


def read(**fields: str) -> Incoming:
    return read_message(list({**FORM, **fields}.items()), NOW)


def test_a_text_says_who_wrote_what_to_which_number_when_it_came() -> None:
    assert read() == Incoming("SM1", "14155238886", Sender("393331234567", None, "Anna"), NOW, Text("ciao"))


def medium(kind: str, mime: str, caption: str | None = None) -> Media:
    return Media(kind, MEDIUM, mime, None, MEDIUM, caption)


CONTENTS: list[tuple[dict[str, str], Content]] = [
    ({"Body": "ciao\0 \ud800"}, Text("ciao ?")),
    ({"Body": "x" * 9000}, Text("x" * 4096)),
    ({"Body": "  "}, Attachment("unsupported")),
    ({"ButtonPayload": TOKEN, "ButtonText": "Sì", "Body": "Sì"}, Tap(TOKEN, "Sì")),
    ({"ButtonPayload": "check_points", "ButtonText": "I miei punti"}, Text("I miei punti")),
    ({"ListId": TOKEN, "ListTitle": "Cappuccino"}, Tap(TOKEN, "Cappuccino")),
    ({"Latitude": "45.46", "Longitude": "9.19", "Label": "Duomo"}, Location(45.46, 9.19, "Duomo")),
    ({"Latitude": "nan", "Longitude": "9.19"}, Text("ciao")),
    ({"Latitude": "91", "Longitude": "9.19"}, Text("ciao")),
    ({"NumMedia": "1", "MediaUrl0": MEDIUM, "MediaContentType0": "image/jpeg"}, medium("image", "image/jpeg", "ciao")),
    ({"NumMedia": "1", "MediaUrl0": MEDIUM, "MediaContentType0": "image/webp", "Body": ""},
     medium("sticker", "image/webp")),
    ({"NumMedia": "1", "MediaUrl0": MEDIUM, "MediaContentType0": "audio/ogg; codecs=opus", "Body": ""},
     medium("voice", "audio/ogg")),
    ({"NumMedia": "1", "MediaUrl0": MEDIUM, "MediaContentType0": "application/pdf"},
     medium("document", "application/pdf", "ciao")),
    ({"NumMedia": "1", "MediaUrl0": MEDIUM, "MediaContentType0": "text/vcard"}, Attachment("contacts")),
    ({"FlowData": '{"size": "M"}'}, FlowAnswer("flow", {"size": "M"})),
    ({"FlowData": "{"}, FlowAnswer("flow", None)),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "content"), CONTENTS)
def test_each_kind_of_message_is_known(fields: dict[str, str], content: Content) -> None:
    assert read(**fields).content == content


def test_a_quotation_and_an_advertisement_are_kept() -> None:
    incoming = read(OriginalRepliedMessageSid="MM9", ReferralSourceType="ad", ReferralCtwaClid="c1")
    assert incoming.in_reply_to == "MM9"
    assert incoming.referral == Referral("ad", ctwa_clid="c1")


def test_somebody_whose_address_is_no_phone_is_known_by_it() -> None:
    assert read(From="whatsapp:IT.1349120865", WaId="").sender == Sender(None, "IT.1349120865", "Anna")


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To"])
def test_a_form_that_does_not_say_who_sent_which_message_to_whom_is_refused(missing: str) -> None:
    with pytest.raises(BadUpdate) as caught:
        read(**{missing: "", "WaId": ""})
    assert caught.value.status == 400


NAMES = [
    *FORM, "MessageStatus", "ErrorCode", "ButtonPayload", "ButtonText", "ListId", "MediaUrl0", "MediaContentType0",
    "Latitude", "Longitude", "FlowData", "OriginalRepliedMessageSid", "ReferralSourceId", "SmsStatus", "Label",
]  # fmt: skip
VALUES = st.text(max_size=300) | st.sampled_from(
    ["1", "-1", "1e999", "nan", "[" * 5000, "9" * 5000, "whatsapp:+1", TOKEN]
)


@patiently(300)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.none() | VALUES)
def test_no_form_does_harm_and_what_is_read_can_be_kept(form: dict[str, str], outbox: str | None) -> None:
    fields = list((FORM | form).items())
    try:
        incoming = read_message(fields, NOW)
    except BadUpdate:
        incoming = None
    if incoming is not None:
        kept = incoming_to_json(incoming)
        assert incoming_from_json(incoming.message_id, incoming.number_id, NOW, kept) == incoming
        assert "\0" not in str(kept["sender"])
    try:
        receipt = read_receipt(fields, outbox, NOW)
    except BadUpdate:
        receipt = None
    assert receipt is None or Batch((), (receipt,))


# ---- receipts


def receipt(outbox: str | None = "17", **fields: str) -> Receipt | None:
    form = {"MessageSid": "SM1", "From": "whatsapp:+14155238886", "To": "whatsapp:+393331234567", **fields}
    return read_receipt(list(form.items()), outbox, NOW)


@pytest.mark.parametrize(("status", "state"), [("sent", "sent"), ("delivered", "delivered"), ("read", "read")])
def test_a_receipt_says_what_became_of_which_message(status: str, state: str) -> None:
    told = receipt(MessageStatus=status)
    assert told is not None
    assert (told.message_id, told.state, told.outbox_id, told.number_id) == ("SM1", state, 17, "14155238886")
    assert told.recipient == Sender("393331234567", None)
    assert (told.error_code, told.error) == (None, None)


@pytest.mark.parametrize("status", ["failed", "undelivered"])
def test_a_failure_has_its_code_and_says_something(status: str) -> None:
    told = receipt(MessageStatus=status, ErrorCode="63016")
    assert told is not None
    assert (told.state, told.error_code) == ("failed", 63016)
    assert "63016" in str(told.error)
    assert receipt(MessageStatus=status) is not None


@pytest.mark.parametrize("status", ["queued", "sending", "accepted", "scheduled", "canceled", "receiving", "new"])
def test_that_twilio_has_a_message_is_no_news(status: str) -> None:
    assert receipt(MessageStatus=status) is None


@pytest.mark.parametrize("outbox", [None, "", "x", "-1", "٣", "9" * 30])
def test_a_receipt_without_our_number_is_found_by_the_sid(outbox: str | None) -> None:
    told = receipt(outbox, MessageStatus="sent")
    assert told is not None
    assert told.outbox_id is None
