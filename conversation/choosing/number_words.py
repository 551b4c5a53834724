"""Words for places in a list, and those around them that mean nothing, read from `data/words/numbers.yml`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conversation.choosing.spelling import normalise
from conversation.errors import BadSentence

FILE = Path(__file__).parents[2] / "data/words/numbers.yml"
LAST = -1
"""The place of the last choice shown."""
_LISTS = ("last", "endings", "before", "after", "questions")


@dataclass(frozen=True, slots=True)
class NumberWords:
    """All words in the spelling of `normalise`; phrases as they stand, several words with a space between them."""

    places: Mapping[str, int]
    """Place by word: 1 is the first, `LAST` the last."""
    endings: frozenset[str]
    before: frozenset[str]
    after: frozenset[str]
    questions: frozenset[str]
    longest: int
    """Words in the longest phrase."""

    def place(self, words: tuple[str, ...]) -> int | None:
        """The place that words name, if they name one and nothing else."""
        text = " ".join(words)
        if (place := self.places.get(text)) is not None:
            return place
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
        ending = text[len(digits) :]
        if digits.isdecimal() and len(digits) <= 3 and (not ending or ending in self.endings):
            return int(digits)
        return None

    def asks(self, words: tuple[str, ...]) -> bool:
        """Whether words begin like a question and go on."""
        most = min(self.longest, len(words) - 1)
        return any(" ".join(words[:count]) in self.questions for count in range(1, most + 1))

    def bare(self, words: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The words, and what is left of them without empty ones before and after, the least changed first."""
        firsts, lasts = [0], [len(words)]
        while size := self._leading(words[firsts[-1] :]):
            firsts.append(firsts[-1] + size)
        while size := self._trailing(words[: lasts[-1]]):
            lasts.append(lasts[-1] - size)
        spans = [(first, last) for first in firsts for last in lasts if first < last]
        return [words[first:last] for first, last in sorted(spans, key=lambda span: span[0] - span[1])]

    def _leading(self, words: tuple[str, ...]) -> int:
        sizes = range(min(self.longest, len(words)), 0, -1)
        return next((size for size in sizes if " ".join(words[:size]) in self.before), 0)

    def _trailing(self, words: tuple[str, ...]) -> int:
        sizes = range(min(self.longest, len(words)), 0, -1)
        return next((size for size in sizes if " ".join(words[-size:]) in self.after), 0)

    @classmethod
    def load(cls, file: Path = FILE) -> "NumberWords":
        """Read the words. Raises `BadSentence` naming the file and what is wrong."""
        try:
            document: Any = YAML(typ="safe").load(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, YAMLError) as error:
            raise BadSentence(f"{file}: cannot be read: {type(error).__name__}") from None
        if not isinstance(document, Mapping) or set(document) != {"places", *_LISTS}:
            raise BadSentence(f"{file}: has the keys places, {', '.join(_LISTS)}")
        places: dict[str, int] = {}
        for word, place in _placed(document):
            if places.setdefault(word, place) != place:
                raise BadSentence(f"{file}: {word!r} cannot be two places")
        lists = {
            key: frozenset(normalise(word) for words in document[key].values() for word in words) for key in _LISTS
        }
        longest = max(
            len(phrase.split()) for phrase in (*places, *lists["before"], *lists["after"], *lists["questions"])
        )
        return cls(places, lists["endings"], lists["before"], lists["after"], lists["questions"], longest)


def _placed(document: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for by_place in document["places"].values():
        for place, words in by_place.items():
            yield from ((normalise(word), int(place)) for word in words)
    for words in document["last"].values():
        yield from ((normalise(word), LAST) for word in words)


@cache
def usual() -> NumberWords:
    """The words of this installation."""
    return NumberWords.load()
