"""The small pure parts: folding answers, the service window, who wrote."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.arriving.inbox import NO_TURN, is_turn
from conversation.arriving.incoming import Attachment, Content, Incoming, Sender, Tap, Text
from conversation.choosing.menus import fold
from conversation.leaving.outbox import WINDOW, window_open
from conversation.messages.model import Choice, Message
from conversation.register import person
from conversation.tables import Conversation
from flows.model import Ask
from loyalty.people.members import Kind, Ref
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import choices, texts

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def incoming(sender: Sender, content: Content = Text("Ciao")) -> Incoming:  # noqa: B008 -- frozen
    return Incoming("wamid.1", "1", sender, NOW, content)


# ---- folding


def test_several_answers_become_one_message() -> None:
    yes, no = Choice(Ask("affirm"), "Yes"), Choice(Ask("deny"), "No")
    folded = fold([Message("One", (yes,)), Message("", (), "Menu", "https://x.example/1.jpg"), Message("Two", (no,))])
    assert folded == Message("One\n\nTwo", (yes, no), "Menu", "https://x.example/1.jpg")


def test_the_first_label_and_the_first_picture_count() -> None:
    folded = fold(
        [Message("One", (), "First", "https://x.example/1.jpg"), Message("Two", (), "Second", "https://x.example/2")]
    )
    assert (folded.menu, folded.image) == ("First", "https://x.example/1.jpg")


@patiently(40)
@given(st.lists(st.builds(Message, texts(40), choices(4)), min_size=1, max_size=4))
def test_folding_loses_no_word_and_no_choice(answers: list[Message]) -> None:
    folded = fold(answers)
    assert "".join(folded.text.split()) == "".join("".join(each.text for each in answers).split())
    assert folded.choices == tuple(choice for each in answers for choice in each.choices)


# ---- the service window


@pytest.mark.parametrize(
    ("ago", "is_open"),
    [
        (timedelta(0), True), (timedelta(hours=23, minutes=59, seconds=59), True), (WINDOW, False),
        (timedelta(days=7), False), (timedelta(seconds=-5), True), (None, False),
    ],
)  # fmt: skip
def test_the_window_is_open_for_24_hours_after_she_wrote(ago: timedelta | None, is_open: bool) -> None:
    conversation = Conversation(last_heard_at=NOW - ago if ago is not None else None)
    assert window_open(conversation, NOW) is is_open


# ---- who wrote


def test_a_person_is_known_by_user_id_first_and_phone_second() -> None:
    both = person(incoming(Sender("393331234567", "IT.134", "Giulia")))
    assert both.refs == (Ref(Kind.USER, "IT.134"), Ref(Kind.PHONE, "+393331234567"))
    assert both.name == "Giulia"
    assert person(incoming(Sender("393331234567", None))).refs == (Ref(Kind.PHONE, "+393331234567"),)
    assert person(incoming(Sender(None, "IT.134"))).refs == (Ref(Kind.USER, "IT.134"),)


def test_a_number_that_looks_odd_is_still_hers() -> None:
    assert person(incoming(Sender("99912", None))).refs == (Ref(Kind.PHONE, "+99912"),)


# ---- what wants an answer


def test_what_wants_an_answer() -> None:
    sender = Sender("393331234567", None)
    for content in (Text(""), Tap("", ""), Attachment("voice"), Attachment("unsupported"), Attachment("order")):
        assert is_turn(incoming(sender, content))
    for kind in NO_TURN:
        assert not is_turn(incoming(sender, Attachment(kind)))
