"""Reading programme files, so that a mistake is named with file, line and what is allowed instead."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loyalty.errors import BadProgramme
from loyalty.files.words import explain
from loyalty.files.yaml_lines import Document, Place, read_yaml
from loyalty.ids import ProgrammeId
from loyalty.programme import LANGUAGES, Programme

ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class ProgrammeFile:
    """A programme and the file it stands in."""

    file: Path
    programme: Programme
    document: Document

    def where(self, place: Place) -> str:
        """File and line of a place, and the place's name."""
        return f"{self.file}:{self.document.line(place)}: {'.'.join(map(str, place)) or 'programme'}"


def read_programmes(path: Path) -> dict[ProgrammeId, Programme]:
    """Read a programme file, or every `*.yml` of a folder. Raises `BadProgramme` with all mistakes, a line each."""
    found, wrong = read_each(path)
    if wrong := [*wrong, *clashes(found)]:
        raise BadProgramme("\n".join(wrong))
    return {one.programme.id: one.programme for one in found}


def read_each(path: Path) -> tuple[list[ProgrammeFile], list[str]]:
    """What can be read of a file or folder, and the mistakes that are in the rest."""
    files = programme_files(path)
    found: list[ProgrammeFile] = []
    wrong = [] if files else [f"{path}: no programme file (*.yml) here"]
    for file in files:
        try:
            found.append(read_file(file))
        except BadProgramme as error:
            wrong += str(error).splitlines()
    return found, wrong


def programme_files(path: Path) -> list[Path]:
    """The programme files of a folder, by name; a file is itself, and so is a folder that cannot be looked into."""
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return [path]
    return [path / name for name in names if not name.startswith(".") and name.endswith(ENDINGS)]


def clashes(files: Sequence[ProgrammeFile]) -> list[str]:
    """What two programmes have in common that each must have for itself: the id, and the number members write to."""
    wrong: list[str] = []
    ids: dict[str, Path] = {}
    numbers: dict[str | None, Path] = {}
    for one in files:
        programme = one.programme
        other = ids.setdefault(programme.id, one.file)
        if other is not one.file:
            wrong.append(f"{one.where(('id',))}: {programme.id} is the id of {other} too; each programme needs its own")
        other = numbers.setdefault(programme.whatsapp.phone_number_id, one.file)
        if other is not one.file:
            place = ("whatsapp", "phone_number_id")
            wrong.append(f"{one.where(place)}: must differ from the one in {other}; each programme has its number")
    return wrong


def read_programme(file: Path) -> Programme:
    """Read one programme file. Raises `BadProgramme`."""
    return read_file(file).programme


def read_file(file: Path) -> ProgrammeFile:
    """Read one programme file, and keep where everything stands. Raises `BadProgramme`."""
    return understand(file, read_yaml(file))


def understand(file: Path, document: Document) -> ProgrammeFile:
    """The programme that a file's document means. Raises `BadProgramme`."""
    try:
        # As JSON and strictly, so that a file is right exactly if editors find it right by the JSON Schema.
        programme = Programme.model_validate_json(document.json(), strict=True, context=_context(document.data))
    except ValidationError as error:
        problems = explain(error.errors(include_url=False))
        said = sorted(
            (document.line(place), ".".join(map(str, place)) or "programme", what) for place, what in problems
        )
        raise BadProgramme("\n".join(f"{file}:{line}: {name}: {what}" for line, name, what in said)) from None
    return ProgrammeFile(file, programme, document)


def _context(data: dict[str, Any]) -> dict[str, Any]:
    """In which languages the file must have texts."""
    said = data.get("languages")
    known = tuple(one for one in said if one in LANGUAGES) if isinstance(said, list) else ()
    return {"languages": known or LANGUAGES}
