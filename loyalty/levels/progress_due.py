"""Members to be looked at again: because time changed their level, or because the programme has other rules.

What new rules make of everybody is worked out a batch of members at a time; who does something meanwhile is looked at
by the new rules at once (`progress.update`).
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from loyalty.books.ledger import chain_of
from loyalty.books.points import Books, open_books
from loyalty.ids import MemberId
from loyalty.levels import progress, scores
from loyalty.news import because
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.store.sql import insert_once
from loyalty.tables import Member, Standing
from loyalty.tables import Programme as ProgrammeRow

BATCH, PAGE = 100, 1000


async def prepare(store: Store, programme: Programme) -> None:
    """Once for each new set of rules: see to it that every member has a standing, so that `by_new_rules` finds her."""
    if not await store.read(partial(_is_new, programme=programme)):
        return
    last: str | None = ""
    while last is not None:
        last = await store.write(partial(_write_down, programme=programme, after=last))
    while await store.write(partial(scores.clear_boards, programme=programme)):
        pass  # a batch at a time
    await store.write(partial(_remember, programme=programme))


def by_new_rules(session: Session, programme: Programme, now: datetime) -> int:
    """Look at members who were not looked at by the present rules yet, a batch at a time. Returns how many."""
    count = 0
    if (rules := programme.goal_rules) is not None:
        for others in (Standing.rules < rules, Standing.rules > rules):  # so that an index finds them
            for books, row in _locked(session, programme, others, now):
                if row.rules != rules:
                    because(session, books.member, "recount")
                    progress.update(books, programme)
                    count += 1
    return count


def due(session: Session, programme: Programme, now: datetime) -> int:
    """Look at members whose level or goals time has changed, a batch at a time. Returns how many."""
    count = 0
    if programme.goal_rules is not None:
        for books, row in _locked(session, programme, Standing.due_at <= now, now):
            if row.due_at is not None and row.due_at <= now:
                progress.update(books, programme, since=row.due_at)
                count += 1
    return count


def _locked(
    session: Session, programme: Programme, which: ColumnElement[bool], now: datetime
) -> Iterator[tuple[Books, Standing]]:
    """A batch of members, all of them locked before the first posting, each as she is then; in the order of chains."""
    query = (
        select(Standing.member_id)
        .join(Member, Member.id == Standing.member_id)
        .where(Standing.programme_id == programme.id, which, Member.erased_at.is_(None))
        .order_by(Standing.member_id)
        .limit(BATCH)
    )
    books = [open_books(session, programme.id, MemberId(id_), now=now) for id_ in session.scalars(query).all()]
    for one in sorted(books, key=lambda one: (chain_of(one.member), one.member)):
        row = session.get(Standing, one.member, populate_existing=True)
        if row is not None:  # she was not merged into another one just now
            yield one, row


def _is_new(session: Session, programme: Programme) -> bool:
    row = session.get(ProgrammeRow, programme.id)
    return row is not None and row.goal_rules != programme.goal_rules


def _write_down(session: Session, programme: Programme, after: str) -> str | None:
    """Give a page of members a standing who have none. Returns the last of them; None if there are no more."""
    if programme.goal_rules is None:
        return None
    query = (
        select(Member.id)
        .where(Member.programme_id == programme.id, Member.id > after)
        .where(Member.erased_at.is_(None), Member.merged_into.is_(None))
        .order_by(Member.id)
        .limit(PAGE)
    )
    page = session.scalars(query).all()
    for id_ in page:
        row = {
            "member_id": id_, "programme_id": programme.id, "tier": None, "value": 0, "since": None, "due_at": None,
            "rules": "",
        }  # fmt: skip
        insert_once(session, Standing, row)
    return page[-1] if page else None


def _remember(session: Session, programme: Programme) -> None:
    row = update(ProgrammeRow).where(ProgrammeRow.id == programme.id)
    session.execute(row.values(goal_rules=programme.goal_rules).execution_options(synchronize_session=False))
