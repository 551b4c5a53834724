"""A message as parts of the outbox: one where it can be, and words where a channel has nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.messages.cutting import line, units
from conversation.messages.extras import (
    Cards,
    Extra,
    Link,
    Medium,
    Pin,
    Products,
    Reaction,
    Request,
    Shelf,
    Template,
)
from conversation.messages.layout import WHATSAPP, Limits, lay_out
from conversation.messages.model import Choice, Message
from conversation.messages.parts import to_parts
from flows.model import Ask
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import extras, messages

WORDS = Limits(buttons=0, rows=0, text=1600, body=1600, extras=frozenset({"image"}))
"""A channel with texts and pictures and nothing else."""
MENU = Medium("document", "https://a.example/menu.pdf", None, "menu.pdf")
YES = (Choice(Ask("affirm"), "Yes"),)
ROWS = tuple(Choice(Ask("help"), f"Number {number}") for number in range(4))
SEE = Link("https://a.example/menu", "See the menu")


def parts(message: Message, limits: Limits = WHATSAPP) -> list[dict[str, Any]]:
    headed = bool(message.image or message.extras)
    layout = lay_out(message.choices, page=0, more="More", limits=limits, headed=headed)
    return to_parts(message, layout, offer="OFFER", prompt="Choose", limits=limits)


def styles(*extra: Extra, text: str = "Hi", choices: tuple[Choice, ...] = ()) -> list[str]:
    return [part["style"] for part in parts(Message(text, choices, None, None, extra))]


@pytest.mark.parametrize(
    ("extra", "style"),
    [
        (MENU, "medium"), (SEE, "link"), (Request("location"), "request"), (Request("contact"), "request"),
        (Products("1", (Shelf("", ("sku",)),)), "products"), (Template("a", "it"), "template"),
    ],
)  # fmt: skip
def test_a_text_and_an_extra_are_one_message_where_they_can_be(extra: Extra, style: str) -> None:
    (part,) = parts(Message("Hi", (), None, None, (extra,)))
    assert (part["style"], part["text"]) == (style, "Hi")


def test_what_stands_alone_goes_ahead_of_the_text() -> None:
    card = Cards(({"name": {"formatted_name": "Aurora"}},))
    for extra, style in ((Pin(41.9, 12.5), "pin"), (card, "contacts"), (Reaction("wamid.1", "👍"), "reaction")):
        assert styles(extra) == [style, "plain"]
        assert styles(extra, text="") == [style]
    assert styles(Medium("voice", None, "7")) == ["medium", "plain"]


def test_media_stand_above_buttons_and_ahead_of_lists() -> None:
    (part,) = parts(Message("Hi", YES, None, None, (MENU,)))
    assert (part["style"], part["medium"]["filename"]) == ("buttons", "menu.pdf")
    assert styles(MENU, choices=ROWS) == ["medium", "list"]
    assert styles(Medium("voice", None, "7"), choices=YES) == ["medium", "buttons"]


def test_of_several_pictures_each_is_sent_once() -> None:
    second = Medium("image", "https://a.example/2.jpg")
    first, last = parts(Message("Hi", (), None, "https://a.example/1.jpg", (second,)))
    assert first["medium"]["link"] == "https://a.example/2.jpg"
    assert (last["image"], last["text"]) == ("https://a.example/1.jpg", "Hi")


def test_a_link_beside_choices_or_another_link_becomes_words() -> None:
    (part,) = parts(Message("Hi", YES, None, None, (SEE,)))
    assert (part["style"], part["text"]) == ("buttons", "Hi\n\nSee the menu: https://a.example/menu")
    (part,) = parts(Message("Hi", (), None, None, (SEE, Link("https://a.example/2", "More"))))
    assert (part["style"], part["text"]) == ("link", "Hi\n\nMore: https://a.example/2")


def test_a_link_with_a_long_title_says_it_in_the_text_and_one_that_is_none_is_words() -> None:
    (part,) = parts(Message("", (), None, None, (Link("https://a.example", "See the whole menu of today"),)))
    assert part["link"]["title"] == "See the whole menu…"
    assert part["text"] == "See the whole menu of today"
    (part,) = parts(Message("Hi", (), None, None, (Link("www.a.example", "See"),)))
    assert (part["style"], part["text"]) == ("plain", "Hi\n\nSee: www.a.example")


def test_a_picture_without_an_address_is_words() -> None:
    (part,) = parts(Message("Hi", (), None, "mug.jpg"))
    assert (part["style"], part["text"], part["image"]) == ("plain", "Hi\n\nmug.jpg", None)


def test_a_request_and_choices_are_two_messages() -> None:
    first, second = parts(Message("Where are you?", YES, None, None, (Request("location"),)))
    assert (first["style"], first["text"]) == ("request", "Where are you?")
    assert (second["style"], second["text"]) == ("buttons", "Choose")


def test_quick_replies_of_a_template_are_choices() -> None:
    (part,) = parts(Message("Your points expire", YES, None, None, (Template("expiry", "it", ("5",)),)))
    assert part["template"] == {"name": "expiry", "language": "it", "parameters": ["5"]}
    assert part["choices"] == [{"id": "OFFER-0", "title": "Yes", "detail": None}]


def test_a_text_just_too_long_for_one_message_makes_two_with_its_choices() -> None:
    first, second = parts(Message("word " * 900, YES))
    assert (first["style"], second["style"]) == ("plain", "buttons")
    assert second["text"].startswith("word"), "what is left of it stands above the choices"


def test_a_channel_without_extras_says_them_in_words() -> None:
    pin, card = Pin(41.9, 12.5, "Aurora"), Cards(({"name": {"formatted_name": "Bar"}, "phones": [{"phone": "+39"}]},))
    (part,) = parts(Message("Hi", YES, None, None, (pin, card, MENU, SEE, Reaction("w", "👍"))), WORDS)
    assert part["style"] == "numbered"
    assert part["text"] == (
        "Hi\n\nAurora\nhttps://www.openstreetmap.org/?mlat=41.9&mlon=12.5\n\nBar: +39\n\nhttps://a.example/menu.pdf\n\n"
        "See the menu: https://a.example/menu\n\n👍\n\n1. Yes"
    )


def test_what_is_too_much_for_one_message_is_several() -> None:
    goods = Products("1", tuple(Shelf("A", ("sku",) * 20) for _ in range(13)), "Ours")
    sent = [part["products"]["shelves"] for part in parts(Message("", (), None, None, (goods,)))]
    assert sum(len(shelf["products"]) for shelves in sent for shelf in shelves) == 13 * 20
    assert all(sum(len(shelf["products"]) for shelf in shelves) <= 30 for shelves in sent)
    single = Products("1", tuple(Shelf("A", ("sku",)) for _ in range(12)), "Ours")
    assert [len(part["products"]["shelves"]) for part in parts(Message("", (), None, None, (single,)))] == [10, 2]
    cards = Cards(({"name": {"formatted_name": "Bar"}},) * 300)
    assert [len(part["contacts"]) for part in parts(Message("", (), None, None, (cards,)))] == [257, 43]
    assert parts(Message("", (), None, None, (Products("1", (Shelf("A", ()),)),))) == []


@patiently(60)
@given(messages(30, extras(3)), st.sampled_from([WORDS, WHATSAPP, Limits(rows=0), Limits(buttons=0)]))
def test_whatever_a_channel_shows_its_parts_fit_and_every_choice_has_its_token(
    message: Message, limits: Limits
) -> None:
    sent = parts(message, limits)
    for part in sent:
        longest = limits.text if part["style"] in {"plain", "numbered"} and not part.get("image") else limits.body
        assert units(part["text"]) <= longest
        assert part["style"] != "buttons" or len(part["choices"]) <= limits.buttons
        assert part["style"] != "list" or len(part["choices"]) <= limits.rows
    shown = [choice for part in sent for choice in part.get("choices", [])]
    assert len(shown) == len({choice["id"] for choice in shown})
    assert len(shown) >= min(len(message.choices), 9)


@patiently(40)
@given(messages(30))
def test_numbered_lines_say_every_title_in_full(message: Message) -> None:
    said = "".join("".join(part["text"] for part in parts(message, WORDS)).split())
    for choice in message.choices[: WORDS.lines - 1]:
        assert "".join(line(choice.title).split()) in said
