"""Finding out of whom there is news: members touched since last time, and once a night everybody.

What is read is only a hint. A member is marked when the fingerprint of her card is another than the one her system is
known to have, so reading too much does no harm, and what a hint misses the sweep finds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from crm import states
from crm.card import GONE, Card
from crm.gathering import cards_of
from crm.queue import mark, wanted_of
from crm.tables import CrmCursor, CrmSystem
from loyalty.ids import MemberId, ProgrammeId
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.store.sql import table_of, upsert
from loyalty.tables import Award, Base, Consent, Member, News, Referral, Trail, Transaction, Voucher

PAGE = 500
OVERLAP_MS = 120_000
OVERLAP_ROWS = 1_000
"""How far back is read again: a transaction that was slow to commit becomes visible behind what was seen."""
SWEEP_HOUR = 2
"""From this hour (UTC) on the night's sweep is due."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that tells of members. Its keys grow: ids in order of time, or numbers."""

    name: str
    page: Select[Any]
    newest: Select[Any]
    numbered: bool = False

    def back(self, seen: str) -> str | int:
        """The key from which on to read, if `seen` was the highest."""
        if self.numbered:
            return max(int(seen) - OVERLAP_ROWS, 0)
        return f"{max(int(seen[:12], 16) - OVERLAP_MS, 0):012x}{'0' * 20}"


def _source(table: type[Base], who: str, *, numbered: bool = False) -> Source:
    columns = table_of(table).c
    key = columns.id
    page = select(key, columns[who], *([columns.detail] if table is Trail else [])).where(key > bindparam("after"))
    if table is Trail:
        page = page.where(columns.action.in_(("member.erased", "member.merged")))
    return Source(
        f"{table.__tablename__}.{who}", page.order_by(key).limit(PAGE), select(func.max(key)), numbered=numbered
    )


SOURCES = (
    _source(Transaction, "member_id"), _source(News, "member_id"), _source(Award, "member_id"),
    _source(Voucher, "member_id"), _source(Referral, "referrer_id"), _source(Member, "id"), _source(Trail, "subject"),
    _source(Consent, "member_id", numbered=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finder:
    """Looks for news for one system."""

    store: Store
    system: str
    programmes: Mapping[ProgrammeId, Programme]
    public_url: str

    async def touched(self, now: datetime) -> int:
        """Mark members who were touched since last time. Returns how many there is news of."""
        cursors = await self.store.read(self._cursors)
        if not cursors:
            await self.store.write(self._begin)  # the first sweep tells of everybody; from here on of what is new
            return 0
        marked = 0
        for source in SOURCES:
            marked += await self._read(source, cursors.get(source.name, "0"), now)
        return marked

    async def sweep(self, now: datetime, *, pages: int | None) -> tuple[int, bool]:
        """Look at everybody if that is due, at most so many pages of it. Returns how many were marked, and the end."""
        began, after = await self.store.write(partial(self._sweep_due, now=now))
        if began is None:
            return 0, True
        marked, page = 0, 0
        while pages is None or page < pages:
            members = await self.store.read(partial(_everybody, after=after))
            news = await self.store.read(partial(self._news, members=members))
            after, page = (members[-1] if members else after), page + 1
            over = len(members) < PAGE
            marked += await self.store.write(partial(self._swept, news=news, after=after, over=over, now=now))
            if over:
                return marked, True
        return marked, False

    async def _read(self, source: Source, seen: str, now: datetime) -> int:
        marked, after = 0, source.back(seen)
        while True:
            rows = await self.store.read(lambda session, after=after: _rows(session, source, after))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            if not rows:
                return marked
            after = rows[-1][0]
            news = await self.store.read(partial(self._news, members=list(_members(rows))))
            high = max(after, int(seen)) if source.numbered else max(after, seen)
            if news or str(high) != seen:
                marked += await self.store.write(partial(self._saw, source=source, high=str(high), news=news, now=now))
                seen = str(high)
            if len(rows) < PAGE:
                return marked

    def _cursors(self, session: Session) -> dict[str, str]:
        rows = session.execute(select(CrmCursor.source, CrmCursor.seen).where(CrmCursor.system == self.system))
        return {source: seen for source, seen in rows}  # noqa: C416 -- rows are no tuples to the type checker

    def _begin(self, session: Session) -> None:
        for source in SOURCES:
            newest = session.execute(source.newest).scalar()
            self._keep(session, source.name, str(newest or 0) if source.numbered else newest or "0" * 32)

    def _keep(self, session: Session, source: str, seen: str) -> None:
        upsert(session, CrmCursor, {"system": self.system, "source": source, "seen": seen}, key=("system", "source"))

    def _news(self, session: Session, members: Sequence[MemberId]) -> dict[MemberId, Card | None]:
        """Cards that are another than what the system has or is to have."""
        cards = cards_of(session, self.programmes, members, self.public_url)
        wanted = wanted_of(session, self.system, list(cards))
        return {member: card for member, card in cards.items() if _is_news(card, wanted.get(member))}

    def _saw(
        self, session: Session, source: Source, high: str, news: Mapping[MemberId, Card | None], now: datetime
    ) -> int:
        self._keep(session, source.name, high)
        return mark(session, self.system, news, now=now)

    def _sweep_due(self, session: Session, now: datetime) -> tuple[datetime | None, str]:
        row = states.of(session, self.system)
        if row.sweep_began_at is None and _due(row, now):
            row.sweep_began_at, row.sweep_after = now, ""
            session.flush()
        return row.sweep_began_at, row.sweep_after or ""

    def _swept(
        self, session: Session, news: Mapping[MemberId, Card | None], after: str, over: bool, now: datetime
    ) -> int:
        row = states.of(session, self.system)
        row.sweep_after = after
        if over:
            row.swept_at, row.sweep_began_at, row.sweep_after = row.sweep_began_at, None, None
        session.flush()
        return mark(session, self.system, news, now=now)


def _due(row: CrmSystem, now: datetime) -> bool:
    return row.swept_at is None or (row.swept_at.date() < now.date() and now.hour >= SWEEP_HOUR)


def _is_news(card: Card | None, wanted: str | None) -> bool:
    if card is None:
        return wanted is not None and wanted != GONE
    return card.fingerprint() != wanted


def _rows(session: Session, source: Source, after: str | int) -> Sequence[Any]:
    return session.execute(source.page, {"after": after}).all()


def _members(rows: Iterable[Any]) -> Iterator[MemberId]:
    """Whom rows are about; of two who became one, also the one who is no more."""
    for row in rows:
        if row[1] is not None:
            yield MemberId(row[1])
        if len(row) > 2 and isinstance(merged := (row[2] or {}).get("merged"), str):
            yield MemberId(merged)


def _everybody(session: Session, after: str) -> list[MemberId]:
    query = select(Member.id).where(Member.id > after).order_by(Member.id).limit(PAGE)
    return [MemberId(id_) for id_ in session.scalars(query)]
