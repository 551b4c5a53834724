"""Tokens of buttons, and which choices a customer has before her."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.choosing.offers import (
    KEPT,
    OLDEST,
    Offered,
    find_offer,
    forget_old,
    make_offer,
    read_token,
    turns_page,
)
from conversation.messages.layout import MORE, Limits, lay_out
from conversation.messages.model import Choice, Message
from conversation.tables import Conversation
from flows.model import Ask, Event, Saved
from loyalty.codes import ALPHABET
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import a_place_for_offers

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
OFFER = "K7QX4M2PABCDE"
CHOICES = (Choice(Event("pick", {"reward": "mug"}), "Mug", "200 points"), Choice(Ask("help"), "Help", None, ("?",)))


@patiently()
@given(st.text(ALPHABET, min_size=13, max_size=13), st.integers(0, 9999))
def test_a_token_names_an_offer_and_a_number(offer: str, number: int) -> None:
    assert read_token(f"{offer}-{number}") == (offer, number)


@pytest.mark.parametrize(
    "token",
    [
        "", "-", OFFER, f"{OFFER}-", f"{OFFER}-x", f"{OFFER}--1", f"{OFFER}-1.0", f"{OFFER}-12345", f"{OFFER}-٢",
        f"{OFFER}-²", f"{OFFER}- 1", f"{OFFER}_1", f"{OFFER}X-1", f"{OFFER[1:]}-1", "/redeem_reward", "cancel-button",
        'redeem_reward{"reward": "mug"}', "1" * 5000, f"{OFFER}-" + "9" * 5000, "\0", f"{OFFER}-1\n", f"{OFFER}-1-2",
    ],
)  # fmt: skip
def test_what_cannot_be_a_token_of_ours_is_none(token: str) -> None:
    assert read_token(token) is None


@patiently()
@given(st.text(st.characters()) | st.from_regex(r"\A.{0,15}-?.{0,6}\Z"))
def test_no_token_whatever_does_harm(token: str) -> None:
    named = read_token(token)
    assert named is None or (len(named[0]) == 13 and 0 <= named[1] <= 9999 and token.startswith(f"{named[0]}-"))


def test_only_the_more_row_turns_the_page() -> None:
    assert turns_page(MORE)
    assert not any(turns_page(number) for number in range(1001))


def test_what_was_offered_is_found_again_by_its_token_and_nothing_else_is() -> None:
    conversation = Conversation(member_id="m", programme_id="cafe", number_id="1")
    message = Message("Which?", CHOICES, "Rewards")
    saved = Saved("redemption", 1, "run-1", 3, "choosing")
    with a_place_for_offers() as session:
        (part,) = make_offer(session, conversation, message, saved=saved, more="More", prompt="Choose", now=NOW)
        named = [read_token(choice["id"]) for choice in part["choices"]]
        assert named == [(conversation.offer_id, 0), (conversation.offer_id, 1)]
        assert find_offer(session, conversation.offer_id) == Offered(
            str(conversation.offer_id), "m", "run-1", 3, message, 0, NOW, (0, 2)
        )
        for other in (None, "", OFFER, "\0"):
            assert find_offer(session, other) is None


def test_a_token_tells_nothing_of_what_it_does_and_no_two_offers_have_the_same() -> None:
    conversation = Conversation(member_id="m", programme_id="cafe", number_id="1")
    with a_place_for_offers() as session:
        ids = set()
        for _ in range(50):
            (part,) = make_offer(
                session, conversation, Message("?", CHOICES), saved=None, more="More", prompt="Choose", now=NOW
            )
            ids |= {choice["id"] for choice in part["choices"]}
    assert len(ids) == 100
    assert not any("mug" in id_ or "help" in id_ for id_ in ids)


def test_a_message_without_choices_leaves_the_newest_offer_as_it_is() -> None:
    conversation = Conversation(member_id="m", programme_id="cafe", number_id="1", offer_id=OFFER)
    with a_place_for_offers() as session:
        parts = make_offer(session, conversation, Message("Hi"), saved=None, more="More", prompt="Choose", now=NOW)
    assert [part["text"] for part in parts] == ["Hi"]
    assert conversation.offer_id == OFFER


@patiently()
@given(st.integers(0, 60), st.integers(0, 9), st.integers(2, 12))
def test_the_window_is_what_the_page_shows(count: int, page: int, rows: int) -> None:
    limits = Limits(rows=rows)
    message = Message("?", tuple(Choice(Ask("help"), f"Number {number}", "detail") for number in range(count)))
    shown = lay_out(message.choices, page=page, more="More", limits=limits).shown
    first, last = Offered(OFFER, "m", None, 0, message, page, NOW).window(limits)
    assert [each.number for each in shown if each.number != MORE] == list(range(first, last))


def test_what_was_shown_to_her_decides_what_she_typed() -> None:
    conversation = Conversation(member_id="m", programme_id="cafe", number_id="1")
    titles = ("Espresso", "Cappuccino", "3", "Tazza", "Mug")
    message = Message("Which?", tuple(Choice(Event("pick"), title) for title in titles))
    words = Limits(buttons=0, rows=0, lines=3)
    with a_place_for_offers() as session:
        (part,) = make_offer(
            session, conversation, message, saved=None, more="More", page=1, prompt="Choose", now=NOW, limits=words
        )
        offer = find_offer(session, conversation.offer_id)
    assert part["style"] == "numbered"
    assert part["text"] == "Which?\n\n1. 3\n2. Tazza\n3. More"
    assert [read_token(choice["id"]) for choice in part["choices"]] == [
        (conversation.offer_id, number) for number in (2, 3, MORE)
    ]
    assert offer is not None
    assert offer.window() == (2, 4)
    assert offer.typed("la seconda", more="More") == 3
    assert offer.typed("more!", more="More") == MORE
    assert offer.typed("1", more="More") == 2
    assert offer.typed("3", more="More") is None, "the third line, or the one that says 3"
    assert offer.typed("3. more", more="More") is None
    assert offer.typed("Espresso", more="More") == 0


def test_an_offer_of_before_windows_were_kept_still_knows_its_page() -> None:
    many = Message("?", tuple(Choice(Ask("help"), f"Number {number}") for number in range(20)))
    assert Offered(OFFER, "m", None, 0, many, 1, NOW).window() == (9, 18)
    assert Offered(OFFER, "m", None, 0, many, 1, NOW).typed("2") == 10


def test_old_offers_are_forgotten_but_for_the_one_that_stands() -> None:
    conversation = Conversation(member_id="m", programme_id="cafe", number_id="1")
    message = Message("Which?", CHOICES, "Rewards")
    with a_place_for_offers() as session:
        session.add(conversation)
        ids = []
        for age in (KEPT + OLDEST, KEPT - OLDEST, KEPT + OLDEST):
            make_offer(session, conversation, message, saved=None, more="More", prompt="Choose", now=NOW - age)
            ids.append(conversation.offer_id)
        session.flush()
        assert forget_old(session, now=NOW) == 1
        assert [find_offer(session, id_) is None for id_ in ids] == [True, False, False]
        assert forget_old(session, now=NOW) == 0
