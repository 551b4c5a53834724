"""What an attempt at a quiz looks like: the next question, what an answer did, the result. Nothing changes here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.ids import AttemptId
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rules.games import Question, Quiz
from loyalty.rules.parts import Texts
from loyalty.tables import Attempt, Voucher


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt under way: the questions are counted from 1."""

    attempt: AttemptId
    quiz: Quiz
    question: int
    """The one to be answered next."""
    ends_at: datetime
    resumed: bool


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A question with what was answered (None: nothing, in time)."""

    question: Question
    answer: int | None

    @property
    def right(self) -> bool:
        """Whether the answer was right."""
        return self.answer == self.question.right


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt."""

    quiz: Quiz
    right: int
    points: int
    code: str | None
    """Of the voucher, if one was given."""
    review: tuple[Reviewed, ...]
    """All questions, with right answers and explanations."""

    @property
    def perfect(self) -> bool:
        """Whether all was right."""
        return self.right == len(self.review)


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer did."""

    question: int
    right: bool | None
    """None: time was over, it does not count."""
    solution: int
    """Which answer is right, counted from 1."""
    explanation: Texts | None
    result: Result | None
    """With the last answer, and when time is over."""

    @property
    def time_over(self) -> bool:
        """Whether it came too late."""
        return self.right is None


def started(row: Attempt, quiz: Quiz, *, resumed: bool) -> Started:
    """An attempt as the member goes on with it."""
    return Started(AttemptId(row.id), quiz, len(row.answers) + 1, row.ends_at, resumed)


def result_of(books: Books, quiz: Quiz, row: Attempt) -> Result:
    """What came of a finished attempt."""
    given = [*row.answers, *[None] * (len(quiz.questions) - len(row.answers))]
    code = books.session.scalar(
        select(Voucher.code).where(Voucher.programme_id == books.programme, Voucher.origin == origin_of(row))
    )
    review = tuple(Reviewed(asked, answer) for asked, answer in zip(quiz.questions, given, strict=True))
    return Result(quiz, row.right, books.granted(origin_of(row)), code, review)


def rules_under(session: Session, programme: Programme, row: Attempt) -> Programme:
    """The programme as it was when an attempt was started."""
    return rules_of(session, programme, row.revision)


def quiz_of(rules: Programme, row: Attempt) -> Quiz:
    """The quiz of an attempt, in the rules it was started under."""
    quiz = rules.games.quiz(row.quiz)
    assert quiz is not None  # or it could not have been started
    return quiz


def origin_of(row: Attempt) -> str:
    """The business key of what an attempt earned."""
    return f"quiz:{row.id}"
