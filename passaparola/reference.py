"""What is made of the programme model for who writes files: the JSON Schema, the tables of docs/programmes.md."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loyalty.files.schema import Schema, resolved, schema, schema_text
from loyalty.files.words import allowed
from passaparola.errors import CommandError

SCHEMA = Path("programmes/schema.json")
REFERENCE = Path("docs/programmes.md")
MARK = "<!-- From here on `passaparola schema` writes. -->\n"
_ROOT = "Programme"


def write(folder: Path) -> list[Path]:
    """Write the schema, and the reference where there is one. Returns what was written. Raises `CommandError`."""
    written = [folder / SCHEMA]
    try:
        (folder / SCHEMA).write_text(schema_text(), "utf-8")
        if (folder / REFERENCE).is_file():
            text = (folder / REFERENCE).read_text("utf-8")
            (folder / REFERENCE).write_text(renewed(text), "utf-8")
            written.append(folder / REFERENCE)
    except OSError as error:
        raise CommandError(f"{error.filename}: cannot be written: {error.strerror}") from None
    return written


def renewed(text: str) -> str:
    """The reference with its tables as the model has them now."""
    return text.partition(MARK)[0] + MARK + "".join(f"{line}\n" for line in _tables())


def _tables() -> Iterator[str]:
    for name in _order(_ROOT, []):
        part = schema() if name == _ROOT else schema()["$defs"][name]
        yield ""
        yield f"### {name}"
        yield ""
        yield part["description"]
        yield ""
        yield "| key | what it says | takes | unless said |"
        yield "|---|---|---|---|"
        for key, value in part["properties"].items():
            needed = key in part.get("required", [])
            cells = (f"`{key}`", value["description"], _takes(value), "needed" if needed else _default(value))
            yield f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"


def _order(name: str, seen: list[str]) -> list[str]:
    """The parts in the order in which a file comes to them."""
    if name not in seen and name != "Texts":
        seen.append(name)
        part = schema() if name == _ROOT else schema()["$defs"][name]
        for value in part["properties"].values():
            for other in _named(value):
                _order(other, seen)
    return seen


def _named(value: Any) -> Iterator[str]:
    """The parts that a value refers to."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _takes(value: Schema) -> str:
    names = [name for name in _named(value) if name != "Texts"]
    inner = resolved(value)
    if not names:
        texts = inner.get("type") == "array" and "Texts" in _named(value)
        return "a list of texts" if texts else "a text" if "Texts" in _named(value) else allowed(value)
    link = f"[{names[0]}](#{names[0].lower()})"
    if inner.get("type") == "array":
        return f"a list of {link}"
    return f"{link} by name" if "patternProperties" in inner else link


def _default(value: Schema) -> str:
    default = value.get("default")
    match default:
        case None | []:
            return "–"
        case list():
            return ", ".join(map(str, default))
        case dict():
            return ", ".join(f"{key}: {inner}" for key, inner in default.items())
        case bool():
            return str(default).lower()
    return str(default)
