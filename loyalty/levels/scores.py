"""Scores on leaderboards: how much of a measure a member has in a week, a month or ever, if she takes part.

They are kept for the time that runs and for the one before it. She is on no board of a time that was over before she
took part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, delete, func, select, tuple_
from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.ids import MemberId, ProgrammeId
from loyalty.levels.facts import Facts
from loyalty.orders.history import SUBSCRIPTION, weight
from loyalty.programme import Programme
from loyalty.rules.goals import Leaderboard
from loyalty.rules.parts import period_of, period_start
from loyalty.store.sql import execute, table_of, upsert
from loyalty.tables import Consent, Score

PURPOSE = "leaderboard"
"""Under which it is kept that a member takes part or does not."""
BATCH = 1000
_SCORE, _CONSENT = table_of(Score), table_of(Consent)
_KEY = ("programme_id", "board", "period", "member_id")
_OF_MEMBER = select(_SCORE.c.board, _SCORE.c.period, _SCORE.c.value).where(_SCORE.c.member_id == bindparam("member"))
_TAKES_PART_SINCE = select(func.max(_CONSENT.c.at)).where(
    _CONSENT.c.member_id == bindparam("member"), _CONSENT.c.purpose == PURPOSE, _CONSENT.c.given.is_(True)
)
_DELETE = delete(_SCORE).where(
    _SCORE.c.programme_id == bindparam("programme"), _SCORE.c.member_id == bindparam("member"),
    _SCORE.c.board == bindparam("of_board"), _SCORE.c.period == bindparam("of_period"),
)  # fmt: skip
_LEAVE = delete(_SCORE).where(_SCORE.c.member_id == bindparam("member"))


@dataclass(frozen=True, slots=True)
class Window:
    """The time a board counts: its name, when it begins (never for `ever`), and when it is over."""

    period: str
    begin: datetime | None
    end: datetime | None


def windows(board: Leaderboard, now: datetime, zone: ZoneInfo) -> tuple[Window, ...]:
    """The time of a board that runs, and the one before it."""
    begin = period_start(board.each, now, zone)
    if begin is None:
        return (Window("ever", None, None),)
    end = period_start(board.each, begin + timedelta(days=40 if board.each == "month" else 8), zone)
    last = begin - timedelta(microseconds=1)
    before = Window(period_of(board.each, last, zone), period_start(board.each, last, zone), begin)
    return Window(period_of(board.each, now, zone), begin, end), before


def takes_part_since(session: Session, member: MemberId) -> datetime | None:
    """When a member said last that she takes part."""
    at: datetime | None = execute(session, _TAKES_PART_SINCE, {"member": member}).scalar()
    return at


def scores_of(session: Session, programme: Programme, member: MemberId, facts: Facts) -> dict[tuple[str, str], int]:
    """The scores a member has by her past, by board and period, as far as something may have changed; nought is none.

    She takes part: who does not has no scores.
    """
    return {
        (board.id, window.period): _value(board, window, facts, programme.zone)
        for board in programme.leaderboards
        for window in _concerned(session, programme, member, board, facts)
    }


def kept(session: Session, member: MemberId) -> dict[tuple[str, str], int]:
    """The scores that are kept for a member, by board and period."""
    return {(row.board, row.period): row.value for row in execute(session, _OF_MEMBER, {"member": member}).all()}


def keep(books: Books, programme: Programme, facts: Facts) -> None:
    """Bring the scores of a member who takes part in line with her past."""
    known = kept(books.session, books.member)
    for (board, period), value in scores_of(books.session, programme, books.member, facts).items():
        if value == known.get((board, period), 0):
            continue
        row = {"programme_id": books.programme, "board": board, "period": period, "member_id": books.member}
        if value:
            upsert(books.session, Score, row | {"value": value}, key=_KEY)
        else:
            where = {"programme": books.programme, "member": books.member, "of_board": board, "of_period": period}
            execute(books.session, _DELETE, where)


def leave(session: Session, member: MemberId) -> None:
    """Remove all scores of a member."""
    execute(session, _LEAVE, {"member": member})


def clear(session: Session, programme: Programme, now: datetime) -> int:
    """Remove scores of times that are long over, a batch at a time. Returns how many."""
    for board in programme.leaderboards:
        periods = [window.period for window in windows(board, now, programme.zone)]
        for old in (_SCORE.c.period < min(periods), _SCORE.c.period > max(periods)):
            if removed := _remove(session, programme.id, (_SCORE.c.board == board.id) & old):
                return removed
    return 0


def clear_boards(session: Session, programme: Programme) -> int:
    """Remove scores of boards that the programme does not have, a batch at a time. Returns how many."""
    return _remove(session, programme.id, _SCORE.c.board.not_in([board.id for board in programme.leaderboards]))


def _concerned(
    session: Session, programme: Programme, member: MemberId, board: Leaderboard, facts: Facts
) -> Iterator[Window]:
    present, *earlier = windows(board, facts.now, programme.zone)
    yield present
    for window in earlier:
        changed = facts.since is None or (present.begin is not None and facts.since < present.begin)
        if changed and window.end is not None and (since := takes_part_since(session, member)) is not None:
            yield from [window] if since < window.end else []


def _value(board: Leaderboard, window: Window, facts: Facts, zone: ZoneInfo) -> int:
    if board.measure == SUBSCRIPTION:
        return max((run.months(facts.now, zone) for run in facts.history.runs), default=0)
    total = facts.before(board.measure) if window.begin is None else Decimal(0)
    for one in facts.history.happenings:
        late = one.at > facts.now or (window.end is not None and one.at >= window.end)
        if not late and (window.begin is None or one.at >= window.begin):
            total += weight(board.measure, one)
    return int(total)


def _remove(session: Session, programme: ProgrammeId, which: ColumnElement[bool]) -> int:
    key = [_SCORE.c[name] for name in _KEY]
    found = select(*key).where(_SCORE.c.programme_id == programme, which).limit(BATCH)
    return execute(session, delete(_SCORE).where(tuple_(*key).in_(found))).rowcount
