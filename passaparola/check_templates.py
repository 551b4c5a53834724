"""`passaparola check` and `passaparola templates`: the files of templates, read and judged."""

from collections.abc import Collection
from pathlib import Path

from connectors.whatsapp.templates.checks import check_all
from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.problems import BadTemplates
from connectors.whatsapp.templates.reading import read_templates
from conversation.saying.sentences import Sentences

TEMPLATES = Path("data/templates")


def check_templates(folder: Path, sentences: Sentences, *, asks: Collection[str] | None = None) -> list[str]:
    """Every mistake in the templates of a folder, a line each. `asks` are the intents of the domain."""
    found, mistakes = read_templates(folder)
    return [*mistakes, *check_all(found, sentences, asks=asks)]


def sound_templates(folder: Path, sentences: Sentences, name: str | None = None) -> list[Declared]:
    """The templates of a folder, or the one named. Raises `BadTemplates`, a line for each mistake in any."""
    found, unread = read_templates(folder)
    if mistakes := [*unread, *check_all(found, sentences)]:
        raise BadTemplates("\n".join([*mistakes, f"{len(mistakes)} mistakes in {folder}/; nothing was handed in"]))
    if name is None:
        return found
    chosen = [template for template in found if template.name == name]
    if not chosen:
        known = ", ".join(template.name for template in found) or "none"
        raise BadTemplates(f"there is no {folder}/{name}.yml; there is: {known}")
    return chosen
