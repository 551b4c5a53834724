"""Whatever is wrong in a programme file, it is named with file and line: files are changed at random to show it."""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from loyalty.errors import BadProgramme
from loyalty.files.reading import programme_files, read_programme, understand
from loyalty.files.schema import schema
from loyalty.files.yaml_lines import Document, Place, read_yaml
from loyalty.programme import Programme
from tests.unit.helpers_hypothesis import patiently

FILES = programme_files(Path(__file__).parents[2] / "programmes")
DOCUMENTS = {file: read_yaml(file) for file in FILES}
WRONG: list[Any] = [
    None, True, False, 0, 1, -1, 10**12, 1.5, float("nan"), float("inf"), "", " ", "x", "9" * 60, "{said}", "gold",
    "activity:nothing", [], {}, [None], [[]], {"x": 1}, {"en": "x"}, {"": {}}, "2026-02-30", "25:00",
]  # fmt: skip


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a document."""
    if place:
        yield place
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*place, step))


EDITOR = Draft202012Validator(schema())
PLACES = {file: list(places(document.data)) for file, document in DOCUMENTS.items()}


@st.composite
def changes(draw: st.DrawFn) -> tuple[Path, Document]:
    """A sound document with one to three things changed in it."""
    file = draw(st.sampled_from(FILES))
    data = copy.deepcopy(DOCUMENTS[file].data)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(PLACES[file]))
        inner: Any = data
        try:
            for step in way:
                inner = inner[step]
            value = inner[last]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
        match draw(st.sampled_from(["delete", "rename", "wrong", "twice", "elsewhere"])):
            case "delete":
                del inner[last]
            case "rename" if isinstance(inner, dict):
                inner[draw(st.sampled_from([f"{last}s", f"{last}"[:-1], "", " ", "zzz", "é:"]))] = inner.pop(last)
            case "twice" if isinstance(inner, list):
                inner.append(value)
            case "elsewhere":
                inner[last] = copy.deepcopy(_at(DOCUMENTS[file].data, draw(st.sampled_from(PLACES[file]))))
            case _:
                inner[last] = draw(st.sampled_from(WRONG))
    return file, replace(DOCUMENTS[file], data=data)


def _at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def outcome(read: Callable[[], Programme]) -> Programme | str:
    """The programme, or what is said against it."""
    try:
        return read()
    except BadProgramme as error:
        return str(error)


def each_line_names(said: str, file: Path) -> bool:
    """Whether every line of a complaint begins with the file and a line that it has."""
    last = file.read_text("utf-8", errors="replace").count("\n") + 1
    found = [re.match(rf"{re.escape(str(file))}:(\d+): .*\w", line) for line in said.splitlines()]
    return bool(found) and all(one is not None and 1 <= int(one[1]) <= last for one in found)


@given(changes())
@patiently(400)
def test_a_changed_document_is_right_or_its_mistakes_have_lines(change: tuple[Path, Document]) -> None:
    file, document = change
    result = outcome(lambda: understand(file, document).programme)
    if isinstance(result, Programme):
        assert Programme.model_validate(result.document()) == result
        assert [error.message for error in EDITOR.iter_errors(document.data)] == []
    else:
        assert each_line_names(result, file), result


@given(st.sampled_from(FILES), st.data())
@patiently(60)
def test_a_changed_text_is_right_or_its_mistakes_have_lines(
    tmp_path_factory: pytest.TempPathFactory, file: Path, data: st.DataObject
) -> None:
    lines = file.read_text("utf-8").splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    cut = data.draw(st.integers(0, len(line)))
    lines[at] = data.draw(
        st.sampled_from(
            ["", line * 2, f" {line}", f"\t{line}", line[:cut], line[:cut] + ": " + line[cut:], f"&a {line}"]
        )
    )
    changed = tmp_path_factory.getbasetemp() / "changed.yml"
    changed.write_text("".join(lines), "utf-8")
    result = outcome(lambda: read_programme(changed))
    assert isinstance(result, Programme) or each_line_names(result, changed), result


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@patiently(300)
def test_anything_at_all_is_no_programme_and_said_so(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "anything.yml"
    file.write_bytes(raw)
    with pytest.raises(BadProgramme) as refused:
        read_programme(file)
    assert str(refused.value).startswith(f"{file}:")
