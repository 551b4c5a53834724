"""The training sentences as they stand in their files, and lists of YAML files with the lines they stand on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import regex
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_ANNOTATION = regex.compile(r"\[([^\]]*)\](?:\(([^)]*)\)|\{([^}]*)\})")
_ENTITY = regex.compile(r'"entity":\s*"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Example:
    """A training sentence and where it stands."""

    intent: str
    language: str | None
    text: str
    entities: frozenset[str]
    where: str


@dataclass(frozen=True, slots=True)
class Block:
    """The sentences of an intent in a language, and where they stand: `first` is the line of the first one."""

    file: Path
    intent: str
    language: str | None
    first: int
    lines: tuple[str, ...]


def read_examples(folder: Path) -> Iterator[Example]:
    """The training sentences of a folder, in the order of the files. Raises `YAMLError` naming file and line."""
    for block in read_blocks(folder):
        for number, line in enumerate(block.lines):
            if text := line.strip().removeprefix("-").strip():
                bare, named = plain(text)
                yield Example(block.intent, block.language, bare, named, f"{block.file}:{block.first + number}")


def read_blocks(folder: Path) -> Iterator[Block]:
    """The blocks of a folder of training files. Raises `YAMLError` naming file and line."""
    for file in sorted(folder.glob("*.yml")):
        yield from blocks_in(file)


def blocks_in(file: Path) -> Iterator[Block]:
    """The blocks of a training file. Raises `YAMLError` naming file and line."""
    for item in items(file, "nlu"):
        if "intent" not in item:
            continue
        if not isinstance(item.get("examples"), str):
            raise YAMLError(f"{file}:{item.lc.line + 1}: {item['intent']} has no `examples: |`")
        first = item.lc.value("examples")[0] + 2  # the line after `examples: |`
        language = (item.get("metadata") or {}).get("language")
        yield Block(file, item["intent"], language, first, tuple(item["examples"].splitlines()))


def plain(text: str) -> tuple[str, frozenset[str]]:
    """A sentence without its annotations, and the names of the entities that are annotated in it."""
    named = frozenset(short or "".join(_ENTITY.findall(rich)) for _, short, rich in _ANNOTATION.findall(text))
    return _ANNOTATION.sub(r"\1", text), named


def items(file: Path, key: str) -> list[Any]:
    """The mappings in a list of a file, with their positions. Raises `YAMLError` naming file and line."""
    found = whole_list(file, key)
    for number, item in enumerate(found):
        if not isinstance(item, Mapping):
            raise YAMLError(f"{file}:{found.lc.item(number)[0] + 1}: {item} is no mapping")
    return list(found)


def whole_list(file: Path, key: str) -> Any:
    """A list of a file, with the positions of its items. Raises `YAMLError` naming file and line."""
    try:
        document: Any = YAML(typ="rt").load(file.read_text("utf-8"))
    except OSError as error:
        raise YAMLError(f"{file}:1: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise YAMLError(f"{file}:1: is not UTF-8 text") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise YAMLError(f"{file}:{mark.line + 1 if mark else 1}: no valid YAML") from None
    found = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        raise YAMLError(f"{file}:1: needs a list under `{key}:`")
    return found
