"""YAML as plain data that knows the line of everything in it. Every mistake is a `BadProgramme` with file and line."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import regex
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from loyalty.errors import BadProgramme

Place = tuple[str | int, ...]
"""Where something stands: keys, and numbers in lists from 0."""
LARGEST = 1024 * 1024
DEEPEST = 30
MOST = 50_000
"""Values in a file, with what its anchors repeat."""
_TAGS = "tag:yaml.org,2002:"
_PLAIN = frozenset({"str", "int", "float", "timestamp", "value"})
_LONGEST_NUMBER = 40
_UNPRINTABLE = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_HINTS = {
    "mapping values are not allowed here": "a text with a colon needs quotes, or this line is indented wrongly",
    "found unexpected end of stream": "a quote was opened and not closed",
    "but found another document": "a file is one programme; take out the line ---",
    "expected the node content": "a bracket was opened and not closed",
    "found undefined alias": "no anchor (&name) of this name stands above",
}


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says."""

    data: dict[str, Any]
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of the innermost part of a place that the file has: what is missing stands at its parent."""
        return next((self.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self.lines), 1)

    def json(self) -> str:
        """The data as JSON."""
        return json.dumps(self.data)


def read_yaml(file: Path) -> Document:
    """Read a file whose outermost part is a mapping. Raises `BadProgramme` naming file, line and remedy."""
    text = _text(file)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except RecursionError:
        raise BadProgramme(f"{file}:1: no valid YAML: it is nested too deeply") from None
    except YAMLError as error:
        line, said = _problem(error, text)
        raise BadProgramme(f"{file}:{line}: no valid YAML: {said}") from None
    reader = _Reader(file)
    if not isinstance(root, MappingNode):
        reader.refuse(root, "a programme is a mapping that begins with id: and name:")
    return Document(reader.mapping(root, ()), reader.lines)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise BadProgramme(f"{file}: cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise BadProgramme(f"{file}: is larger than {LARGEST // 1024} kB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadProgramme(f"{file}:{line}: is not UTF-8 text; save it as UTF-8") from None


def _problem(error: YAMLError, text: str) -> tuple[int, str]:
    """The line of a mistake in YAML, and what it is."""
    if isinstance(error, ReaderError):
        return text[: error.position].count("\n") + 1, "a character that cannot be shown"
    if not isinstance(error, MarkedYAMLError):
        return 1, str(error)
    said = error.problem or "see the line"
    opened = "end of stream" in said or "stream end" in said  # where it began tells more than where the file ends
    mark = (error.context_mark if opened else None) or error.problem_mark
    line = mark.line + 1 if mark is not None else 1
    if "'\\t'" in said:
        return line, "a tab; YAML is indented with spaces"
    hint = next((hint for begin, hint in _HINTS.items() if said.startswith(begin)), None)
    return line, f"{said} ({hint})" if hint else said


class _Reader:
    """Turns YAML's nodes into plain data and notes the lines."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._size = 0
        self.lines: dict[Place, int] = {}

    def refuse(self, node: Node | None, said: str) -> NoReturn:
        line = node.start_mark.line + 1 if node is not None else 1
        raise BadProgramme(f"{self._file}:{line}: {said}")

    def mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in self._pairs(node, len(place)):
            if key.value not in found:
                where = (*place, key.value)
                self.lines[where] = key.start_mark.line + 1
                found[key.value] = self._value(value, where)
        return found

    def _pairs(self, node: MappingNode, depth: int) -> Iterator[tuple[ScalarNode, Node]]:
        """Keys and values: the mapping's own, then what `<<` brings, which its own precede."""
        lines: dict[str, int] = {}
        merged: list[MappingNode] = []
        self._count(node, depth)
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.refuse(key, "a key is a single word")
            if key.tag == f"{_TAGS}merge":
                merged += self._merged(value)
                continue
            self._printable(key)
            if key.value in lines:
                comma = " (a text with a comma needs quotes)" if not value.value else ""
                self.refuse(
                    key, f"{key.value}: this key stands twice, the first time in line {lines[key.value]}{comma}"
                )
            lines[key.value] = key.start_mark.line + 1
            yield key, value
        for other in merged:
            yield from self._pairs(other, depth + 1)

    def _merged(self, value: Node) -> list[MappingNode]:
        parts = value.value if isinstance(value, SequenceNode) else [value]
        for part in parts:
            if not isinstance(part, MappingNode):
                self.refuse(value, "<<: takes an alias of a mapping, such as *name")
        return list(parts)

    def _value(self, node: Node, place: Place) -> Any:
        self._count(node, len(place))
        if isinstance(node, MappingNode):
            return self.mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*place, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _item(self, node: Node, place: Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        return self._value(node, place)

    def _scalar(self, node: Node) -> Any:
        self._printable(node)
        text: str = node.value
        match str(node.tag).removeprefix(_TAGS):
            case "null":
                return None
            case "bool":
                return text.lower() in {"true", "yes", "on", "y"}
            case "int" | "float" as kind if len(text) <= _LONGEST_NUMBER:
                return _number(text, kind)
            case tag if tag not in _PLAIN:
                self.refuse(node, f"the tag {tag} means nothing here; leave it out")
        return text

    def _count(self, node: Node, depth: int) -> None:
        self._size += 1
        if self._size > MOST:
            self.refuse(node, "the file says too much; anchors repeat too often")
        if depth > DEEPEST:
            self.refuse(node, "is nested too deeply")

    def _printable(self, node: Node) -> None:
        if _UNPRINTABLE.search(node.value):
            self.refuse(node, "a text has a character that cannot be shown")


def _number(text: str, kind: str) -> int | float | str:
    digits = text.replace("_", "").lower()
    try:
        if kind == "float":
            return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
        based = digits.lstrip("+-").startswith(("0x", "0o", "0b"))
        return int(digits, 0 if based else 10)
    except ValueError:
        return text
