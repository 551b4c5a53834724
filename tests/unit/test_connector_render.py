"""From a message to what the Cloud API takes: whatever it is, it is within Meta's limits and nothing gets lost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from connectors.whatsapp import limits
from connectors.whatsapp.render import render
from conversation.choosing.offers import Offered, make_offer, read_token
from conversation.leaving.outbox import Due
from conversation.messages.cutting import line
from conversation.messages.layout import MORE, WHATSAPP
from conversation.messages.model import Choice, Message
from conversation.tables import Conversation
from flows.model import Ask
from simulator.limits import check
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import TEMPLATES, a_place_for_offers, extras, messages

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
Json = dict[str, Any]


class Rendering:
    """The way of a message from the dialogue to the Cloud API."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, message: Message, page: int = 0, phone: str | None = "+393331234567") -> list[Json]:
        """The bodies that are sent for a message."""
        conversation = Conversation(member_id="m", programme_id="cafe", number_id="1")
        parts = make_offer(
            self._session, conversation, message, saved=None, more="More…", page=page, prompt="Choose", now=NOW
        )
        return [render(Due(7, "1", phone, "IT.134", part, 1)) for part in parts]


@pytest.fixture(scope="module")
def bodies_of() -> Iterator[Rendering]:
    with a_place_for_offers() as session:
        yield Rendering(session)


def shown_in(body: Json) -> list[Json]:
    """What can be tapped, as id, title and perhaps description."""
    action = body.get("interactive", {}).get("action", {})
    rows = [row for section in action.get("sections", []) for row in section["rows"]]
    return [button["reply"] for button in action.get("buttons", [])] or rows


def pages(message: Message) -> int:
    """How many pages a message has."""
    count = len(message.choices)
    return 1 if count <= WHATSAPP.rows else -(-count // (WHATSAPP.rows - 1))


def choice(title: str, detail: str | None = None) -> Choice:
    return Choice(Ask("check_points"), title, detail)


# ---- any message


@patiently(100)
@given(messages(carrying=extras()), st.sampled_from(["+393331234567", None]))
def test_any_message_is_within_the_limits_of_the_cloud_api(
    bodies_of: Rendering, message: Message, phone: str | None
) -> None:
    for page in range(pages(message) + 1):
        for body in bodies_of(message, page, phone):
            limits.check(body)
            check(body)


@patiently(40)
@given(messages(8, TEMPLATES.map(lambda template: (template,))))
def test_any_template_is_within_the_limits_of_the_cloud_api(bodies_of: Rendering, message: Message) -> None:
    for body in bodies_of(message):
        limits.check(body)
        check(body)


@patiently(60)
@given(messages())
def test_every_choice_of_any_message_can_be_reached(bodies_of: Rendering, message: Message) -> None:
    reached: list[int] = []
    for page in range(pages(message)):
        *before, last = bodies_of(message, page) or [{}]
        assert not any(shown_in(body) for body in before), "choices stand under the last part"
        numbers = [named[1] for shown in shown_in(last) if (named := read_token(shown["id"])) is not None]
        assert len(numbers) == len(shown_in(last))
        here = [number for number in numbers if number != MORE]
        assert (MORE in numbers) == (len(message.choices) > WHATSAPP.rows)
        assert (here[0], here[-1] + 1) == Offered("o", "m", None, 0, message, page, NOW).window() if here else True
        reached += here
    assert reached == list(range(len(message.choices)))


@patiently(100)
@given(messages())
def test_every_title_and_detail_of_any_message_can_be_read_in_full(bodies_of: Rendering, message: Message) -> None:
    for page in range(pages(message)):
        bodies = bodies_of(message, page)
        said = "".join("".join(map(_texts, bodies)).split())
        for body in bodies:
            for shown in shown_in(body):
                _, number = read_token(shown["id"]) or ("", MORE)
                if number == MORE:
                    continue
                row = "".join(f"{shown['title']}{shown.get('description', '')}".split())
                for full in (line(message.choices[number].title), line(message.choices[number].detail)):
                    words = "".join(full.split())
                    assert words in row or words in said


@patiently(60)
@given(messages())
def test_every_heading_of_any_message_stands_over_its_choices(bodies_of: Rendering, message: Message) -> None:
    for page in range(pages(message)):
        *_, body = bodies_of(message, page) or [{}]
        said = _texts(body) if body else ""
        for section in body.get("interactive", {}).get("action", {}).get("sections", []):
            for row in section["rows"]:
                _, number = read_token(row["id"]) or ("", MORE)
                heading = line(message.choices[number].section) if number != MORE else ""
                title = section.get("title", "")
                assert not heading or title == heading or title.endswith("…"), said


@patiently(60)
@given(messages())
def test_no_word_and_no_picture_of_any_message_gets_lost(bodies_of: Rendering, message: Message) -> None:
    bodies = bodies_of(message)
    if not message.choices and not line(message.text) and message.image is None:
        assert bodies == []
        return
    said = "".join("".join(map(_texts, bodies)).split())
    assert "".join(message.text.split()) in said or not line(message.text)
    pictures = [body["image"]["link"] for body in bodies if body["type"] == "image"]
    headers = [body["interactive"].get("header", {}) for body in bodies if body["type"] == "interactive"]
    pictures += [header["image"]["link"] for header in headers if header]
    assert pictures == ([message.image] if message.image else [])


def _texts(body: Json) -> str:
    match body["type"]:
        case "text":
            return str(body["text"]["body"])
        case "image":
            return str(body["image"].get("caption", ""))
        case _:
            return str(body["interactive"]["body"]["text"])


# ---- one by one


def test_a_text_goes_to_the_phone_and_carries_the_number_of_its_row(bodies_of: Rendering) -> None:
    assert bodies_of(Message("You have *7 points*.")) == [
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "+393331234567",
            "type": "text",
            "text": {"body": "You have *7 points*.", "preview_url": False},
            "biz_opaque_callback_data": "7",
        }
    ]


