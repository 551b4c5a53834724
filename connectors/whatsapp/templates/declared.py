"""What a template's file says, as data. `docs/templates.md` shows the form; `reading` reads it, `checks` judges it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conversation.saying.template_text import gaps_of
from loyalty.files.yaml_lines import Document, Place

Kind = Literal["quick_reply", "url", "phone", "copy_code"]
KINDS: tuple[Kind, ...] = ("quick_reply", "url", "phone", "copy_code")


@dataclass(frozen=True, slots=True)
class Button:
    """A button. A quick reply asks something, a URL opens a `link`, a phone calls a `number`, a code is copied."""

    kind: Kind
    title: str
    asks: str = ""
    link: str = ""
    number: str = ""
    code: str = ""
    """The gap whose value is copied, such as `{code}`."""

    def gaps(self) -> dict[str, str]:
        """The gaps in it."""
        return gaps_of(self.link or self.code)

    def to_json(self) -> dict[str, str]:
        """As the store keeps it, without what it does not have."""
        row = {
            "kind": self.kind, "title": self.title, "asks": self.asks, "link": self.link, "number": self.number,
            "code": self.code,
        }  # fmt: skip
        return {key: value for key, value in row.items() if value}


@dataclass(frozen=True, slots=True)
class Version:
    """A template in one language."""

    language: str
    body: str
    header: str = ""
    image: str = ""
    """The file with the example of the picture above the body, if there is one."""
    footer: str = ""
    buttons: tuple[Button, ...] = ()

    def gaps(self) -> dict[str, str]:
        """All its gaps: names, and how the value of each is written."""
        return gaps_of(self.body) | {name: spec for button in self.buttons for name, spec in button.gaps().items()}

    def to_json(self) -> dict[str, Any]:
        """As the store keeps it."""
        header = {"text": self.header} if self.header else {"image": self.image} if self.image else None
        buttons = [button.to_json() for button in self.buttons]
        row = {"body": self.body, "header": header, "footer": self.footer, "buttons": buttons}
        return {key: value for key, value in row.items() if value}


@dataclass(frozen=True, slots=True)
class Declared:
    """A template's file."""

    name: str
    category: str
    sends: str
    """What it is for, for people."""
    examples: Mapping[str, Any]
    versions: Mapping[str, Version]
    file: Path
    document: Document

    def where(self, place: Place) -> str:
        """File and line of a place."""
        return f"{self.file}:{self.document.line(place)}"

    def example(self, name: str, language: str) -> object:
        """An example for a gap: one for all languages, or this language's. Raises KeyError if there is none."""
        given = self.examples[name]
        return given[language] if isinstance(given, Mapping) else given
