"""A reward named in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.choosing.naming import named_in

NAMES = {1: "Free coffee", 2: "Coffee mug", 3: "قهوة مجانية", 4: "Caffè gratis", 5: "Tea"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("i want the free cofee please", 1), ("a COFFEE MUG would be nice", 2), ("coffe mug", 2),
        ("بدي القهوة المجانية لو سمحت", 3), ("vorrei il cafe gratsi per favore", 4),
    ],
)  # fmt: skip
def test_a_name_is_found_with_slips_and_words_around_it(text: str, key: int) -> None:
    assert named_in(text, NAMES) == {key}


@pytest.mark.parametrize("text", ["", "something else entirely", "how many points", "🍕", "tea"])
def test_what_names_nothing_clearly_names_nothing(text: str) -> None:
    assert not named_in(text, NAMES)


def test_what_may_be_either_is_both() -> None:
    assert named_in("blue mug or red mug", {1: "blue mug", 2: "red mug"}) == {1, 2}


@given(st.text())
def test_any_text_can_be_looked_through(text: str) -> None:
    assert named_in(text, NAMES) <= NAMES.keys()
