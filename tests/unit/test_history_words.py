"""The history shows words of the member's language: each kind of movement she can see has a sentence."""

from pathlib import Path

import pytest
import regex

from conversation.saying.sentences import Sentences
from loyalty.books.posting import EARNING, MERGE
from loyalty.programme import LANGUAGES

ROOT = Path(__file__).parents[2]
MOVES = frozenset({"activation", "hold", "release"})
"""They move a member's points from one of her accounts to another; the history leaves them out."""
POSTED = frozenset(regex.findall(r'_post\(\w+, "(\w+)"', (ROOT / "loyalty" / "books" / "points.py").read_text("utf-8")))
KINDS = sorted((EARNING | POSTED | {MERGE}) - MOVES)


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences.load(ROOT / "data" / "responses")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_movement_has_a_sentence_of_its_own(sentences: Sentences, language: str) -> None:
    said = {kind: sentences.say(language, f"history.{kind}") for kind in KINDS}
    assert {"purchase", "goal", "return", "expiry", "redemption", "debt", "merge"} <= said.keys()
    assert len(set(said.values())) == len(said)
    if language == "ar":
        assert not [text for text in said.values() if regex.search("[a-z]", text)]
