"""Putting a sentence into the training data: into its block, as the file is laid out, and only once."""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import regex

from conversation.turning.masking import MASKS
from nlu.spelling import tokens
from passaparola.check_data import same
from passaparola.errors import CommandError
from passaparola.examples import Block, Example, blocks_in, plain, read_blocks, read_examples
from passaparola.leaks import leaks

_STAND_INS: Mapping[str, str] = {
    "[link]": "https://example.org/x", "[mail]": "sara@example.org", "[account]": "IT60X0542811101000000123456",
    "[number]": "+39 333 1234567", "[code]": "K7PM-3XQ9", "[secret]": "1234", "[name]": "Sara",
}  # fmt: skip
"""What stands in the training data for what was taken out of a message: the kind is learnt, the person is not."""
_UNSEEN = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_MASK = regex.compile("|".join(map(regex.escape, MASKS)))
_RICH = regex.compile(r"\]\s?(\{[^}]*\})")


class NotFiled(CommandError):
    """A sentence cannot be filed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a sentence stands (`file:line`), and whether it is new there."""

    where: str
    new: bool


def tidy(message: str) -> str:
    """A message on one line, without what cannot be seen or would be read as YAML, a command or an annotation."""
    text = " ".join(_UNSEEN.sub(" ", message).split()).lstrip("-/ ")
    parts, place = [], 0
    for mask in _MASK.finditer(text):
        parts += [_without_brackets(text[place : mask.start()]), mask.group()]
        place = mask.end()
    parts.append(_without_brackets(text[place:]))
    return regex.sub(r"\](?=[({])", "] ", "".join(parts))


class Shelf:
    """The training files of a folder."""

    def __init__(self, folder: Path, entities: Collection[str], blind: Sequence[Example] = ()) -> None:
        """`entities` are those of the domain, `blind` the sentences of the test split.

        Raises `YAMLError` naming file and line.
        """
        self._entities = entities
        self._blind = blind
        self._files = {(block.intent, block.language): block.file for block in read_blocks(folder)}
        self._folder = folder
        self._known: dict[str, list[Example]] = defaultdict(list)
        for example in read_examples(folder):
            self._known[same(example.text)].append(example)

    @property
    def examples(self) -> list[Example]:
        """The sentences there are."""
        return [example for examples in self._known.values() for example in examples]

    def check(self, intent: str, language: str, sentence: str) -> Filed | None:
        """Where a sentence stands already, or None if it can be filed. Raises `NotFiled` if it cannot."""
        line = _line(sentence)
        bare, named = plain(line)
        if not tokens(bare):
            raise NotFiled("there are no words in it: discard it")
        if "[" in bare or "]" in bare:
            raise NotFiled("an annotation is written [words](entity)")
        for rich in _RICH.findall(line):
            _read(rich)
        if unknown := named - set(self._entities):
            raise NotFiled(f"{', '.join(sorted(unknown)) or 'nothing'} is no entity of the domain")
        if (intent, language) not in self._files:
            raise NotFiled(f"{self._folder}/ has no block of {intent} in {language}: write one with its first sentence")
        for example in self._known.get(same(bare), ()):
            if example.intent != intent:
                raise NotFiled(f"stands under {example.intent} ({example.where}): choose that, or discard it")
            if example.language == language:
                return Filed(example.where, new=False)
        example = Example(intent, language, bare, named, "")
        for leak in leaks(self._blind, [example]):
            raise NotFiled(f"is a sentence of the test split ({leak.test.where}): discard it")
        return None

    def file(self, intent: str, language: str, sentence: str) -> Filed:
        """Put a sentence at the end of its block. Raises `NotFiled` if it cannot stand there."""
        if (there := self.check(intent, language, sentence)) is not None:
            return there
        line, file = _line(sentence), self._files[intent, language]
        block = [one for one in blocks_in(file) if (one.intent, one.language) == (intent, language)][-1]
        where = f"{file}:{_insert(block, line)}"
        bare, named = plain(line)
        self._known[same(bare)].append(Example(intent, language, bare, named, where))
        return Filed(where, new=True)


def _line(sentence: str) -> str:
    """What is written into the file: one line, with something made up for what was taken out."""
    text = " ".join(_UNSEEN.sub(" ", sentence).split()).lstrip("-/ ")
    return _MASK.sub(lambda mask: _STAND_INS[mask.group()], text)


def _without_brackets(text: str) -> str:
    return text.replace("[", "(").replace("]", ")")


def _read(annotation: str) -> None:
    try:
        json.loads(annotation)
    except ValueError:
        raise NotFiled(f'{annotation} is no annotation: write {{"entity": "…", "value": "…"}}') from None


def _insert(block: Block, sentence: str) -> int:
    """Write a sentence behind the last of a block, with its indentation and line ending; returns its line.

    The file is exchanged as a whole: one that is read at the same moment is the old or the new one.
    """
    file = block.file
    lines = file.read_bytes().decode("utf-8").split("\n")
    count = max((number for number, text in enumerate(block.lines, 1) if text.strip()), default=0)
    above = lines[block.first + count - 2]
    if count == 0 or above.strip() != block.lines[count - 1].strip():
        raise NotFiled(f"{file}:{block.first}: cannot find the end of this block: add the sentence by hand")
    indent, end = above[: len(above) - len(above.lstrip())], "\r" if above.endswith("\r") else ""
    lines.insert(block.first + count - 1, f"{indent}- {sentence}{end}")
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes("\n".join(lines).encode("utf-8"))
    shutil.copymode(file, fresh)
    os.replace(fresh, file)
    return block.first + count
