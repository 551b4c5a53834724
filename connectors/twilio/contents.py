"""Which template of ours is which of Twilio's: `data/twilio.yml`.

Templates are made and approved in Twilio's console ("Content Template Builder"); each language has a ContentSid. Its
gaps are numbered, so the file says what each number stands for:

    points_earned:
      variables: [points, available]   # {{1}}, {{2}}
      it: HX…
      en: HX…
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from connectors.errors import NotConfigured, OutsideWindow
from conversation.messages.cutting import line

_SID = re.compile(r"HX[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Content:
    """A template in one language at Twilio; `variables` are what its numbered gaps stand for."""

    sid: str
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """All of them, by name and language."""

    known: Mapping[tuple[str, str], Content] = field(default_factory=dict)
    file: str = "data/twilio.yml"

    def find(self, message: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """The ContentSid and the variables for a template's part of the outbox.

        Raises `OutsideWindow`, so that the message is withheld with the reason, if Twilio has no such template.
        """
        told = message["template"]
        content = self.known.get((told["name"], told["language"]))
        if content is None:
            raise OutsideWindow(f"{self.file} has no ContentSid for {told['name']} in {told['language']}")
        values = dict(_values(message))
        if not content.variables:
            return content.sid, {name: value for name, value in values.items() if name.isdecimal()}
        missing = [name for name in content.variables if not values.get(name)]
        if missing:  # Twilio refuses an empty variable (21656)
            raise OutsideWindow(f"{self.file}: {told['name']}: there is no value for {', '.join(missing)}")
        return content.sid, {str(number): values[name] for number, name in enumerate(content.variables, 1)}


def _values(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a template can be filled with, by name: its gaps, `header`, `button1`… and the tokens `choice1`…"""
    told = message["template"]
    given = told.get("parameters") or ()
    named = given.items() if isinstance(given, Mapping) else ((str(place), one) for place, one in enumerate(given, 1))
    yield from ((str(name), line(str(value))) for name, value in named)
    header = told.get("header")
    if header:
        yield "header", header if isinstance(header, str) else str(header.get("link") or "")
    for number, button in enumerate(told.get("buttons") or (), 1):
        yield f"button{number}", str(button["value"])
    for number, choice in enumerate(message.get("choices") or (), 1):
        yield f"choice{number}", str(choice["id"])


def read_contents(file: Path) -> Contents:
    """Read the file; no file, no templates. Raises `NotConfigured`, in one line, if it is not as above."""
    if not file.is_file():
        return Contents(file=str(file))
    try:
        document = YAML(typ="safe").load(file.read_text("utf-8")) or {}
    except (YAMLError, UnicodeDecodeError) as error:
        raise NotConfigured(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
    known: dict[tuple[str, str], Content] = {}
    if not isinstance(document, dict):
        raise NotConfigured(f"{file}: names of templates are expected, each with its languages")
    for name, row in document.items():
        if not isinstance(row, dict):
            raise NotConfigured(f"{file}: {name}: languages are expected, each with its ContentSid")
        variables = row.get("variables") or []
        if not isinstance(variables, list) or not all(isinstance(one, str) for one in variables):
            raise NotConfigured(f"{file}: {name}: variables must be a list of names")
        for language, sid in row.items():
            if language == "variables":
                continue
            if not isinstance(sid, str) or not _SID.fullmatch(sid):
                raise NotConfigured(f"{file}: {name}: {language}: a ContentSid is HX and 32 hexadecimal digits")
            known[str(name), str(language)] = Content(sid, tuple(variables))
    return Contents(known, str(file))
