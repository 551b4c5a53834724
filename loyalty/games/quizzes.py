"""Quizzes: an attempt is started, answered question by question, and finished with the last answer or when time is up.

An attempt is judged by the rules it was started under, and pays once, in one posting. What counts is when something
happened: an attempt that ran out of time ended at that moment, whenever that is noticed.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.ledger import lock_all
from loyalty.books.points import Books, open_books
from loyalty.errors import Invalid, NotFound, Refused
from loyalty.games.attempts import (
    Answered,
    Result,
    Reviewed,
    Started,
    origin_of,
    quiz_of,
    result_of,
    rules_under,
    started,
)
from loyalty.ids import AttemptId, Cause, MemberId, new_id
from loyalty.levels import progress
from loyalty.orders.earned import settle_level
from loyalty.people.owned import lock_owner, may_play, player
from loyalty.programme import Programme
from loyalty.rewards import gifts
from loyalty.rules.games import Quiz
from loyalty.rules.parts import period_of
from loyalty.tables import Attempt, Member

__all__ = ["Answered", "Result", "Reviewed", "Started", "answer", "due", "outcome", "start"]
BATCH = 50


def start(session: Session, programme: Programme, member: Member, quiz: str, *, now: datetime) -> Started:
    """Start an attempt at a quiz; one that is under way goes on where it was.

    Raises `Refused` with reason `gone` (no such quiz), `not_joined`, `not_now` (not on this day) or `limit` (no more
    in this period, with `count` and `every`).
    """
    books = player(session, programme.id, member, now=now)
    under_way = select(Attempt).where(
        Attempt.member_id == books.member, Attempt.quiz == quiz, Attempt.finished_at.is_(None)
    )
    for row in session.scalars(under_way.order_by(Attempt.id)).all():
        if now < row.ends_at:
            return started(row, quiz_of(rules_under(session, programme, row), row), resumed=True)
        _finish(books, programme, row, at=row.ends_at)
    offered = programme.games.quiz(quiz)
    if offered is None:
        raise Refused("gone", "the programme does not have this quiz")
    if not may_play(books):
        raise Refused("not_joined", "only members can play")
    if not offered.dates.holds(now.astimezone(programme.zone).date()):
        raise Refused("not_now", "the quiz cannot be played on this day")
    period = period_of(offered.attempts.every, now, programme.zone)
    query = select(func.count(), func.max(Attempt.number)).where(
        Attempt.member_id == books.member, Attempt.quiz == quiz, Attempt.period == period
    )
    done, number = session.execute(query).one()
    if done >= offered.attempts.count:
        raise Refused(
            "limit", "no more attempts in this period", count=offered.attempts.count, every=offered.attempts.every
        )
    row = Attempt(
        id=new_id(), programme_id=programme.id, member_id=books.member, quiz=quiz, period=period,
        number=(number or 0) + 1, revision=programme.revision, answers=[], right=0, started_at=now,
        ends_at=now + timedelta(minutes=offered.minutes), finished_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return started(row, offered, resumed=False)


def answer(
    session: Session, programme: Programme, attempt: AttemptId, *, question: int, answer: int, now: datetime
) -> Answered:
    """Answer a question, both counted from 1. The same answer again has the same result and no effect.

    The last answer finishes the attempt. An answer that comes too late does not count; it finishes the attempt with
    what was answered in time, which is why it is no refusal (that would undo it). Raises `NotFound`, `Invalid`, or
    `Refused` with reason `answered` (differently, before) or `order` (another question is next, as `question`).
    """
    row = _read(session, programme, attempt)
    books = lock_owner(session, programme.id, row, now=now)
    quiz = quiz_of(rules_under(session, programme, row), row)
    _check(quiz, question, answer)
    if question <= len(row.answers):
        if row.answers[question - 1] != answer:
            raise Refused("answered", "this question was answered before", answer=row.answers[question - 1])
    elif row.finished_at is not None or now >= row.ends_at:
        if row.finished_at is None:
            _finish(books, programme, row, at=row.ends_at)
        solution = quiz.questions[question - 1]
        return Answered(question, None, solution.right, solution.explanation, result_of(books, quiz, row))
    elif question > len(row.answers) + 1:
        raise Refused("order", "another question is next", question=len(row.answers) + 1)
    else:
        row.answers = [*row.answers, answer]
        if question == len(quiz.questions):
            _finish(books, programme, row, at=now)
        session.flush()
    asked = quiz.questions[question - 1]
    last = question == len(quiz.questions)
    return Answered(
        question, answer == asked.right, asked.right, asked.explanation, result_of(books, quiz, row) if last else None
    )


def outcome(session: Session, programme: Programme, attempt: AttemptId, *, now: datetime) -> Result | None:
    """What came of an attempt; one whose time is over is finished with it. None while it is under way.

    Raises `NotFound`.
    """
    row = _read(session, programme, attempt)
    books = lock_owner(session, programme.id, row, now=now)
    if row.finished_at is None and now < row.ends_at:
        return None
    if row.finished_at is None:
        _finish(books, programme, row, at=row.ends_at)
        session.flush()
    return result_of(books, quiz_of(rules_under(session, programme, row), row), row)


def due(session: Session, programme: Programme, now: datetime) -> int:
    """Finish attempts whose time is over, a batch at a time. Returns how many."""
    query = (
        select(Attempt.member_id, Attempt.id)
        .where(Attempt.programme_id == programme.id, Attempt.finished_at.is_(None), Attempt.ends_at <= now)
        .order_by(Attempt.member_id)
        .limit(BATCH)
    )
    found = [(MemberId(member), AttemptId(id_)) for member, id_ in session.execute(query)]
    lock_all(session, [member for member, _ in found])
    count = 0
    for member, id_ in found:
        row = session.get_one(Attempt, id_, populate_existing=True)
        if row.finished_at is None and row.member_id == member:  # still hers: two members may just have been merged
            _finish(open_books(session, programme.id, member, now=now), programme, row, at=row.ends_at)
            count += 1
    return count


def _read(session: Session, programme: Programme, attempt: AttemptId) -> Attempt:
    row = session.get(Attempt, attempt)
    if row is None or row.programme_id != programme.id:
        raise NotFound("there is no such attempt", field="attempt")
    return row


def _finish(books: Books, programme: Programme, row: Attempt, *, at: datetime) -> None:
    """End an attempt and give what it is worth, under the rules it was started with."""
    rules = rules_under(books.session, programme, row)
    quiz = quiz_of(rules, row)
    row.right = sum(
        given == asked.right for given, asked in zip(row.answers, quiz.questions, strict=False)
    )  # fmt: skip
    row.finished_at = at
    books.session.flush()
    gift = quiz.gift(row.right)
    if gift is not None and may_play(books):
        gifts.give(
            books, rules, gift, origin=origin_of(row), cause=Cause(origin_of(row)), kind="game", occurred_at=at,
            memo={"quiz": quiz.id, "right": row.right, "questions": len(quiz.questions)},
        )  # fmt: skip
    settle_level(books, programme, "quizzes", at, cause=Cause(f"{origin_of(row)}:level"))
    progress.update(books, programme, since=at)


def _check(quiz: Quiz, question: int, answer: int) -> None:
    if not 1 <= question <= len(quiz.questions):
        raise Invalid(f"the quiz has questions 1 to {len(quiz.questions)}", field="question")
    answers = len(quiz.questions[question - 1].answers)
    if not 1 <= answer <= answers:
        raise Invalid(f"the question has answers 1 to {answers}", field="answer")
