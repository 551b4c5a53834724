"""What messages hold: every type of Meta's webhook, typed, bounded, and the same after the inbox kept it."""

import json
from typing import Any

import pytest

from connectors.whatsapp.updates import read_batch
from conversation.arriving.incoming import Product, Referral, Sender, incoming_from_json, incoming_to_json
from conversation.messages.contents import (
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
    content_from_json,
    content_to_json,
    words_of,
)
from tests.unit.helpers_webhooks import (
    CONTENTS,
    PHONE,
    USER_ID,
    contact,
    echo,
    entry,
    message,
    raw,
    read_message,
    webhook,
)

TYPED: dict[str, Content] = {
    "image": Media("image", "1003383421387256", "image/jpeg", "SfIn=", None, "Taj Mahal"),
    "audio": Media("voice", "1908647", "audio/ogg; codecs=opus"),
    "video": Media("video", "1003383421387257", "video/mp4", "a3="),
    "document": Media("document", "1", "application/pdf", filename="bill.pdf"),
    "sticker": Media("sticker", "2", "image/webp"),
    "location": Location(37.44221496582, -122.16165924072, "Philz Coffee", "101 Forest Ave, Palo Alto, CA 94301"),
    "contacts": Contacts((Card("Lucía Gómez", ("19835552319",)),)),
    "order": Order(
        "194836987003835", "no sugar", (Item("di9ozbzfi4", 2, "30", "USD"), Item("nqryix03ez", 1, "25.5", "USD"))
    ),
    "nfm_reply": FlowAnswer(
        "flow", {"flow_token": "t-1", "birthday": "1990-02-03", "likes": ["tea", {"with": "milk"}]}
    ),
    "reaction": Reaction("wamid.HBgLMTY1MDM4", "👍"),
    "edit": Edit("wamid.HBgLMTY1MDM4", "I meant tea"),
    "revoke": Revoke("wamid.HBgLMTY1MDM4"),
    "unsupported": Attachment("unsupported"),
    "hologram": Attachment("unsupported"),
}


@pytest.mark.parametrize(("kind", "content"), TYPED.items())
def test_a_message_of_each_type_is_read_with_all_it_holds(kind: str, content: Content) -> None:
    assert read_message(message(kind), contact()).content == content


@pytest.mark.parametrize("content", [Text("hi"), Tap("t-1", "Yes"), Echo("text", "Hi"), Echo("image"), *TYPED.values()])
def test_every_content_is_the_same_after_the_inbox_kept_it(content: Content) -> None:
    assert content_from_json(json.loads(json.dumps(content_to_json(content)))) == content


@pytest.mark.parametrize(
    ("row", "content"),
    [
        ({"text": "ciao"}, Text("ciao")), ({"tap": "K-0", "title": "Sì"}, Tap("K-0", "Sì")),
        ({"attachment": "voice"}, Attachment("voice")), ({"attachment": "reaction"}, Attachment("reaction")),
    ],
)  # fmt: skip
def test_rows_of_the_inbox_of_before_are_read(row: dict[str, Any], content: Content) -> None:
    body = {"sender": {"phone": PHONE, "user_id": None, "name": None}, "content": row}
    sent_at = read_message(message()).sent_at
    incoming = incoming_from_json("wamid.1", "1", sent_at, body)
    assert (incoming.content, incoming.sender, incoming.in_reply_to) == (content, Sender(PHONE, None), None)


def test_every_type_of_the_examples_has_a_place_here() -> None:
    assert {*TYPED, "text", "button_reply", "list_reply", "button"} == set(CONTENTS)


# ---- words


@pytest.mark.parametrize("kind", ["image", "video", "document"])
def test_a_caption_is_what_was_said(kind: str) -> None:
    told = {**message(kind), kind: {"id": "7", "caption": "how many points do I have?"}}
    assert words_of(read_message(told).content) == "how many points do I have?"


@pytest.mark.parametrize("caption", [None, "", "   ", 7])
def test_a_picture_without_a_caption_says_nothing(caption: object) -> None:
    assert words_of(read_message(message("image", image={"id": "7", "caption": caption})).content) is None


def test_an_audio_file_is_no_voice_message() -> None:
    assert read_message(message("audio", audio={"id": "7", "voice": False})).content == Media("audio", "7")
    assert read_message(message("audio", audio={"id": "7"})).content == Media("voice", "7")


def test_a_reaction_that_was_taken_back_has_no_emoji() -> None:
    assert read_message(message("reaction", reaction={"message_id": "w.1"})).content == Reaction("w.1")


def test_a_text_is_cut_to_what_a_person_can_type() -> None:
    content = read_message(message("text", text={"body": "é" * 100_000})).content
    assert isinstance(content, Text)
    assert len(content.text) == 65_536


# ---- forms


