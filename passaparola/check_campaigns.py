"""The campaign files, looked at together with the templates, sentences and programmes they name."""

from collections.abc import Iterator
from pathlib import Path

from campaigns.checking import check_campaigns
from campaigns.reading import FOLDER
from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.reading import read_templates
from conversation.saying.sentences import Sentences
from loyalty.files.reading import read_each
from loyalty.programme import Programme
from passaparola.check_templates import TEMPLATES


def check_campaign_files(
    programme: Path, ready_made: Path, sentences: Sentences, *, folder: Path = FOLDER, templates: Path = TEMPLATES
) -> Iterator[str]:
    """Every mistake of the campaign files. They may name any programme that is set, or a ready-made one."""
    programmes: dict[str, Programme] = {}
    complete = True
    for path in (ready_made, programme):
        if path.exists():
            files, wrong = read_each(path)
            programmes |= {one.programme.id: one.programme for one in files}
            complete = complete and not wrong
    found, _ = read_templates(templates)
    gaps = {one.name: _gaps(one) for one in found}
    yield from check_campaigns(folder, sentences, gaps, programmes, complete=complete)


def _gaps(template: Declared) -> frozenset[str]:
    """The names of everything that has to be filled in, in whatever language."""
    return frozenset(name for version in template.versions.values() for name in version.gaps())
