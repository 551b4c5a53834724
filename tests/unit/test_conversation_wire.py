"""Messages as JSON and back."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.arriving.incoming import Attachment, Incoming, Sender, Tap, Text, incoming_from_json, incoming_to_json
from conversation.messages.model import Answer, Choice, Command, Message
from conversation.messages.wire import (
    answer_from_json,
    answer_to_json,
    message_from_json,
    message_to_json,
)
from flows.model import Ask, Event, Saved
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import TEMPLATES, VALUES, extras, messages

SENT_AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
SHORT = st.text(max_size=20)
COMMANDS = st.builds(Command, SHORT, st.dictionaries(SHORT, SHORT, max_size=4))
INCOMING = st.builds(
    Incoming,
    st.just("wamid.1"),
    st.just("106540352242922"),
    st.builds(Sender, st.none() | SHORT, st.none() | SHORT, st.none() | SHORT),
    st.just(SENT_AT),
    st.builds(Text, SHORT) | st.builds(Tap, SHORT, SHORT) | st.builds(Attachment, SHORT),
)
SAVED = st.builds(
    Saved, SHORT, st.integers(), SHORT, st.integers(), SHORT, st.dictionaries(SHORT, VALUES, max_size=4)
)  # fmt: skip


def through_json(row: dict[str, Any]) -> dict[str, Any]:
    """What is left of a row once a database kept it."""
    kept = json.loads(json.dumps(row))
    assert isinstance(kept, dict)
    return kept


@patiently(50)
@given(messages(8, extras() | TEMPLATES.map(lambda template: (template,))))
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert message_from_json(through_json(message_to_json(message))) == message


@patiently(50)
@given(messages(4) | COMMANDS)
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    assert answer_from_json(through_json(answer_to_json(answer))) == answer


@patiently()
@given(INCOMING)
def test_a_message_of_a_customer_comes_back_as_it_was(incoming: Incoming) -> None:
    row = through_json(incoming_to_json(incoming))
    assert incoming_from_json(incoming.message_id, incoming.number_id, incoming.sent_at, row) == incoming


@patiently()
@given(SAVED)
def test_a_flow_comes_back_where_it_stood(saved: Saved) -> None:
    assert Saved.from_json(through_json(saved.to_json())) == saved


def test_a_row_of_before_there_were_sections_and_extras_is_read() -> None:
    choice: dict[str, Any] = {"ask": "help", "entities": {}, "title": "Help", "detail": None, "words": ["?"]}
    row = {"text": "Hi", "choices": [choice], "menu": None, "image": None}
    message = Message("Hi", (Choice(Ask("help"), "Help", None, ("?",)),))
    assert message_from_json(row) == message
    assert message_to_json(message) == row, "what says nothing is not written"


@pytest.mark.parametrize(
    "extra",
    [
        {"medium": {"kind": "film", "link": "https://x.example"}}, {"medium": {"kind": "image"}}, {"medium": 7},
        {"request": "money"}, {"link": {}}, {"pin": {"latitude": "north", "longitude": 1}}, {"products": {}},
        {"template": {"name": "a"}}, {"reaction": {}}, {"contacts": [7]},
    ],
)  # fmt: skip
def test_an_extra_that_is_wrong_makes_no_answer(extra: dict[str, Any]) -> None:
    row = {"text": "", "choices": [], "menu": None, "image": None, "extras": [extra]}
    assert answer_from_json({"message": row}) is None


def test_an_event_and_a_question_stay_apart() -> None:
    choices = (
        Choice(Event("pick", {"reward": "mug", "points": 200}), "Mug"),
        Choice(Ask("help", {"reward": "x"}), "Help"),
    )
    assert message_from_json(message_to_json(Message("?", choices))).choices == choices


@pytest.mark.parametrize(
    "row",
    [
        {}, {"text": "x"}, {"command": None}, {"command": "join"}, {"command": {}}, {"command": {"name": "join"}},
        {"command": {"args": {}}}, {"message": None}, {"message": {}}, {"message": {"text": "x"}}, {"message": [1]},
        {"message": {"text": "x", "choices": [{}], "menu": None, "image": None}},
        {"message": {"text": "x", "choices": 7, "menu": None, "image": None}},
        {"message": {"text": "x", "choices": ["a"], "menu": None, "image": None}},
        {"attachment": {"type": "template"}}, {"command": {}, "message": {}},
    ],
)  # fmt: skip
def test_custom_json_of_somebody_else_is_no_answer_of_ours(row: dict[str, Any]) -> None:
    assert answer_from_json(row) is None
