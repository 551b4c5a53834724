"""A turn of Rasa is cut short only where it can go no other way, and then leaves the same memory."""

from typing import Any

import pytest

from conversation.messages.model import Understood
from dialogue.shortcuts import Shortcuts

ACTIONS = ("action_check_points",)
LISTEN = {"event": "action", "name": "action_listen", "timestamp": 1.0}
SESSION = {"event": "slot", "name": "session_started_metadata", "value": {"programme": "cafe"}, "timestamp": 1.0}


def heard(intent: str, *entities: str) -> dict[str, Any]:
    told = {"intent": {"name": intent}, "entities": [{"entity": name, "value": "x"} for name in entities]}
    return {"event": "user", "text": intent, "parse_data": told, "timestamp": 2.0}


def did(action: str) -> dict[str, Any]:
    return {"event": "action", "name": action, "timestamp": 3.0}


def understood(intent: str, *entities: str) -> Understood:
    return Understood(intent, 1.0, dict.fromkeys(entities, "x"), None, {})


BEFORE = (SESSION, LISTEN, heard("greet"), did("utter_greet"), LISTEN)
AFTER = (SESSION, LISTEN, heard("check_points"), did("action_check_points"), LISTEN)


def test_a_turn_that_was_seen_after_the_same_course_is_known() -> None:
    shortcuts = Shortcuts(ACTIONS)
    assert shortcuts.find(BEFORE, understood("check_points")) is None
    shortcuts.learn(BEFORE, understood("check_points"), AFTER)
    known = shortcuts.find(BEFORE, understood("check_points"))
    assert known is not None
    assert known.action == "action_check_points"


def test_what_is_remembered_is_what_rasa_would_have_kept_with_the_message_of_now() -> None:
    shortcuts = Shortcuts(ACTIONS)
    shortcuts.learn(BEFORE, understood("check_points"), AFTER)
    known = shortcuts.find(BEFORE, understood("check_points"))
    assert known is not None
    kept = known.remembered(BEFORE, {"text": "and now?"}, at=9.0)
    expected = [row | {"timestamp": 9.0} for row in AFTER[1:]]
    expected[1]["text"] = "and now?"
    assert list(kept) == [SESSION, *expected]


@pytest.mark.parametrize(
    "asked",
    [(AFTER, understood("check_points")), (BEFORE, understood("greet")), (BEFORE, understood("check_points", "day"))],
    ids=["another past", "another intent", "an entity more"],
)
def test_what_differs_in_what_rules_can_see_is_not_known(asked: tuple[Any, Understood]) -> None:
    shortcuts = Shortcuts(ACTIONS)
    shortcuts.learn(BEFORE, understood("check_points"), AFTER)
    assert shortcuts.find(*asked) is None


@pytest.mark.parametrize(
    "kept",
    [
        (*AFTER[:-1], did("utter_more"), LISTEN),
        (*AFTER[:3], did("utter_greet"), LISTEN),
        (*AFTER[:4], {"event": "followup", "name": "action_check_points"}, LISTEN),
        AFTER[:4],
    ],
    ids=["a second action", "a response of the catalogue", "an event of another kind", "no listening after it"],
)
def test_a_turn_in_which_more_happened_stays_rasas(kept: tuple[Any, ...]) -> None:
    shortcuts = Shortcuts(ACTIONS)
    shortcuts.learn(BEFORE, understood("check_points"), kept)
    assert shortcuts.find(BEFORE, understood("check_points")) is None


@pytest.mark.parametrize(
    "before", [(), (*BEFORE, {"event": "slot", "name": "mood", "value": "bad"})], ids=["nothing", "a slot"]
)
def test_nothing_is_known_of_a_conversation_that_begins_or_has_slots(before: tuple[Any, ...]) -> None:
    shortcuts = Shortcuts(ACTIONS)
    shortcuts.learn(before, understood("check_points"), AFTER)
    assert shortcuts.find(before, understood("check_points")) is None
