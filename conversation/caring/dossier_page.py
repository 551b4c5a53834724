"""What is known of somebody, to be read by her: the same report as a page and as plain text, in her language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from babel.dates import format_datetime

from conversation.saying.sentences import Sentences
from loyalty.programme import Language, Programme

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ddd}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.6rem 0;padding:.4rem 0;"
    "border-bottom:1px dotted #eee}dt{color:#666}dd{margin:0;overflow-wrap:anywhere;unicode-bidi:plaintext}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;direction:ltr;text-align:left;background:#f6f6f6;padding:1rem}"
)
Row = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A report of everything that is `known`: sections of rows of labelled values. What is empty is left out."""

    sentences: Sentences
    language: Language
    programme: Programme
    known: Mapping[str, Mapping[str, Any]]
    now: datetime

    def text(self) -> str:
        """As plain text."""
        lines = [self._title(), self._instant(self.now)]
        for title, rows in self._sections():
            lines += ["", title.upper()]
            for row in rows:
                lines += ["", *(f"{label}: {value}" for label, value in row)]
        return "\n".join(lines)

    def html(self, plain: str) -> str:
        """As a page that needs nothing else; `plain` is the same for machines."""
        direction = "rtl" if self.language == "ar" else "ltr"
        parts = [(
            f'<!doctype html><html lang="{self.language}" dir="{direction}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
            f"<title>{escape(self._title())}</title><style>{_STYLE}</style></head><body>"
            f"<h1>{escape(self._title())}</h1><p>{escape(self._instant(self.now))}</p>"
        )]  # fmt: skip
        for title, rows in self._sections():
            parts.append(f"<h2>{escape(title)}</h2>")
            for row in rows:
                cells = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in row)
                parts.append(f"<dl>{cells}</dl>")
        machine = escape(self._say("export.json"))
        parts.append(f'<details><summary>{machine}</summary><pre id="data">{escape(plain)}</pre></details>')
        return "".join([*parts, "</body></html>\n"])

    def _sections(self) -> Iterator[tuple[str, list[Row]]]:
        for room in self.known.values():
            for name, content in room.items():
                if name in {"exported_at", "programme"} or not content:
                    continue
                rows = [self._row(item) for item in (content if isinstance(content, list) else [content])]
                if any(rows):
                    yield self._label(f"export.{name}", name), [row for row in rows if row]

    def _row(self, item: Any) -> Row:
        return list(self._cells(item, "")) if isinstance(item, Mapping) else [("", str(item))]

    def _cells(self, item: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
        """The values of a row by their labels; those of a part stand under the part's name as well."""
        for name, value in item.items():
            label = f"{before} {self._label(f'export.field.{name}', name)}".strip()
            if isinstance(value, Mapping):
                yield from self._cells(value, label)
            elif isinstance(value, list):
                for number, one in enumerate(value, 1):
                    yield from self._cells(one if isinstance(one, Mapping) else {"": one}, f"{label} {number}")
            elif value is not None and value != "":
                yield label, self._value(value)

    def _value(self, value: Any) -> str:
        if isinstance(value, bool):
            return self._say("export.yes" if value else "export.no")
        if isinstance(value, str) and value[4:5] == "-" and "T" in value[10:11]:
            try:
                return self._instant(datetime.fromisoformat(value))
            except ValueError:
                return value
        return str(value)

    def _instant(self, moment: datetime) -> str:
        here = moment.astimezone(self.programme.zone) if moment.tzinfo is not None else moment
        return str(format_datetime(here, "medium", locale=self.language))

    def _title(self) -> str:
        return self.sentences.say(self.language, "export.title", programme=self.programme.name)

    def _label(self, key: str, name: str) -> str:
        return self._say(key) if self.sentences.knows(key) else name.replace("_", " ")

    def _say(self, key: str) -> str:
        return self.sentences.say(self.language, key)