@pytest.mark.parametrize(
    "written",
    ["", "no json", "[1]", "7", "null", None, {"a": 1}, "{" * 100_000, "[" * 50_000, '{"a": ' + '"x"' * 40_000 + "}"],
)  # fmt: skip
def test_a_form_that_cannot_be_read_has_no_answers(written: object) -> None:
    told = message("nfm_reply", interactive={"type": "nfm_reply", "nfm_reply": {"name": "f", "response_json": written}})
    assert read_message(told).content == FlowAnswer("f", None)


def test_a_form_is_bounded_in_depth_width_and_length() -> None:
    form: Any = {"deep": 1}
    for _ in range(50):
        form = {"deep": form}
    answers = {"deep": form, "long": "x" * 10_000, "wide": list(range(1000)), "nan": float("nan"), "huge": 10**30}
    told = message(
        "nfm_reply", interactive={"nfm_reply": {"name": "f", "response_json": json.dumps(answers)}}
    )  # fmt: skip
    content = read_message(told).content
    assert isinstance(content, FlowAnswer)
    assert content.answers is not None
    assert len(content.answers["long"]) == 4096
    assert len(content.answers["wide"]) == 200
    assert (content.answers["nan"], content.answers["huge"]) == (None, None)
    assert len(json.dumps(content.answers["deep"])) < 100


# ---- contact cards


def card(phone: str = "+44 7700 900123", **extras: object) -> dict[str, Any]:
    return {"name": {"formatted_name": "Sam"}, "phones": [{"phone": phone}], **extras}


def test_a_card_that_was_asked_for_proves_the_senders_own_number() -> None:
    told = message("contacts", from_=None, from_user_id=USER_ID, contacts=[card(origin="contact_request")])
    incoming = read_message(told)
    assert incoming.content == Contacts((Card("Sam", ("447700900123",), own=True),))
    assert incoming.sender == Sender("447700900123", USER_ID, None)
    beside = message("contacts", from_=None, from_user_id=USER_ID, contacts=[card()], origin="contact_request")
    assert read_message(beside).sender.phone == "447700900123"


@pytest.mark.parametrize(
    "told",
    [
        {"contacts": [card(origin="other")]}, {"contacts": [card()]}, {"contacts": [card()], "origin": "other"},
        {"contacts": [card(origin="other")], "origin": "contact_request"},
        {"contacts": [card(), card("+44 7700 900456")], "origin": "contact_request"},
        {"contacts": [card("nonsense", origin="contact_request")]}, {"contacts": [card(origin=True)]},
    ],
)  # fmt: skip
def test_any_other_card_proves_nothing(told: dict[str, Any]) -> None:
    incoming = read_message(message("contacts", from_=None, from_user_id=USER_ID, **told))
    assert incoming.sender == Sender(None, USER_ID, None)


def test_a_number_that_whatsapp_tells_is_not_replaced_by_a_card() -> None:
    told = message("contacts", from_user_id=USER_ID, contacts=[card(origin="contact_request")])
    assert read_message(told).sender == Sender(PHONE, USER_ID, None)


# ---- what stands beside the content


def test_a_reply_knows_what_it_replies_to_and_which_product_it_asks_about() -> None:
    product = {"catalog_id": "194836987003835", "product_retailer_id": "di9ozbzfi4"}
    incoming = read_message(message(context={"from": "15550783881", "id": "wamid.ours", "referred_product": product}))
    assert incoming.in_reply_to == "wamid.ours"
    assert incoming.product == Product("194836987003835", "di9ozbzfi4")
    kept = json.loads(json.dumps(incoming_to_json(incoming)))
    assert incoming_from_json(incoming.message_id, incoming.number_id, incoming.sent_at, kept) == incoming


def test_the_advertisement_that_brought_her_is_kept_within_bounds() -> None:
    told = {
        "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
        "body": "Summer Succulents are here!", "headline": "Chat with us", "ctwa_clid": "Aff-n8",
    }  # fmt: skip
    incoming = read_message(message(referral=told))
    assert incoming.referral == Referral(
        "ad", "120226305854810726", "https://fb.me/3cr4Wqqkv", "Chat with us", "Aff-n8"
    )
    long = read_message(message(referral={"source_url": "x" * 10_000, "headline": "y" * 10_000})).referral
    assert long is not None
    assert len(json.dumps(incoming_to_json(read_message(message(referral={"source_url": "x" * 10_000}))))) < 1500
    assert read_message(message(referral={"body": "x"})).referral is None


def test_what_the_business_wrote_past_us_stands_in_the_customers_chat_and_wants_no_answer() -> None:
    batch = read_batch(raw(webhook(entry(echo(), field="smb_message_echoes"))))
    (incoming,) = batch.messages
    assert (incoming.sender.phone, incoming.content) == (PHONE, Echo("text", "Hi"))
