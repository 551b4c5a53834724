"""Cutting, splitting and laying out."""

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from conversation.messages.layout import MORE, WHATSAPP, Limits, Shown, cut, lay_out, split, units
from conversation.messages.model import Choice
from flows.model import Ask
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import choices, long_texts, texts

FAMILY, FLAG, ZALGO = "👨\u200d👩\u200d👧\u200d👦", "🇮🇹", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍"


def graphemes(text: str) -> list[str]:
    return regex.findall(r"\X", text)


def choice(title: str, detail: str | None = None) -> Choice:
    return Choice(Ask("check_points"), title, detail)


# ---- units


@patiently()
@given(st.text())
def test_units_are_those_of_utf_16(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le")) // 2


def test_an_emoji_of_four_people_is_eleven_units() -> None:
    assert units(FAMILY) == 11
    assert units("عربي") == 4


# ---- cut


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("Espresso", 8, "Espresso"), ("Espresso", 7, "Espres…"), ("Un caffè", 4, "Un…"), ("", 1, ""), ("ab", 1, "…"),
        (f"a{FAMILY}b", 12, "a…"), (f"a{FAMILY}b", 13, f"a{FAMILY}b"), (f"a{FAMILY}bc", 13, f"a{FAMILY}…"),
        (FLAG * 3, 11, f"{FLAG * 2}…"), (FLAG * 3, 8, f"{FLAG}…"), (ZALGO, 5, "…"),
        ("e\u0301" * 3, 5, "e\u0301e\u0301…"),
        ("خصم خمسة يورو", 9, "خصم خمسة…"),
    ],
)  # fmt: skip
def test_a_text_is_cut_between_graphemes(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@patiently()
@given(texts(40), st.integers(1, 60))
@example(FAMILY * 3, 12)
@example(f"x{FAMILY}", 5)
@example("👍🏽" * 9, 20)
def test_what_is_cut_fits_and_consists_of_whole_graphemes(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert units(short) <= limit
    if units(text) <= limit:
        assert short == text
        return
    whole = graphemes(text)
    most = max(count for count in range(len(whole)) if units("".join(whole[:count])) < limit)
    assert short == "".join(whole[:most]).rstrip() + "…", "as many as fit"


# ---- split


@patiently(40)
@given(texts(60) | long_texts(), st.integers(12, 5000))
@example(" " * 5000 + "b", 4096)
@example("a" + " " * 5000 + "b", 4096)
@example("e" + "\u0301" * 5000, 4096)
@example("\n\n", 12)
def test_the_parts_of_a_text_fit_and_lose_nothing_but_space(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(part and part == part.strip() and units(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_text_that_fits_stays_in_one_part() -> None:
    assert split("Hello\n\nyou", 100) == ["Hello\n\nyou"]
    assert split("", 100) == []
    assert split("  \n ", 100) == []


def test_a_long_text_is_split_at_the_end_of_a_line_or_a_word() -> None:
    assert split("one two three four", 11) == ["one two", "three four"]
    assert split("first line\nsecond", 14) == ["first line", "second"]
    assert split("abcdefghijklmnop", 6) == ["abcde", "fghij", "klmnop"], "no word is that short"


def test_the_parts_are_about_as_few_as_can_be() -> None:
    text = " ".join(["word"] * 5000)
    assert len(split(text, 4096)) == -(-units(text) // 4096)


# ---- lay out


def test_no_choices_are_no_layout() -> None:
    assert lay_out((), page=0, more="More").style == "plain"


def test_the_border_between_buttons_and_a_list() -> None:
    twenty = "x" * 20
    assert lay_out((choice(twenty),) * 3, page=0, more="More").style == "buttons"
    assert lay_out((choice(twenty),) * 4, page=0, more="More").style == "list"
    assert lay_out((choice(twenty + "x"),), page=0, more="More").style == "list"
    assert lay_out((choice("👍" * 10),), page=0, more="More").style == "buttons"
    assert lay_out((choice("👍" * 11),), page=0, more="More").style == "list"
    assert lay_out((choice("x", "detail"),), page=0, more="More").style == "list"


@patiently(50)
@given(choices(), st.integers(0, 10), texts(10))
def test_titles_and_details_fit_their_places_and_titles_differ(
    offered: tuple[Choice, ...], page: int, more: str
) -> None:
    layout = lay_out(offered, page=page, more=more)
    title = WHATSAPP.button_title if layout.style == "buttons" else WHATSAPP.row_title
    assert len(layout.shown) <= (WHATSAPP.buttons if layout.style == "buttons" else WHATSAPP.rows)
    own = [shown for shown in layout.shown if shown.number != MORE]
    assert all(0 < units(shown.title) <= title and shown.title.strip() for shown in own)
    assert all(shown.detail is None or (shown.detail.strip() and units(shown.detail) <= 72) for shown in own)
    assert len({shown.title for shown in own}) == len(own)
    assert all(shown.number < len(offered) for shown in own)


@patiently()
@given(st.integers(11, 200), st.integers(0, 100))
def test_pages_go_round_and_each_has_the_row_that_turns_it(count: int, page: int) -> None:
    offered = tuple(choice(f"Number {number}") for number in range(count))
    pages = -(-count // 9)
    layout = lay_out(offered, page=page, more="More")
    assert layout == lay_out(offered, page=page % pages, more="More")
    *rows, last = layout.shown
    assert last == Shown(MORE, "More")
    assert [shown.number for shown in rows] == list(range(count))[page % pages * 9 :][:9]


def test_another_channel_has_other_limits() -> None:
    narrow = Limits(buttons=1, button_title=5, rows=3, row_title=6, row_detail=10)
    assert lay_out((choice("Hello"),), page=0, more="More", limits=narrow).style == "buttons"
    layout = lay_out((choice("Hello"), choice("Good evening")), page=0, more="More", limits=narrow)
    assert layout.shown == (Shown(0, "Hello"), Shown(1, "Good…", "Good even…"))
    assert len(lay_out((choice("x"),) * 4, page=0, more="More", limits=narrow).shown) == 3


def test_a_channel_without_buttons_and_lists_shows_numbered_lines() -> None:
    words = Limits(buttons=0, rows=0, lines=4)
    offered = (choice("Espresso", "80 points"), choice(" Mug\nof the house "), choice(""), choice("Tazza"))
    layout = lay_out(offered, page=0, more="More", limits=words)
    assert layout.style == "numbered"
    assert layout.lines == ("1. Espresso · 80 points", "2. Mug of the house", "3. -", "4. Tazza")
    layout = lay_out(offered + offered, page=1, more="More", limits=words)
    assert layout.lines == ("1. Tazza", "2. Espresso · 80 points", "3. Mug of the house", "4. More")
    assert [shown.number for shown in layout.shown] == [3, 4, 5, MORE]
    assert layout.window == (3, 6)


def test_a_channel_with_buttons_alone_lists_their_details_above_them() -> None:
    plain = Limits(rows=0)
    layout = lay_out((choice("Yes", "200 points"), choice("No")), page=0, more="More", limits=plain)
    assert (layout.style, layout.lines) == ("buttons", ("• Yes · 200 points",))
    assert lay_out((choice("Yes"),) * 4, page=0, more="More", limits=plain).style == "numbered"


def test_choices_of_one_heading_stand_together_and_one_without_joins_its_neighbours() -> None:
    headed = [Choice(Ask("help"), title, None, (), section) for title, section in (
        ("Espresso", "Drinks"), ("Tea", " "), ("Mug", "Things"), ("Back", None),
    )]  # fmt: skip
    layout = lay_out(tuple(headed), page=0, more="More")
    assert [shown.section for shown in layout.shown] == ["Drinks", "Drinks", "Things", "Things"]
    layout = lay_out(tuple(headed[1:]), page=0, more="More")
    assert [shown.section for shown in layout.shown] == ["Things"] * 3
    assert lay_out(tuple(headed[:1]), page=0, more="More").style == "list", "a button has no heading"


def test_what_does_not_fit_a_description_is_listed_above() -> None:
    title, detail = "Colazione per due con due cornetti e due cappuccini", "a tavola, fino alle undici del mattino"
    layout = lay_out((choice(title, detail), choice("Mug", "x" * 72)), page=0, more="More")
    assert layout.lines == (f"• {title} · {detail}",)
    heading = "Everything for the breakfast of two"
    layout = lay_out((Choice(Ask("help"), "Mug", None, (), heading),), page=0, more="More")
    assert layout.lines == (f"*{heading}*",)
    assert layout.shown[0].section == "Everything for the brea…"


def test_equal_titles_are_told_apart_within_their_place() -> None:
    long = "Colazione per due con due cornetti"
    titles = [shown.title for shown in lay_out((choice(long),) * 12, page=1, more="More").shown]
    assert titles == ["Colazione per due… (10)", "Colazione per due… (11)", "Colazione per due… (12)", "More"]
    blank = lay_out((choice(" "), choice(""), choice("-")), page=0, more="More").shown
    assert len({shown.title for shown in blank}) == 3


def test_what_is_shown_can_wait_in_the_outbox() -> None:
    assert Shown(3, "Mug", "200 points").to_json() == {"number": 3, "title": "Mug", "detail": "200 points"}
