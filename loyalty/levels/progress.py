"""A member's level, goals and places on leaderboards, kept in line with her past after each thing she does."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from loyalty.books.points import Books
from loyalty.levels import scores
from loyalty.levels.awards import HELD, Awards, Change
from loyalty.levels.facts import Facts
from loyalty.levels.reachments import Reachment, announce, announce_nearly_done
from loyalty.levels.status import Status, status, tier_of
from loyalty.programme import Programme
from loyalty.rewards.gifts import Given
from loyalty.store.sql import execute, table_of, upsert
from loyalty.tables import Member, Standing

__all__ = ["Reachment", "Status", "status", "tier_of", "update"]
_MEMBER, _STANDING = table_of(Member), table_of(Standing)
_WHO = (
    select(
        _MEMBER.c.joined_at, _MEMBER.c.board_name, _MEMBER.c.erased_at, _STANDING.c.tier, _STANDING.c.value,
        _STANDING.c.since, _STANDING.c.due_at, _STANDING.c.rules,
    )
    .outerjoin(_STANDING, _STANDING.c.member_id == _MEMBER.c.id)
    .where(_MEMBER.c.id == bindparam("member"))
)  # fmt: skip


def update(books: Books, programme: Programme, *, since: datetime | None = None) -> tuple[Reachment, ...]:
    """Bring a locked member's standing, awards and scores in line with her history, as of the books' moment.

    `since` is the earliest moment at which her past has changed: what she reached before it is not looked at again,
    and as little is read as can be. Without it everything is. What she reached is told as news, and returned.
    """
    if programme.goal_rules is None:
        return ()
    session = books.session
    session.flush()
    who = execute(session, _WHO, {"member": books.member}).one()
    if who.erased_at is not None:
        return ()
    if who.rules != programme.goal_rules:  # she was not looked at by these rules yet
        since = None
    elif since is not None and who.due_at is not None:  # what time has done since she was looked at last
        since = min(since, who.due_at)
    awards = Awards(session, programme, books.member, since)
    facts = Facts(
        session, books.member, programme, now=books.now, joined_at=who.joined_at, since=since, earlier=awards.rules,
        boards=programme.leaderboards if who.board_name is not None else (),
    )  # fmt: skip
    told = list(_stand(books, programme, facts, who))
    if who.board_name is not None:
        scores.keep(books, programme, facts)
    elif since is None:
        scores.leave(session, books.member)
    for change in awards.changes(facts):
        told += _told(change, awards.make(books, change))
    announce(books, programme, told)
    if since is not None and programme.challenges:
        announce_nearly_done(books, programme, facts, at=since)
    return tuple(told)


def _stand(books: Books, programme: Programme, facts: Facts, was: Any) -> Iterator[Reachment]:
    """Keep the level a member has and when it is due to be looked at again."""
    level = facts.level(programme)
    tier, value = (level.tier, level.value) if level is not None else (None, 0)
    same = was.rules is not None and was.tier == tier
    row = {
        "member_id": books.member, "programme_id": books.programme, "tier": tier, "value": value,
        "since": was.since if same else books.now, "due_at": facts.changes_at(programme),
        "rules": programme.goal_rules,
    }  # fmt: skip
    if any(getattr(was, name) != row[name] for name in ("tier", "value", "since", "due_at", "rules")):
        upsert(books.session, Standing, row, key=("member_id",))
    levels = [one.id for one in programme.tiers.levels] if programme.tiers is not None else []
    before = levels.index(was.tier) + 1 if was.tier in levels else 0
    now = levels.index(tier) + 1 if tier is not None else 0
    if now > before and (before or value):  # the level that begins at nothing is nothing to tell of
        yield Reachment("level_up", f"tier:{tier}", None, books.now)
    elif now < before:
        yield Reachment("level_down", f"tier:{was.tier}", None, books.now)


def _told(change: Change, given: Given | None) -> Iterator[Reachment]:
    was, award = change.was, change.award
    if award.state != HELD:
        yield Reachment("undone", award.goal, award.period, award.reached_at)
    elif was is None or not was.held:
        yield Reachment("reached", award.goal, award.period, award.reached_at, given)
