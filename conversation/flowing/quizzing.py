"""The quiz at work."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from conversation.flowing.part import At, Closed, Part
from conversation.flowing.prizes import prize
from conversation.saying import standings
from conversation.saying.sentences import Sentences
from conversation.saying.wording import Voice
from flows.model import Effect, Event, Phrase, Saved, Value
from flows.quiz import Answer, Asked, Close, Open, Quiz, QuizFact, QuizFacts
from loyalty.books.overview import points_of
from loyalty.errors import Refused
from loyalty.games import offers, quizzes
from loyalty.games.attempts import Answered, Result, Started
from loyalty.games.offers import Offer
from loyalty.ids import AttemptId
from loyalty.levels.status import status
from loyalty.rules.games import Quiz as Rules
from loyalty.rules.goals import Goal

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_LATE = "late"


class Quizzing(Part[QuizFacts]):
    """Playing a quiz."""

    flow = Quiz()
    intent = "play_quiz"

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is not None:
            return None
        return Closed(Phrase("quiz.guest", {"programme": at.programme.name}), ("join_program", "how_to_earn"))

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> QuizFacts:
        state = saved.state if saved is not None else "choosing"
        letters = self._sentences.words(at.language, "quiz.letters")
        if state == "choosing" or saved is None:
            found = offers.offers(at.session, at.programme, at.member_id, now=at.now)
            return QuizFacts(tuple(_fact(at, offer) for offer in found), letters=letters)
        standing = offers.under_way(at.session, at.programme, at.member_id, str(saved.data["quiz"]), now=at.now)
        if standing is None and state == "opening":  # it was refused, and others are offered
            found = offers.offers(at.session, at.programme, at.member_id, now=at.now)
            return QuizFacts(tuple(_fact(at, offer) for offer in found), letters=letters)
        if standing is None or saved.data.get("attempt", standing.attempt) != standing.attempt:
            return QuizFacts(letters=letters)
        return QuizFacts(asked=_asked(at, standing), letters=letters)

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        match effect:
            case Open(quiz):
                return self._open(at, quiz)
            case Answer(attempt, question, answer):
                return self._answer(at, AttemptId(attempt), question, answer)
            case Close(attempt):
                result = quizzes.outcome(at.session, at.programme, AttemptId(attempt), now=at.now)
                assert result is not None  # it is closed because it is over
                late = any(one.answer is None for one in result.review)
                return Event("finish", {"verdict": _LATE if late else "", **self._result(at, result)})
        return super().perform(at, saved, effect)

    def _open(self, at: At, quiz: str) -> Event:
        try:
            begun = quizzes.start(at.session, at.programme, at.member, quiz, now=at.now)
        except Refused as refusal:
            return Event("refuse", {"reason": refusal.reason})
        time, unit = _how_long(begun.ends_at - at.now)
        return Event(
            "ask",
            {
                "attempt": begun.attempt, "resumed": int(begun.resumed), "quiz": begun.quiz.name[at.language],
                "count": len(begun.quiz.questions), "points": begun.quiz.points, "time": time, "unit": unit,
            },
        )  # fmt: skip

    def _answer(self, at: At, attempt: AttemptId, question: int, answer: int) -> Event:
        before = offers.quiz_under(at.session, at.programme, attempt)
        try:
            done = quizzes.answer(
                at.session, at.programme, attempt, question=question, answer=answer, now=at.now
            )  # fmt: skip
        except Refused:  # it was answered elsewhere: what is next is asked, or what came of it is told
            return Event("go_on")
        verdict = self._verdict(at, before, done)
        if done.result is None:
            return Event("go_on", verdict)
        return Event("finish", {**verdict, **self._result(at, done.result)})

    def _verdict(self, at: At, quiz: Rules, done: Answered) -> dict[str, Value]:
        if done.time_over:
            return {"verdict": _LATE}
        return {
            "verdict": "right" if done.right else "wrong",
            "each": quiz.points,
            "solution": quiz.questions[done.question - 1].answers[done.solution - 1][at.language],
            "explanation": done.explanation[at.language] if done.explanation else "",
        }

    def _result(self, at: At, result: Result) -> dict[str, Value]:
        found = offers.offers(at.session, at.programme, at.member_id, now=at.now)
        own = next((offer for offer in found if offer.quiz.id == result.quiz.id), None)
        again = ""
        if own is not None and own.why_not is None:
            again = "now"
        elif own is not None and own.again_at is not None:
            again = own.again_at.astimezone(at.programme.zone).date().isoformat()
        return {
            "quiz": result.quiz.name[at.language], "right": result.right, "count": len(result.review),
            "points": result.points, "available": points_of(at.session, at.member_id).available,
            **prize(at, result.code), "progress": self._progress(at), "again": again,
            "others": sum(offer.why_not is None and offer is not own for offer in found),
        }  # fmt: skip

    def _progress(self, at: At) -> str:
        """How far the streaks, challenges and milestones are that count quizzes."""
        goals = (*at.programme.streaks, *at.programme.challenges, *at.programme.milestones)
        if not any(_counts(goal) for goal in goals):
            return ""
        stands = status(at.session, at.programme, at.member_id, now=at.now)
        voice = Voice(self._sentences, at.language, at.programme)
        found = (one for one in (*stands.streaks, *stands.challenges, *stands.milestones) if _counts(one.goal))
        return "\n\n".join(standings.goal(voice, one) for one in found)


def _counts(goal: Goal) -> bool:
    return goal.measure == "quizzes"


def _fact(at: At, offer: Offer) -> QuizFact:
    quiz, count = offer.quiz, len(offer.quiz.questions)
    most = quiz.gift(count)
    return QuizFact(quiz.id, quiz.name[at.language], count, most.points if most else 0, _closed(at, offer))


def _closed(at: At, offer: Offer) -> Phrase | None:
    """Why a quiz cannot be played, with the day on which it can, if there is one."""
    name = offer.quiz.name[at.language]
    first, today = offer.quiz.dates.first, at.now.astimezone(at.programme.zone).date()
    match offer.why_not:
        case None:
            return None
        case "limit" if offer.again_at is not None:
            return Phrase("quiz.closed.until", {"quiz": name, "day": _day(at, offer.again_at)})
        case "limit":
            return Phrase("quiz.closed.for_ever", {"quiz": name})
        case "not_now" if first is not None and today < first:
            return Phrase("quiz.closed.not_yet", {"quiz": name, "day": first.isoformat()})
        case _:
            return Phrase("quiz.closed.over", {"quiz": name})


def _asked(at: At, standing: Started) -> Asked:
    question = standing.quiz.questions[standing.question - 1]
    return Asked(
        standing.question, len(standing.quiz.questions), question.text[at.language],
        tuple(answer[at.language] for answer in question.answers), question.image,
    )  # fmt: skip


def _how_long(time: timedelta) -> tuple[int, Literal["minutes", "hours", "days"]]:
    if time < 2 * _HOUR:
        return max(int(time.total_seconds() // 60), 1), "minutes"
    if time < 2 * _DAY:
        return int(time // _HOUR), "hours"
    return int(time // _DAY), "days"


def _day(at: At, moment: datetime) -> str:
    return moment.astimezone(at.programme.zone).date().isoformat()
