"""Birthdays: they are news, and a member does the activity `birthday` on hers if the programme has points for it.

Both once a year.

A day begins at midnight in the programme's zone. Days on which nothing ran are made up for; who was born on
29 February has her birthday on the 28th in other years.
"""

from calendar import isleap
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, exists, extract, or_, select, update
from sqlalchemy.orm import Session

from loyalty.books.ledger import chain_of, lock
from loyalty.ids import MemberId
from loyalty.news import Kind, tell
from loyalty.orders.purchases import record_activity
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.tables import Activity, Member
from loyalty.tables import Programme as ProgrammeRow

ACTIVITY = "birthday"
BATCH = 100
LONGEST = timedelta(days=366)
"""How far back days are made up for."""


async def celebrate(store: Store, programme: Programme, *, now: datetime) -> int:
    """Do what is due for birthdays up to the day of a moment. Returns how many there were."""
    count = 0
    for day in await store.read(partial(_days, programme=programme, now=now)):
        last: str | None = ""
        while last is not None:
            number, last = await store.write(partial(_batch, programme=programme, day=day, after=last, now=now))
            count += number
        await store.write(partial(_remember, programme=programme, day=day))
    return count


def _days(session: Session, programme: Programme, now: datetime) -> list[date]:
    """The days that were not celebrated yet. A programme without points for birthdays skips them for good."""
    row = session.get(ProgrammeRow, programme.id)
    today = now.astimezone(programme.zone).date()
    if row is None or (row.birthdays_until is not None and row.birthdays_until >= today):
        return []
    if row.birthdays_until is None or ACTIVITY not in programme.earning.activities:
        return [today]
    first = max(row.birthdays_until + timedelta(days=1), today - LONGEST)
    return [first + timedelta(days=number) for number in range((today - first).days + 1)]


def _batch(session: Session, programme: Programme, day: date, after: str, now: datetime) -> tuple[int, str | None]:
    """The next members with a birthday. Returns how many it is news of, and the last one; None if it was the last."""
    born: ColumnElement[bool] = (extract("month", Member.birthday) == day.month) & (
        extract("day", Member.birthday) == day.day
    )
    if (day.month, day.day) == (2, 28) and not isleap(day.year):
        born = or_(born, (extract("month", Member.birthday) == 2) & (extract("day", Member.birthday) == 29))
    query = (
        select(Member.id)
        .where(Member.programme_id == programme.id, Member.id > after, born, Member.joined_at.is_not(None))
        .where(Member.erased_at.is_(None), Member.merged_into.is_(None))
        .where(~_had_one(programme, day))
        .order_by(Member.id)
        .limit(BATCH)
    )
    found = [MemberId(id_) for id_ in session.scalars(query)]
    for member in found:
        lock(session, member)
    midnight = datetime(day.year, day.month, day.day, tzinfo=programme.zone)
    count = 0
    for member in sorted(found, key=lambda one: (chain_of(one), one)):
        row = session.get_one(Member, member, populate_existing=True)
        if row.erased_at is not None or row.merged_into is not None:
            continue
        key, points = f"birthday:{member}:{day.year}", 0
        if ACTIVITY in programme.earning.activities:
            points = record_activity(
                session, programme, row, key=key, activity=ACTIVITY, occurred_at=midnight, now=now
            ).points  # fmt: skip
        about = {"points": points}
        count += tell(session, programme.id, member, Kind.BIRTHDAY, key=key, about=about, at=midnight, now=now)
    return count, found[-1] if found else None


def _had_one(programme: Programme, day: date) -> ColumnElement[bool]:
    """Whether a member had a birthday in the year already, perhaps told by a till."""
    begin, end = (datetime(year, 1, 1, tzinfo=programme.zone) for year in (day.year, day.year + 1))
    return exists().where(
        Activity.member_id == Member.id, Activity.name == ACTIVITY, Activity.occurred_at >= begin,
        Activity.occurred_at < end,
    )  # fmt: skip


def _remember(session: Session, programme: Programme, day: date) -> None:
    later = or_(ProgrammeRow.birthdays_until.is_(None), ProgrammeRow.birthdays_until < day)
    session.execute(
        update(ProgrammeRow)
        .where(ProgrammeRow.id == programme.id, later)
        .values(birthdays_until=day)
        .execution_options(synchronize_session=False)
    )
