"""Every sentence of the catalogue is said somewhere: one that nobody says any more is to be deleted."""

import ast
from collections.abc import Iterator
from pathlib import Path

import regex

from conversation.saying.sentences import Sentences

ROOT = Path(__file__).parents[2]
ROOMS = ("actions", "connectors", "conversation", "dialogue", "flows", "loyalty", "passaparola", "service")
_BEGINNING = regex.compile(r"[a-z]+[a-z_]*[._][a-z_.]*")


def literals(file: Path) -> Iterator[tuple[str, bool]]:
    """The texts in a module, and whether each is only the beginning of one that is put together."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, False
        if isinstance(node, ast.JoinedStr) and node.values and isinstance(first := node.values[0], ast.Constant):
            yield str(first.value), True


def test_every_sentence_is_said_somewhere() -> None:
    found = [text for room in ROOMS for file in (ROOT / room).rglob("*.py") for text in literals(file)]
    whole = {text for text, beginning in found if not beginning}
    begun = {text for text, beginning in found if beginning and _BEGINNING.fullmatch(text)} - {"button.", "words."}
    domain = (ROOT / "domain.yml").read_text("utf-8")
    unsaid = []
    for key in Sentences.load(ROOT / "data" / "responses").catalogue["en"]:
        kind, _, name = key.partition(".")
        named = key in whole or (kind == "words" and f"button.{name}" in whole) or any(map(key.startswith, begun))
        asked = kind in {"button", "words"} and name in whole  # the title of a question
        if not named and not asked and key not in domain:
            unsaid.append(key)
    assert not unsaid
