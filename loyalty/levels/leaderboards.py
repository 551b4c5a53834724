"""Leaderboards: who has most of something, under invented names. Who did not ask to take part is on none.

Nothing personal leaves here: no id, no real name, and an invented one is never given to the same person again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from loyalty.books.points import Books, open_books
from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId
from loyalty.levels import progress, scores
from loyalty.levels.board_names import SIGNS, new_name
from loyalty.levels.scores import windows
from loyalty.people.consents import record_consent
from loyalty.people.members import kept
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.rules.goals import Leaderboard
from loyalty.store.sql import execute, lock_name, table_of
from loyalty.tables import Member, Score

Which = Literal["running", "last"]
NEIGHBOURS = 2
"""How many are shown above a member's own place, and below."""
_TRIES = 10
_Ranked = tuple[int, str, int]
"""Rank, member, value."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place: who has the same value has the same rank, and the next rank counts all who are above."""

    rank: int
    name: str
    value: int
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard in a week, in a month or ever."""

    rules: Leaderboard
    period: str
    begins_at: datetime | None
    ends_at: datetime | None
    places: tuple[Place, ...]
    """The first ones."""
    around: tuple[Place, ...]
    """The place of the member who asks, and her neighbours; empty if she has none."""

    @property
    def mine(self) -> Place | None:
        """The place of the member who asks."""
        return next((place for place in self.around if place.mine), None)


_SCORE, _MEMBER = table_of(Score), table_of(Member)
_ON = (
    (_SCORE.c.programme_id == bindparam("programme"))
    & (_SCORE.c.board == bindparam("board"))
    & (_SCORE.c.period == bindparam("period"))
)
_ROW = (_SCORE.c.value, _SCORE.c.member_id)
_UP, _DOWN = (_SCORE.c.value, _SCORE.c.member_id), (_SCORE.c.value.desc(), _SCORE.c.member_id.desc())
_FIRST = select(*_ROW).where(_ON).order_by(*_DOWN).limit(bindparam("most"))
_MINE = select(_SCORE.c.value).where(_ON, _SCORE.c.member_id == bindparam("member"))
_HERE = tuple_(bindparam("value"), bindparam("member"))
_ABOVE = select(*_ROW).where(_ON, tuple_(*_ROW) > _HERE).order_by(*_UP).limit(NEIGHBOURS)
_BELOW = select(*_ROW).where(_ON, tuple_(*_ROW) < _HERE).order_by(*_DOWN).limit(NEIGHBOURS)
_BETTER = select(func.count()).where(_ON, _SCORE.c.value > bindparam("value"))
_BETWEEN = select(func.count()).where(_ON, _SCORE.c.value > bindparam("low"), _SCORE.c.value <= bindparam("high"))
_NAMES = select(_MEMBER.c.id, _MEMBER.c.board_name).where(_MEMBER.c.id.in_(bindparam("members", expanding=True)))
_TAKEN = select(_MEMBER.c.id).where(
    _MEMBER.c.programme_id == bindparam("programme"), _MEMBER.c.board_name == bindparam("name")
)


def opt_in(
    session: Session, programme: Programme, member: MemberId, *, words: str, evidence: str, now: datetime
) -> str:
    """Let a member take part; `words` are what she said, `evidence` where it is kept. Returns the name she has there.

    What she did before in the week or month that runs counts. Raises `Refused("no_leaderboard")`.
    """
    if not programme.leaderboards:
        raise Refused("no_leaderboard", "the programme has no leaderboard")
    books, row = _locked(session, programme, member, now)
    if row.board_name is not None:
        return row.board_name
    row.board_name = _free_name(session, programme, row)
    record_consent(session, row, purpose=scores.PURPOSE, given=True, words=words, evidence=evidence, now=now)
    progress.update(books, programme, since=now)
    return row.board_name


def opt_out(
    session: Session, programme: Programme, member: MemberId, *, words: str, evidence: str, now: datetime
) -> bool:
    """Let a member take part no longer: her scores are removed at once, also of what is over. True if she did."""
    books, row = _locked(session, programme, member, now)
    if row.board_name is None:
        return False
    row.board_name = None
    record_consent(session, row, purpose=scores.PURPOSE, given=False, words=words, evidence=evidence, now=now)
    scores.leave(session, books.member)
    progress.update(books, programme, since=now)
    return True


def top(
    session: Session, programme: Programme, board: str, *, now: datetime, member: MemberId | None = None,
    which: Which = "running",
) -> Board:  # fmt: skip
    """A leaderboard in the time that runs, or in the last one that is over; with the place of a member, if one asks.

    Raises `NotFound` for a board the programme does not have, and for the last time of one that goes on for ever.
    """
    rules = next((one for one in programme.leaderboards if one.id == board), None)
    if rules is None:
        known = ", ".join(one.id for one in programme.leaderboards) or "none"
        raise NotFound(f"the programme has no leaderboard {board[:64]!r}; it has: {known}", field="board")
    window = windows(rules, now, programme.zone)[0 if which == "running" else -1]
    if which == "last" and window.begin is None:
        raise NotFound(f"the leaderboard {board} goes on for ever; no time of it is over", field="board")
    session.flush()
    where = {"programme": programme.id, "board": rules.id, "period": window.period}
    first = _ranked(execute(session, _FIRST, {**where, "most": rules.size}).all())
    around = _around(session, where, member) if member is not None else []
    names = _names(session, {id_ for _, id_, _ in (*first, *around)})
    places, mine = (
        tuple(Place(rank, names[id_], value, id_ == member) for rank, id_, value in found) for found in (first, around)
    )
    return Board(rules, window.period, window.begin, window.end, places, mine)


def _locked(session: Session, programme: Programme, member: MemberId, now: datetime) -> tuple[Books, Member]:
    """A member under her lock; whom she was merged into, if that happened while one waited for it."""
    books = open_books(session, programme.id, member, now=now)
    row = session.get_one(Member, member, populate_existing=True)
    if row.merged_into is not None:
        return _locked(session, programme, MemberId(kept(session, row).id), now)
    return books, row


def _ranked(rows: Sequence[Any]) -> list[_Ranked]:
    found: list[_Ranked] = []
    for number, row in enumerate(rows, 1):
        rank = found[-1][0] if found and found[-1][2] == row.value else number
        found.append((rank, row.member_id, row.value))
    return found


def _around(session: Session, where: Mapping[str, Any], member: MemberId) -> list[_Ranked]:
    """The member's place with those next to it, best first. Only those better than all of these are just counted."""
    value = execute(session, _MINE, {**where, "member": member}).scalar()
    if value is None:
        return []
    here = {**where, "value": value}
    rank = 1 + int(execute(session, _BETTER, here).scalar_one())
    above, below = (execute(session, query, {**here, "member": member}).all() for query in (_ABOVE, _BELOW))
    ranks = {value: rank}
    for other in {row.value for row in (*above, *below)} - {value}:
        low, high = sorted((value, other))
        between = int(execute(session, _BETWEEN, {**where, "low": low, "high": high}).scalar_one())
        ranks[other] = rank - between if other > value else rank + between
    rows = [(row.member_id, row.value) for row in reversed(above)]
    rows += [(member, value), *((row.member_id, row.value) for row in below)]
    return [(ranks[score], id_, score) for id_, score in rows]


def _names(session: Session, members: set[str]) -> dict[str, str]:
    if not members:
        return {}
    return {row.id: row.board_name for row in execute(session, _NAMES, {"members": sorted(members)})}


def _free_name(session: Session, programme: Programme, member: Member) -> str:
    """A name in the member's language that nobody in the programme has."""
    language: Language = next((one for one in LANGUAGES if one == member.language), programme.language)
    for attempt in range(_TRIES):
        name = new_name(language, signs=SIGNS + attempt // 2)
        lock_name(session, f"board:{programme.id}:{name}")
        if execute(session, _TAKEN, {"programme": programme.id, "name": name}).first() is None:
            return name
    raise RuntimeError("no free name was found")  # cannot be: there are 10^14 of the longer ones
