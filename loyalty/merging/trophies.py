"""Awards of two members who are one: each stays with what it gave, and nothing is had twice.

Afterwards `progress.update` gives and takes what her whole past makes of it.
"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.ids import Cause, ProgrammeId
from loyalty.levels.aims import aims_of
from loyalty.levels.awards import HELD
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rewards import gifts, vouchers
from loyalty.rules.goals import Milestone
from loyalty.tables import Award


def pool(programme: Programme, books: Books, others: Books) -> None:
    """Hand the awards of one locked member to another. What both have is taken back from one of them."""
    session = books.session
    mine = {(row.goal, row.period): row for row in _awards(session, books)}
    for row in _awards(session, others):
        twin = mine.get((row.goal, row.period))
        if twin is not None and twin.state == row.state == HELD:
            row.period = _another_time(session, programme, row, mine.keys())
            twin = mine.get((row.goal, row.period))
        if twin is not None:
            loser = twin if row.state == HELD and (twin.state != HELD or _was_used(session, row)) else row
            _drop(programme, books if loser is twin else others, loser)
            if loser is row:
                continue
        row.member_id = books.member
        mine[row.goal, row.period] = row
        session.flush()


def _awards(session: Session, books: Books) -> Iterable[Award]:
    query = select(Award).where(Award.member_id == books.member).order_by(Award.reached_at, Award.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _another_time(session: Session, programme: Programme, row: Award, taken: Iterable[tuple[str, str]]) -> str:
    """A milestone that each of two reached is reached twice by both together: the next amount that is not taken."""
    aim = aims_of(rules_of(session, programme, row.revision)).get(row.goal)
    if aim is None or not isinstance(aim.what, Milestone):
        return row.period
    periods, amount = {period for goal, period in taken if goal == row.goal}, int(row.period)
    while str(amount) in periods:
        amount += aim.what.every
    return str(amount)


def _was_used(session: Session, row: Award) -> bool:
    voucher = vouchers.locked(session, ProgrammeId(row.programme_id), _origin(row))
    return voucher is not None and voucher.used > 0


def _drop(programme: Programme, books: Books, row: Award) -> None:
    """Take back what an award gave, as far as it can be, and forget it."""
    if row.state == HELD:
        origin = _origin(row)
        gifts.take_away(
            books, programme, origin=origin, cause=Cause(f"{origin}:{row.changes + 1}"), kind="goal",
            memo={"goal": row.goal, "period": row.period},
        )  # fmt: skip
    books.session.delete(row)
    books.session.flush()


def _origin(row: Award) -> str:
    return f"award:{row.id}"
