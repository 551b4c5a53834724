"""Reading programme files, so that a mistake is named with file and line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loyalty.errors import BadProgramme
from loyalty.ids import ProgrammeId
from loyalty.programme import Programme


def read_programmes(path: Path) -> dict[ProgrammeId, Programme]:
    """Read a programme file, or every `*.yml` of a folder. Raises `BadProgramme` naming file, line and remedy."""
    files = sorted(path.glob("*.yml")) if path.is_dir() else [path]
    if not files:
        raise BadProgramme(f"{path}: no programme file (*.yml) here")
    programmes: dict[ProgrammeId, Programme] = {}
    numbers: dict[str | None, Path] = {}
    for file in files:
        programme = read_programme(file)
        if programme.id in programmes:
            raise BadProgramme(f"{file}: the id {programme.id} is used by another programme file")
        number = programme.whatsapp.phone_number_id
        if number in numbers:
            raise BadProgramme(f"{file}: whatsapp.phone_number_id must differ from the one in {numbers[number]}")
        programmes[programme.id] = programme
        numbers[number] = file
    return programmes


def read_programme(file: Path) -> Programme:
    """Read one programme file. Raises `BadProgramme`."""
    try:
        document = YAML(typ="rt").load(file.read_text("utf-8"))
    except OSError as error:
        raise BadProgramme(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadProgramme(f"{file}: is not UTF-8 text") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise BadProgramme(
            f"{file}{line}: no valid YAML: {getattr(error, 'problem', None) or 'see the line'}"
        ) from None
    if not isinstance(document, Mapping):
        raise BadProgramme(f"{file}:1: a programme is a mapping that begins with id: and name:")
    try:
        return Programme.model_validate(document)
    except ValidationError as error:
        raise BadProgramme("\n".join(_explain(file, document, problem) for problem in error.errors())) from None


def _explain(file: Path, document: Any, problem: Any) -> str:
    location = tuple(part for part in problem["loc"] if part != "[key]" and not str(part).startswith("function-"))
    line = _line(document, location)
    name = ".".join(str(part) for part in location) or "programme"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "this key is not known here; is it misspelt?"
    return f"{file}:{line}: {name}: {message}"


def _line(document: Any, location: tuple[int | str, ...]) -> int:
    """The line of the innermost part of `location` that the file has (a missing key is reported at its parent)."""
    line = 0
    for part in location:
        positions = getattr(document, "lc", None)
        try:
            line = positions.key(part)[0] if isinstance(document, Mapping) else positions.item(part)[0]  # type: ignore[union-attr]  # ruamel's positions are untyped
            document = document[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return int(line) + 1
