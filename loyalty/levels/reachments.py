"""What a member reached or lost, and telling of it as news, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from loyalty.books.points import Books
from loyalty.levels import goals
from loyalty.levels.facts import Facts
from loyalty.news import Kind, tell
from loyalty.programme import Programme
from loyalty.rewards.gifts import Given

What = Literal["level_up", "level_down", "reached", "undone"]
NEARLY = 0.8
"""A challenge is nearly done from this share of it on, or when one step is left."""
_KINDS = {
    "badge": Kind.BADGE_REACHED, "milestone": Kind.MILESTONE_REACHED, "streak": Kind.STREAK_REACHED,
    "challenge": Kind.CHALLENGE_DONE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reachment:
    """Something a member could be told: another level, or a goal that she reached or lost by a refund.

    A level that gives something is told of twice: as the level she has now, and as the goal `tier:ID` with its gift.
    """

    what: What
    goal: str
    """`tier:ID`, `badge:ID`, `milestone:ID`, `challenge:ID` or `streak:ID`."""
    period: str | None
    """Which time it was: a day, a week, a month, an amount; nothing for a level."""
    at: datetime
    given: Given | None = None


def announce(books: Books, programme: Programme, reached: Sequence[Reachment]) -> None:
    """Tell as news what a member reached. A goal is told once for each time, a change of level once a day."""
    gifts = sum(one.given.points for one in reached if one.given is not None and one.goal.startswith("tier:"))
    today = books.now.astimezone(programme.zone).date()
    for one in reached:
        kind, _, name = one.goal.partition(":")
        match one.what:
            case "level_up" | "level_down":
                up = one.what == "level_up"
                about: dict[str, object] = {"tier": name, "points": gifts if up else 0}
                key = f"{one.goal}:{books.member}:{one.what}:{today}"
                _tell(books, Kind.TIER_REACHED if up else Kind.TIER_LOST, key, about, one.at)
            case "reached" if kind in _KINDS:
                points = one.given.points if one.given is not None else 0
                about = {"goal": name, "period": one.period, "points": points}
                _tell(books, _KINDS[kind], f"{one.goal}:{one.period}:{books.member}", about, one.at)


def announce_nearly_done(books: Books, programme: Programme, facts: Facts, *, at: datetime) -> None:
    """Tell of challenges of which a member has done nearly all, once for each time of a challenge."""
    if facts.joined_at is None:
        return
    past = facts.past(programme)
    for challenge in programme.challenges:
        found = goals.progress(challenge, past)
        if found is None or not found.missing or not found.have:
            continue
        if found.missing == 1 or found.have >= NEARLY * found.need:
            about = {
                "goal": challenge.id, "period": found.period, "have": found.have, "need": found.need,
                "missing": found.missing, "ends_at": found.ends_at.isoformat() if found.ends_at else None,
            }  # fmt: skip
            key = f"{challenge.key}:{found.period}:{books.member}:nearly"
            _tell(books, Kind.CHALLENGE_NEARLY_DONE, key, about, at)


def _tell(books: Books, kind: Kind, key: str, about: dict[str, object], at: datetime) -> None:
    tell(books.session, books.programme, books.member, kind, key=key, about=about, at=at, now=books.now)
