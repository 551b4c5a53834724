"""Every response a Rasa designer can write is a message: one of them, with each picture once and no payload in it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from connectors.whatsapp import limits
from connectors.whatsapp.render import render
from conversation.choosing.offers import make_offer
from conversation.leaving.outbox import Due
from conversation.messages.extras import Link, Medium, Products, Request, Shelf, Template
from conversation.messages.model import Choice, Command, Message
from conversation.messages.payloads import UNCLEAR, read_payload
from conversation.messages.responses import read_response, together, unread
from conversation.messages.wire import answer_to_json
from conversation.tables import Conversation
from flows.model import Ask
from simulator import check
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import a_place_for_offers, extras, messages

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
MUG, BAR = "https://aurora.example/mug.jpg", "https://aurora.example/bar.mp4"
PAYLOAD = '/redeem_reward{"reward": "mug"}'


def said(response: dict[str, Any]) -> Message:
    """The one message a response becomes."""
    (message,) = read_response(response)
    assert isinstance(message, Message)
    return message


# ---- buttons and payloads


@pytest.mark.parametrize(
    ("payload", "ask"),
    [
        ("/help", Ask("help")), ("help", Ask("help")), (PAYLOAD, Ask("redeem_reward", {"reward": "mug"})),
        ("/help@0.9", Ask("help")), ('/a@1.0{"n": 3}', Ask("a", {"n": "3"})), ('/a {"b": ["x"]}', Ask("a",
         {"b": '["x"]'})),
        ("/a{broken}", Ask("a")), ("", Ask(UNCLEAR)), ("I want a mug", Ask(UNCLEAR)), ("//x", Ask("/x")),
    ],
)  # fmt: skip
def test_a_payload_is_a_question(payload: str, ask: Ask) -> None:
    assert read_payload(payload) == ask


def test_buttons_and_quick_replies_are_choices_and_links_are_links() -> None:
    buttons = [{"title": " Mug ", "payload": PAYLOAD}, {"title": "", "payload": "/x"}, {"payload": "/y"}, "no button"]
    link = {"type": "web_url", "title": "Menu", "url": "https://a.example"}
    message = said(
        {"text": "Hi", "quick_replies": [{"title": "Help", "payload": "/help"}], "buttons": [*buttons, link]}
    )
    assert message.choices == (Choice(Ask("help"), "Help"), Choice(Ask("redeem_reward", {"reward": "mug"}), "Mug"))
    assert message.extras == (Link("https://a.example", "Menu"),)


# ---- pictures and attachments


def test_a_picture_is_there_once_although_rasa_repeats_it_as_an_attachment() -> None:
    assert said({"text": "A mug", "image": MUG, "attachment": MUG}) == Message("A mug", (), None, MUG)


@pytest.mark.parametrize(
    ("attachment", "medium"),
    [
        (BAR, Medium("video", BAR)), ("https://a.example/a.pdf?x=1", Medium("document", "https://a.example/a.pdf?x=1",
         None, "a.pdf")),
        ({"type": "image", "payload": {"src": MUG}}, Medium("image", MUG)),
        ({"type": "video", "payload": {"url": BAR}}, Medium("video", BAR)),
        ({"type": "file", "url": MUG, "title": "Mug.jpg"}, Medium("document", MUG, None, "Mug.jpg")),
    ],
)  # fmt: skip
def test_an_attachment_is_a_medium(attachment: Any, medium: Medium) -> None:
    assert said({"attachment": attachment}) == Message("", (), None, None, (medium,))
    assert said({"custom": {"attachment": attachment}}) == Message("", (), None, None, (medium,))


def test_cards_are_one_message_with_their_buttons_under_their_titles() -> None:
    cards = [
        {
            "title": "Mug",
            "subtitle": "200 points",
            "image_url": MUG,
            "buttons": [{"title": "Take", "payload": PAYLOAD}],
        },
        {"title": "Tea", "image_url": "https://a.example/tea.jpg", "buttons": [{"title": "Take", "payload": "/help"}]},
    ]
    expected = Message(
        "Here:\n\n*Mug*\n200 points\n\n*Tea*",
        (
            Choice(Ask("redeem_reward", {"reward": "mug"}), "Take", None, (), "Mug"),
            Choice(Ask("help"), "Take", None, (), "Tea"),
        ),
        None, MUG, (Medium("image", "https://a.example/tea.jpg"),),
    )  # fmt: skip
    assert said({"text": "Here:", "elements": cards}) == expected
    template = {"type": "template", "payload": {"template_type": "generic", "elements": cards}}
    assert said({"text": "Here:", "attachment": template}) == expected
    assert said({"text": "Here:", "custom": {"attachment": template}}) == expected


# ---- custom


def test_an_answer_of_our_own_is_what_it_was() -> None:
    for answer in (Command("join"), Message("Hi", (Choice(Ask("help"), "Help"),))):
        assert read_response({"custom": answer_to_json(answer)}) == (answer,)
    assert read_response({"text": "Hi", "custom": {"command": {"name": "join", "args": {}}}}) == (
        Command("join"), Message("Hi"),
    )  # fmt: skip


def interactive(kind: str, action: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": "Which?"}, "action": action, **more}}


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        ({"type": "text", "text": {"body": "Hi"}}, Message("Hi")),
        ({"text": "Hi", "quick_replies": [{"title": "Yes", "payload": "/affirm"}]}, Message("Hi",
         (Choice(Ask("affirm"), "Yes"),))),
        ({"type": "video", "video": {"link": BAR, "caption": "Ours"}}, Message("Ours", extras=(Medium("video", BAR),))),
        ({"type": "audio", "audio": {"id": "7", "voice": True}}, Message("", extras=(Medium("voice", None, "7"),))),
        (
            interactive("button", {"buttons": [{"type": "reply", "reply": {"id": PAYLOAD, "title": "Mug"}}]}),
            Message("Which?", (Choice(Ask("redeem_reward", {"reward": "mug"}), "Mug"),)),
        ),
        (
            interactive(
                "list",
                {"button": "See", "sections": [{"title": "A", "rows": [{"id": "/help", "title": "H",
                 "description": "d"}]}]},
                header={"type": "text", "text": "Ours"}, footer={"text": "Thanks"},
            ),
            Message("*Ours*\n\nWhich?\n\n_Thanks_", (Choice(Ask("help"), "H", "d", (), "A"),), "See"),
        ),
        (
            interactive(
                "cta_url", {"name": "cta_url", "parameters": {"display_text": "See", "url": "https://a.example"}},
                header={"type": "image", "image": {"link": MUG}},
            ),
            Message("Which?", extras=(Medium("image", MUG), Link("https://a.example", "See"))),
        ),
        (interactive("location_request_message", {"name": "send_location"}), Message("Which?",
         extras=(Request("location"),))),
        (interactive("request_contact_info", {"name": "request_contact_info"}), Message("Which?",
         extras=(Request("contact"),))),
        (
            interactive("product", {"catalog_id": "1", "product_retailer_id": "sku"}),
            Message("Which?", extras=(Products("1", (Shelf("", ("sku",)),)),)),
        ),
        (
            {
                "type": "template",
                "template": {
                    "name": "news", "language": {"code": "it"},
                    "components": [
                        {"type": "body", "parameters": [
                            {"type": "text", "text": "5"},
                            {"type": "currency", "currency": {"fallback_value": "€ 3", "code": "EUR",
                             "amount_1000": 3000}},
                        ]},
                        {"type": "button", "sub_type": "COPY_CODE", "index": 1,
                         "parameters": [{"type": "coupon_code", "coupon_code": "25OFF"}]},
                    ],
                },
            },
            Message("", extras=(
                Template("news", "it", ("5", "€ 3"), None, ({"kind": "copy_code", "index": 1, "value": "25OFF"},)),
            )),
        ),
    ],
)  # fmt: skip
def test_what_meta_s_pages_show_can_be_copied_into_a_response(custom: dict[str, Any], message: Message) -> None:
    assert said({"custom": custom}) == message
    assert said({"json_message": custom}) == message
    assert unread({"custom": custom}) == []


@pytest.mark.parametrize(
    "custom",
    [
        {"blocks": []}, {"type": "interactive"}, {"type": "interactive", "interactive": {"type": "flow", "action": {}}},
        {"type": "image", "image": {}}, {"type": "video", "video": {"link": BAR, "id": "7"}}, {"type": 7}, [], "text",
         7,
        {"attachment": {}}, {"type": "template", "template": {"name": "x"}}, {"text": {"text": 1}, "type": "text"},
    ],
)  # fmt: skip
def test_custom_json_in_other_words_says_nothing(custom: Any) -> None:
    assert read_response({"custom": custom}) == ()
    assert unread({"custom": custom}) == (sorted(custom) if isinstance(custom, dict) else [])


# ---- all of it together


@patiently(40)
@given(st.lists(messages(4, extras(2)), min_size=1, max_size=4))
def test_several_messages_are_one_and_nothing_is_left_out(several: list[Message]) -> None:
    one = together(several)
    assert "".join(one.text.split()) == "".join("".join(each.text for each in several).split())
    assert one.choices == tuple(choice for each in several for choice in each.choices)
    pictures = {one.image, *(extra.link for extra in one.extras if isinstance(extra, Medium))}
    assert all(each.image is None or each.image in pictures for each in several)
    assert all(extra in one.extras for each in several for extra in each.extras)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(MUG),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["title", "payload", "text", "image", "type", "url", "elements", "buttons", "attachment", "subtitle",
             "body",
             "interactive", "action", "rows", "sections", "link", "template", "name", "components", "parameters"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
BUTTON = st.fixed_dictionaries({"title": st.text(max_size=30), "payload": st.just(PAYLOAD)})
RESPONSES = st.fixed_dictionaries(
    {},
    optional={
        "text": st.none() | st.text(max_size=50), "buttons": st.lists(BUTTON, max_size=14) | JSON,
        "quick_replies": JSON, "image": st.none() | st.just(MUG) | JSON, "attachment": JSON,
        "elements": st.lists(JSON, max_size=4) | JSON, "custom": JSON, "json_message": JSON, "metadata": JSON,
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def session() -> Any:
    with a_place_for_offers() as session:
        yield session


@patiently(200)
@given(RESPONSES)
def test_whatever_a_designer_writes_is_valid_and_shows_no_payload(session: Session, response: dict[str, Any]) -> None:
    for message in read_response(response):
        assert isinstance(message, Message)
        conversation = Conversation(member_id="m", programme_id="cafe", number_id="1")
        parts = make_offer(session, conversation, message, saved=None, more="More", prompt="Choose", now=NOW)
        for part in parts:
            body = render(Due(7, "1", "+393331234567", None, part, 1))
            limits.check(body)
            check(body)
            assert "redeem_reward" not in str(body)
