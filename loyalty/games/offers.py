"""Which quizzes a member can play now, and which later. Nothing changes here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.games.attempts import Started, quiz_of, rules_under, started
from loyalty.ids import AttemptId, MemberId
from loyalty.programme import Programme
from loyalty.rules.games import Quiz
from loyalty.rules.parts import period_end, period_of
from loyalty.tables import Attempt


@dataclass(frozen=True, slots=True)
class Offer:
    """A quiz as a member finds it."""

    quiz: Quiz
    under_way: bool
    """Whether she has begun it and has time left."""
    why_not: Literal["not_now", "limit"] | None
    """Why she cannot begin it: not on this day, or no more in this period."""
    again_at: datetime | None
    """When the next period begins, if that is what she waits for."""


def offers(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> tuple[Offer, ...]:
    """Every quiz of the programme, in its order."""
    running = {row.quiz for row in _running(session, member, now)}
    begun = _begun(session, programme, member, now)
    return tuple(_offer(programme, quiz, quiz.id in running, begun[quiz.id], now) for quiz in programme.games.quizzes)


def under_way(session: Session, programme: Programme, member: MemberId, quiz: str, *, now: datetime) -> Started | None:
    """Where a member stands in a quiz that she has begun and has time left for; None if there is no such."""
    row = next((row for row in _running(session, member, now) if row.quiz == quiz), None)
    if row is None:
        return None
    return started(row, quiz_of(rules_under(session, programme, row), row), resumed=True)


def quiz_under(session: Session, programme: Programme, attempt: AttemptId) -> Quiz:
    """The quiz of an attempt, in the rules it was started under."""
    row = session.get_one(Attempt, attempt)
    return quiz_of(rules_under(session, programme, row), row)


def _offer(programme: Programme, quiz: Quiz, running: bool, begun: int, now: datetime) -> Offer:
    if running:
        return Offer(quiz, True, None, None)
    if not quiz.dates.holds(now.astimezone(programme.zone).date()):
        return Offer(quiz, False, "not_now", None)
    if begun < quiz.attempts.count:
        return Offer(quiz, False, None, None)
    return Offer(quiz, False, "limit", period_end(quiz.attempts.every, now, programme.zone))


def _running(session: Session, member: MemberId, now: datetime) -> list[Attempt]:
    query = select(Attempt).where(Attempt.member_id == member, Attempt.finished_at.is_(None), Attempt.ends_at > now)
    return list(session.scalars(query.order_by(Attempt.id)))


def _begun(session: Session, programme: Programme, member: MemberId, now: datetime) -> Mapping[str, int]:
    """How often each quiz was begun in the period of its limit."""
    query = select(Attempt.quiz, Attempt.period, func.count()).where(Attempt.member_id == member)
    counts = {
        (quiz, period): number for quiz, period, number in session.execute(query.group_by(Attempt.quiz, Attempt.period))
    }
    return {
        quiz.id: counts.get((quiz.id, period_of(quiz.attempts.every, now, programme.zone)), 0)
        for quiz in programme.games.quizzes
    }
