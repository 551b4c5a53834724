"""Reading the files of templates. Every mistake is a line: file, line, what is wrong and what is right."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connectors.whatsapp.templates.declared import KINDS, Button, Declared, Version
from loyalty.errors import BadProgramme
from loyalty.files.yaml_lines import Document, Place, read_yaml

_KEYS = frozenset({"sends", "category", "examples", "languages"})
_PARTS = frozenset({"header", "body", "footer", "buttons"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "quick_reply": frozenset({"asks"}), "url": frozenset({"link"}), "phone": frozenset({"number"}),
    "copy_code": frozenset(),
}  # fmt: skip
"""What a button needs beside its title; `copy_code` names the gap that is copied."""


def read_templates(folder: Path) -> tuple[list[Declared], list[str]]:
    """The templates of a folder, one a file, and the mistakes of those that cannot be read."""
    found, mistakes = [], []
    for file in sorted(folder.glob("*.yml")):
        reading = _Reading(file)
        template = reading.template()
        mistakes += reading.mistakes
        if template is not None and not reading.mistakes:
            found.append(template)
    return found, mistakes


class _Reading:
    """One file on its way to a `Declared`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._document = Document({}, {})
        self.mistakes: list[str] = []

    def template(self) -> Declared | None:
        """The template; None if the file is no YAML."""
        try:
            self._document = read_yaml(self._file)
        except BadProgramme as error:
            self.mistakes.append(str(error).replace("a programme is a mapping that begins with id: and name:", _SHAPE))
            return None
        data = self._document.data
        self._known(data, (), _KEYS)
        examples = self._mapping(data, "examples", (), needed=False)
        languages = self._mapping(data, "languages", (), needed=True)
        versions = {language: self._version(language, value) for language, value in languages.items()}
        return Declared(
            self._file.stem, self._text(data, "category", ()), self._text(data, "sends", ()), examples, versions,
            self._file, self._document,
        )  # fmt: skip

    def _version(self, language: str, data: object) -> Version:
        place: Place = ("languages", language)
        if not isinstance(data, Mapping):
            self._wrong(place, "needs a mapping with body: and perhaps header:, footer:, buttons:")
            return Version(language, "")
        self._known(data, place, _PARTS)
        header, image = "", ""
        if isinstance(data.get("header"), Mapping):
            image = self._text(data["header"], "image", (*place, "header"))
            self._known(data["header"], (*place, "header"), frozenset({"image"}))
        else:
            header = self._text(data, "header", place, needed=False)
        buttons = tuple(self._buttons(data.get("buttons"), (*place, "buttons")))
        footer = self._text(data, "footer", place, needed=False)
        return Version(language, self._text(data, "body", place), header, image, footer, buttons)

    def _buttons(self, data: object, place: Place) -> Iterator[Button]:
        if data is None:
            return
        if not isinstance(data, list):
            self._wrong(place, "needs a list")
            return
        for number, item in enumerate(data):
            here = (*place, number)
            kind = next((kind for kind in KINDS if isinstance(item, Mapping) and kind in item), None)
            if kind is None:
                self._wrong(here, f"is a mapping with one of {', '.join(KINDS)}")
                continue
            self._known(item, here, _FIELDS[kind] | {kind})
            fields = {name: self._text(item, name, here) for name in sorted(_FIELDS[kind])}
            title = self._text(item, kind, here)
            yield Button(kind, "", code=title) if kind == "copy_code" else Button(kind, title, **fields)

    def _text(self, data: Mapping[str, Any], key: str, place: Place, *, needed: bool = True) -> str:
        value = data.get(key)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or not value.strip():
            said = "is missing" if key not in data else "is empty" if value in (None, "") else "needs a text in quotes"
            self._wrong((*place, key), f"{key}: {said}")
            return ""
        return value.strip()

    def _mapping(self, data: Mapping[str, Any], key: str, place: Place, *, needed: bool) -> Mapping[str, Any]:
        value = data.get(key)
        if isinstance(value, Mapping) and (value or not needed):
            return value
        if value is not None or needed:
            self._wrong((*place, key), f"{key}: needs a mapping")
        return {}

    def _known(self, data: Mapping[str, Any], place: Place, known: frozenset[str]) -> None:
        for key in data:
            if key not in known:
                self._wrong((*place, key), f"{key}: this key is not known here; known are {', '.join(sorted(known))}")

    def _wrong(self, place: Place, said: str) -> None:
        self.mistakes.append(f"{self._file}:{self._document.line(place)}: {self._file.stem}: {said}")


_SHAPE = "a template is a mapping that begins with sends: and category:"
