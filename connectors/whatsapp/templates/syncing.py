"""Asking Meta what has become of our templates, and saying where that is not what the files say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from connectors.whatsapp.templates.api import Remote, TemplatesApi
from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.requests import digest_of, looks_like, takes_the_same
from connectors.whatsapp.templates.submitting import news_of, note
from conversation.saying.sentences import Sentences
from conversation.saying.template_states import GONE, HOLDS, News, all_templates, hear
from conversation.saying.templating import APPROVED
from conversation.tables import TemplateRow
from loyalty.clock import Clock
from loyalty.store import Store

CHANGED = "changed"
"""A status of our own: it is approved and has other gaps than its file, so that we cannot fill it."""
_SUBMIT = "`passaparola templates submit`"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look at Meta brought."""

    ours: int
    """How many declared templates are there, each language by itself."""
    drift: tuple[str, ...]
    """What is there and not as declared, or cannot be sent."""
    missing: tuple[str, ...]
    """Declared, and not handed in."""
    foreign: tuple[str, ...]
    """At Meta, and in no file."""


async def sync(
    store: Store, api: TemplatesApi, templates: Sequence[Declared], sentences: Sentences, clock: Clock
) -> Findings:
    """Read all templates back, keep status, category and quality, and say what differs. Raises `TemplateRefused`."""
    asked = clock.now()
    remote = {(one.name, one.language): one for one in await api.all()}
    return await store.write(lambda session: _compare(session, remote, templates, sentences, asked, clock.now()))


async def remove(store: Store, api: TemplatesApi, name: str, clock: Clock) -> None:
    """Delete a template at Meta in all its languages, and forget it. Raises `TemplateRefused`."""
    await api.delete(name)
    await store.write(lambda session: session.execute(delete(TemplateRow).where(TemplateRow.name == name)))


def _compare(
    session: Session, remote: dict[tuple[str, str], Remote], templates: Sequence[Declared], sentences: Sentences,
    asked: datetime, now: datetime,
) -> Findings:  # fmt: skip
    declared = {
        (template.name, language): (template, version)
        for template in templates
        for language, version in template.versions.items()
    }
    known = all_templates(session)
    drift: list[str] = []
    for key in sorted(known.keys() | (declared.keys() & remote.keys())):
        row, one = known.get(key), remote.get(key)
        if one is None:
            assert row is not None
            hear(session, row, News("deleted"), at=asked, now=now, asked=True)
            drift.append(f"{_named(key)}: is not at WhatsApp any more; {_SUBMIT} hands it in again")
            continue
        if row is None:
            template, version = declared[key]
            same = looks_like(version, one.components)
            row = note(session, template, version, digest_of(template, version, sentences) if same else None, one, now)
        else:
            row.meta_id = one.id
            hear(session, row, news_of(one), at=asked, now=now, asked=True)
        drift += _differs(key, row)
        if key in declared and not looks_like(declared[key][1], one.components):
            row.digest = None  # so that it is handed in again
            if row.status == APPROVED and not takes_the_same(declared[key][1], one.components):
                row.status = CHANGED
            drift.append(f"{_named(key)}: says something else at WhatsApp; {_SUBMIT} puts it right")
    foreign = [
        f"{_named(key)} ({remote[key].category}, {remote[key].status})" for key in sorted(remote.keys() - declared)
    ]
    missing = map(_named, sorted(declared.keys() - remote.keys() - known.keys()))
    return Findings(len(declared.keys() & remote.keys()), tuple(drift), tuple(missing), tuple(foreign))


def _differs(key: tuple[str, str], row: TemplateRow) -> Iterator[str]:
    """What is wrong with a template, though it says what its file says."""
    if row.category != row.declared:
        told = "and goes only to those who want offers" if row.category == "marketing" else "and is billed as that"
        yield f"{_named(key)}: is {row.category} at WhatsApp, declared as {row.declared}, {told}"
    elif row.due:
        yield f"{_named(key)}: becomes {row.due} at WhatsApp within a day, declared as {row.declared}"
    if row.status in HOLDS | GONE:
        yield f"{_named(key)}: is {row.status}{': ' + row.reason if row.reason else ''}"


def _named(key: tuple[str, str]) -> str:
    return "/".join(key)