def test_somebody_without_a_phone_is_reached_by_her_user_id(bodies_of: Rendering) -> None:
    (body,) = bodies_of(Message("Ciao"), phone=None)
    assert body["recipient"] == "IT.134"
    assert "to" not in body


def test_a_link_is_shown_with_its_preview(bodies_of: Rendering) -> None:
    (body,) = bodies_of(Message("Pass this on: https://aurora.example/r/K7QX"))
    assert body["text"]["preview_url"] is True


@pytest.mark.parametrize(("count", "style"), [(1, "button"), (2, "button"), (3, "button"), (4, "list"), (10, "list")])
def test_up_to_three_short_choices_are_buttons_and_up_to_ten_a_list(
    bodies_of: Rendering, count: int, style: str
) -> None:
    (body,) = bodies_of(Message("?", tuple(choice(f"Number {number}") for number in range(count)), menu="Rewards"))
    assert body["interactive"]["type"] == style
    assert [shown["title"] for shown in shown_in(body)] == [f"Number {number}" for number in range(count)]
    assert style == "button" or body["interactive"]["action"]["button"] == "Rewards"


def test_a_detail_or_a_long_title_makes_a_list(bodies_of: Rendering) -> None:
    (body,) = bodies_of(Message("?", (choice("Espresso", "At the bar"),)))
    assert body["interactive"]["action"]["button"] == "…", "without a label of its own"
    assert shown_in(body)[0]["description"] == "At the bar"
    (body,) = bodies_of(Message("?", (choice("Colazione per due con due cornetti", "90 points"),)))
    assert shown_in(body)[0]["title"] == "Colazione per due con d…"
    assert shown_in(body)[0]["description"] == "Colazione per due con due cornetti · 90 points"


def test_more_than_ten_choices_become_pages_that_go_round(bodies_of: Rendering) -> None:
    message = Message("?", tuple(choice(f"Number {number}") for number in range(20)))
    for page, titles in enumerate([range(9), range(9, 18), range(18, 20), range(9)]):
        (body,) = bodies_of(message, page)
        assert [shown["title"] for shown in shown_in(body)] == [*(f"Number {number}" for number in titles), "More…"]


@pytest.mark.parametrize("count", [99, 100, 101, 1000])
def test_a_hundred_choices_and_more_are_all_reached(bodies_of: Rendering, count: int) -> None:
    message = Message("?", tuple(choice(f"Number {number}") for number in range(count)))
    rows = [row for page in range(pages(message)) for row in shown_in(bodies_of(message, page)[0])]
    assert [row["title"] for row in rows if row["title"] != "More…"] == [f"Number {number}" for number in range(count)]
    numbers = [(read_token(row["id"]) or ("", -1))[1] for row in rows]
    assert [number for number in numbers if number != MORE] == list(range(count))
    assert numbers.count(MORE) == pages(message)


def test_equal_titles_are_numbered(bodies_of: Rendering) -> None:
    (body,) = bodies_of(Message("?", (choice("Espresso"), choice("Espresso"), choice("Espresso (2)"))))
    assert [shown["title"] for shown in shown_in(body)] == ["Espresso", "Espresso (2)", "Espresso (2) (2)"]


def test_a_picture_stands_above_a_text_or_buttons_and_ahead_of_a_list(bodies_of: Rendering) -> None:
    image, buttons = "https://aurora.example/mug.jpg", (choice("Yes"), choice("No"))
    (body,) = bodies_of(Message("A mug", image=image))
    assert body["image"] == {"link": image, "caption": "A mug"}
    (body,) = bodies_of(Message("", image=image))
    assert body["image"] == {"link": image}
    (body,) = bodies_of(Message("A mug?", buttons, image=image))
    assert body["interactive"]["header"] == {"type": "image", "image": {"link": image}}
    (body,) = bodies_of(Message("A mug?", (choice("Yes", "200 points"),), image=image))
    assert body["interactive"]["header"] == {"type": "image", "image": {"link": image}}
    assert body["interactive"]["body"]["text"] == "A mug?\n\n• Yes · 200 points", "one message instead of two"
    first, second = bodies_of(Message("A mug?", (choice("Yes", "200 points"),) * 4, image=image))
    assert first["image"] == {"link": image}
    assert second["interactive"]["type"] == "list"
    assert "header" not in second["interactive"]


def test_a_text_too_long_for_a_caption_follows_its_picture(bodies_of: Rendering) -> None:
    first, second = bodies_of(Message("word " * 300, image="https://aurora.example/mug.jpg"))
    assert first["image"] == {"link": "https://aurora.example/mug.jpg"}
    assert second["type"] == "text"


def test_a_text_too_long_to_stand_above_choices_goes_ahead_of_them(bodies_of: Rendering) -> None:
    first, second = bodies_of(Message("word " * 300, (choice("Yes"),)))
    assert first["type"] == "text"
    assert second["interactive"]["body"]["text"] == "Choose"


def test_choices_without_a_text_stand_under_the_prompt(bodies_of: Rendering) -> None:
    for text in ("", " \n"):
        (body,) = bodies_of(Message(text, (choice("Yes"),)))
        assert body["interactive"]["body"]["text"] == "Choose"


def test_a_label_that_is_too_long_or_blank_is_no_harm(bodies_of: Rendering) -> None:
    details = (choice("Yes", "200 points"),)
    for menu, shown in (("Rewards of the house and more", "Rewards of the hous…"), ("  ", "…"), (None, "…")):
        (body,) = bodies_of(Message("?", details, menu=menu))
        assert body["interactive"]["action"]["button"] == shown
