"""Opting out and in by a word: a whole message that is nothing else, in many languages.

What is said in a sentence is for the model to understand. A word by itself is not left to it: WhatsApp, the law and
people's habit expect "STOP" to work always, whatever is under way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conversation.choosing.matching import normalise
from conversation.errors import BadSentence

Meaning = Literal["stop", "start"]
_LONGEST = 60
"""Letters; nothing longer is looked up."""


@dataclass(frozen=True, slots=True)
class OptWords:
    """What stops promotional messages and what brings them back, each word in the spelling of `normalise`."""

    meanings: Mapping[str, Meaning]

    def meaning(self, text: str) -> Meaning | None:
        """What a whole message means, if it is such a word and nothing else."""
        return self.meanings.get(normalise(text)) if len(text) <= _LONGEST else None

    @classmethod
    def load(cls, file: Path) -> "OptWords":
        """Read the words. Raises `BadSentence` naming file and line."""
        return cls(dict(_words(file)))


def _words(file: Path) -> Iterator[tuple[str, Meaning]]:
    try:
        document: Any = YAML(typ="rt").load(file.read_text("utf-8"))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadSentence(f"{file}:{mark.line + 1 if mark else 1}: no valid YAML") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSentence(f"{file}:1: cannot be read: {error}") from None
    kinds: tuple[Meaning, ...] = get_args(Meaning)
    if not isinstance(document, Mapping) or set(document) != set(kinds):
        raise BadSentence(f"{file}:1: has the keys stop and start, and under each a list of words a language")
    seen: dict[str, Meaning] = {}
    for kind in kinds:
        for language, words in document[kind].items():
            line = document[kind].lc.key(language)[0] + 1
            if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
                raise BadSentence(f"{file}:{line}: {kind}.{language} is a list of words; put yes, no and on in quotes")
            for word in words:
                spelt = normalise(word)
                if seen.setdefault(spelt, kind) != kind:
                    raise BadSentence(f"{file}:{line}: {word!r} cannot both stop and start")
                yield spelt, kind
