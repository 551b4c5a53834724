"""Templates for tests: the shipped ones, and made-up ones that are changed here and there."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from connectors.whatsapp.templates.declared import Button, Declared, Version
from connectors.whatsapp.templates.reading import read_templates
from conversation.saying.sentences import Sentences
from loyalty.files.yaml_lines import Document
from loyalty.programme import LANGUAGES

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "templates"
BODY = "Your balance at {programme} is now {points:points}. Thank you!"
EXAMPLES: Mapping[str, Any] = {"programme": "Caffè Aurora", "points": 40, "code": "K7QX4M2P", "day": "2026-12-31"}


@cache
def sentences() -> Sentences:
    return Sentences.load(ROOT / "data" / "responses")


@cache
def shipped() -> tuple[Declared, ...]:
    found, mistakes = read_templates(SHIPPED)
    assert mistakes == []
    return tuple(found)


def declared(name: str = "balance", category: str = "utility", **version: Any) -> Declared:
    """A template that says the same in all languages; keywords change its parts."""
    examples = version.pop("examples", EXAMPLES)
    one = Version("en", **{"body": BODY, **version})
    versions: dict[str, Version] = {language: replace(one, language=language) for language in LANGUAGES}
    return Declared(name, category, "A test.", examples, versions, Path(f"{name}.yml"), Document({}, {}))


def quick(title: str = "My points", asks: str = "check_points") -> Button:
    return Button("quick_reply", title, asks=asks)


def url(link: str = "https://example.com/menu", title: str = "Our menu") -> Button:
    return Button("url", title, link=link)


def phone(number: str = "+390612345678", title: str = "Call us") -> Button:
    return Button("phone", title, number=number)


def copy(code: str = "{code:code}") -> Button:
    return Button("copy_code", "", code=code)
