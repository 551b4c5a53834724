"""Levels, awards and scores worked out anew from all that is known of a member, beside what is kept.

`update` looks only at what may have changed; this looks at everything, and so proves it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.levels import scores
from loyalty.levels.awards import Awards, Change
from loyalty.levels.facts import Facts
from loyalty.programme import Programme
from loyalty.tables import Member, Standing

PAGE = 500
MOST = 50
"""Differences that are named; what is wrong fifty times is wrong."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Recount:
    """What follows from a member's past: as it should be kept."""

    tier: str | None
    value: int
    due_at: datetime | None
    awards: frozenset[tuple[str, str]]
    """What she holds: goal and period."""
    wrong: tuple[str, ...]
    """Awards that are kept in another way than they should be, a line each."""
    scores: Mapping[tuple[str, str], int]
    """By board and period, without noughts."""


def recompute(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> Recount:
    """Work out a member's level, awards and scores as of a moment. What she was given under older rules stays."""
    session.flush()
    row = session.get_one(Member, member)
    awards = Awards(session, programme, member, None)
    facts = Facts(
        session, member, programme, now=now, joined_at=row.joined_at, since=None, earlier=awards.rules,
        boards=programme.leaderboards if row.board_name is not None else (),
    )  # fmt: skip
    level, changes = facts.level(programme), awards.changes(facts)
    held = {award.id: award for award in awards.known if award.held}
    for change in changes:
        held[change.award.id] = change.award
    places = scores.scores_of(session, programme, member, facts) if row.board_name is not None else {}
    return Recount(
        level.tier if level is not None else None, level.value if level is not None else 0, facts.changes_at(programme),
        frozenset((award.goal, award.period) for award in held.values() if award.held),
        tuple(_said(change) for change in changes),
        {key: value for key, value in places.items() if value},
    )  # fmt: skip


def differences(session: Session, programme: Programme, *, now: datetime) -> Iterator[str]:
    """What is kept in another way than it should be, a line each, member by member.

    Somebody for whom `tick` has something to do is judged as of the moment before it fell due; one who was not looked
    at by the present rules yet is left out.
    """
    if programme.goal_rules is None:
        return
    last = ""
    while page := _page(session, programme, last):
        for standing in page:
            yield from _wrong(session, programme, standing, now)
            last = standing.member_id
        session.expunge_all()


def some_differences(session: Session, programme: Programme, *, now: datetime) -> list[str]:
    """The first of the differences, as many as are worth naming."""
    return list(islice(differences(session, programme, now=now), MOST))


def _page(session: Session, programme: Programme, after: str) -> list[Standing]:
    query = (
        select(Standing)
        .join(Member, Member.id == Standing.member_id)
        .where(
            Standing.programme_id == programme.id, Standing.rules == programme.goal_rules,
            Standing.member_id > after, Member.erased_at.is_(None),
        )
        .order_by(Standing.member_id)
        .limit(PAGE)
    )  # fmt: skip
    return list(session.scalars(query))


def _wrong(session: Session, programme: Programme, kept: Standing, now: datetime) -> Iterator[str]:
    member = MemberId(kept.member_id)
    late = kept.due_at is not None and kept.due_at <= now
    at = kept.due_at - _INSTANT if late and kept.due_at is not None else now
    true = recompute(session, programme, member, now=at)
    if (kept.tier, kept.value, kept.due_at) != (true.tier, true.value, true.due_at):
        yield (
            f"member {member}: her level is kept as {kept.tier} with {kept.value} until {kept.due_at}, "
            f"her past says {true.tier} with {true.value} until {true.due_at}"
        )
    yield from (f"member {member}: {line}" for line in true.wrong)
    periods = {
        (board.id, window.period)
        for board in programme.leaderboards
        for window in scores.windows(board, at, programme.zone)
    }
    shown = {key: value for key, value in scores.kept(session, member).items() if key in periods}
    for key in sorted(shown.keys() | true.scores.keys()):
        if (score := shown.get(key, 0)) != (is_ := true.scores.get(key, 0)):
            yield f"member {member}: her score on {key[0]} in {key[1]} is kept as {score}, her past says {is_}"


def _said(change: Change) -> str:
    was, award = change.was, change.award
    kept = f"{was.state}, reached {was.reached_at}" if was is not None else "not there"
    return f"the award {award.goal} ({award.period}) is {kept}; her past says {award.state}, reached {award.reached_at}"
