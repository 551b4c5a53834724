"""Handing templates in: what is new is created, what has changed is edited, the rest is left alone.

What was done is written down after each call, so that a run that ended in the middle goes on where it was; what Meta
has and we do not know of (a run that was killed between the call and the note) is recognised by what it says.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.errors import ConnectorError
from connectors.whatsapp.templates.api import EDITABLE, Remote, TemplatesApi
from connectors.whatsapp.templates.declared import Declared, Version
from connectors.whatsapp.templates.problems import TemplateRefused
from connectors.whatsapp.templates.requests import creation, digest_of, looks_like
from conversation.saying.sentences import Sentences
from conversation.saying.template_states import SKEW, News, find_template, hear
from conversation.saying.templating import APPROVED
from conversation.tables import TemplateRow
from loyalty.clock import Clock
from loyalty.store import Store

AN_HOUR, PER_HOUR = timedelta(hours=1), 100
"""Meta: 100 creations an hour for an account ("Templates")."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a template in one language. `told` is for the operator."""

    name: str
    language: str
    done: Literal["created", "edited", "unchanged", "waits", "refused"]
    told: str = ""

    def __str__(self) -> str:
        return f"{self.name}/{self.language}: {self.done}{': ' + self.told if self.told else ''}"


class Submission:
    """One run over templates, against what Meta has at its beginning."""

    def __init__(self, store: Store, api: TemplatesApi, sentences: Sentences, clock: Clock) -> None:
        self._store = store
        self._api = api
        self._sentences = sentences
        self._clock = clock
        self._remote: dict[tuple[str, str], Remote] = {}

    async def run(self, templates: Sequence[Declared]) -> AsyncIterator[Outcome]:
        """Hand in what is new or changed; tells what became of each. Raises `TemplateRefused` if nothing can be read.

        After an error that would meet all the others as well nothing more is tried.
        """
        self._remote = {(one.name, one.language): one for one in await self._api.all()}
        room = PER_HOUR - await self._created_lately()
        for template, version in _each(templates):
            try:
                outcome = await self._one(template, version, room)
            except ConnectorError as error:
                yield Outcome(template.name, version.language, "refused", str(error))
                if isinstance(error, TemplateRefused) and error.stops:
                    return
                continue
            room -= outcome.done == "created"
            yield outcome

    async def _one(self, template: Declared, version: Version, room: int) -> Outcome:
        name, language = template.name, version.language
        digest = digest_of(template, version, self._sentences)
        known = await self._digest(name, language)
        remote = self._remote.get((name, language))
        if remote is None:
            if room <= 0:
                said = "WhatsApp takes 100 new templates an hour; run `passaparola templates submit` again in an hour"
                return Outcome(name, language, "waits", said)
            request = creation(template, version, self._sentences, await self._handle(template, version))
            made = await self._api.create(request)
            await self._note(template, version, digest, made, fresh=True)
            return Outcome(name, language, "created", _other_category(template, made) or made.status)
        same = known == digest if known else looks_like(version, remote.components)
        if same and not self._wants_category(template, remote):
            await self._note(template, version, digest, remote)
            return Outcome(name, language, "unchanged", "" if remote.status == APPROVED else remote.status)
        if remote.status not in EDITABLE:
            said = f"it is {remote.status}; WhatsApp takes changes when that is decided"
            return Outcome(name, language, "waits", said)
        request = creation(template, version, self._sentences, await self._handle(template, version))
        body = {"components": request["components"], "parameter_format": request["parameter_format"]}
        if self._wants_category(template, remote):
            body["category"] = request["category"]
        await self._api.edit(remote.id, body)
        pending = Remote(remote.id, name, language, "pending", remote.category)
        await self._note(template, version, digest, pending)
        return Outcome(name, language, "edited", "WhatsApp looks at it again")

    @staticmethod
    def _wants_category(template: Declared, remote: Remote) -> bool:
        """Whether its category is to be changed, which Meta allows of what is not approved."""
        return remote.category != template.category and remote.status in EDITABLE - {APPROVED}

    async def _handle(self, template: Declared, version: Version) -> str | None:
        return await self._api.upload(template.file.parent / version.image) if version.image else None

    async def _digest(self, name: str, language: str) -> str | None:
        query = select(TemplateRow.digest).where(TemplateRow.name == name, TemplateRow.language == language)
        return await self._store.read(lambda session: session.scalar(query))

    async def _created_lately(self) -> int:
        query = select(func.count()).where(TemplateRow.created_at > self._clock.now() - AN_HOUR)
        return await self._store.read(lambda session: session.scalar(query)) or 0

    async def _note(
        self, template: Declared, version: Version, digest: str, remote: Remote, *, fresh: bool = False
    ) -> None:
        now = self._clock.now()
        await self._store.write(lambda session: note(session, template, version, digest, remote, now, fresh=fresh))


def note(
    session: Session, template: Declared, version: Version, digest: str | None, remote: Remote, now: datetime, *,
    fresh: bool = False,
) -> TemplateRow:  # fmt: skip
    """Write down what was handed in and what Meta makes of it. `fresh` says that it was created just now."""
    row = find_template(session, template.name, version.language, None)
    if row is None:
        row = TemplateRow(
            name=template.name, language=version.language, created_at=now if fresh else now - AN_HOUR, status="",
            category=template.category, status_at=now - SKEW, category_at=now - SKEW,
        )  # fmt: skip
        session.add(row)
    elif fresh:
        row.created_at = now
    row.declared, row.content, row.digest = template.category, version.to_json(), digest
    row.meta_id, row.updated_at = remote.id, now
    session.flush()
    hear(session, row, news_of(remote), at=now, now=now, asked=True)
    return row


def news_of(remote: Remote) -> News:
    """What Meta says of a template when it is asked."""
    return News(remote.status or None, remote.reason, remote.category or None, remote.due, remote.quality)


def _other_category(template: Declared, made: Remote) -> str:
    if made.category == template.category:
        return ""
    return f"WhatsApp made it {made.category} in place of {template.category} ({made.status})"


def _each(templates: Iterable[Declared]) -> Iterable[tuple[Declared, Version]]:
    return ((template, version) for template in templates for version in template.versions.values())
