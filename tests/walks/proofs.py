"""What must hold: of every message that goes out, and of the books at the end."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.errors import Malformed
from connectors.whatsapp.limits import check
from connectors.whatsapp.render import render
from conversation.leaving.outbox import Due
from flows.flow import Flow
from flows.model import Saved
from loyalty.books.audit import audit
from loyalty.ids import RevisionId
from loyalty.programme import Programme
from loyalty.tables import Attempt, DialogRun, Entry, Redemption, Spin, Transaction, Voucher

NOBODY = "393330000000"
"""Who a message is rendered for where its own recipient is not known any more."""
_LEAKS = ("None", "{", "}", "Phrase(", "utter_")
_HERS = frozenset({"pending", "available", "held", "debt"})
Rules = Callable[[RevisionId], Programme]


class Broken(AssertionError):
    """Something that must hold does not."""


def check_answer(parts: Sequence[Due], saved: Saved | None, flows: Mapping[str, Flow[Any]]) -> None:
    """Raise `Broken` unless an answer is within WhatsApp's limits, says something, and leaves something to do."""
    if parts and not any(part.message["text"].strip() for part in parts):
        raise Broken(f"it says nothing: {[part.message for part in parts]}")
    for part in parts:
        try:
            check(render(part if part.user_id or part.phone else replace(part, phone=NOBODY)))
        except Malformed as error:
            raise Broken(f"WhatsApp would refuse it: {error}: {part.message}") from error
        said = part.message["text"]
        if leak := next((one for one in _LEAKS if one in said), None):
            raise Broken(f"it says {leak!r}: {said}")
    texts = [text for part in parts for text in part.message["text"].split("\n\n") if text]
    if len(set(texts)) < len(texts):
        raise Broken(f"it says the same twice: {texts}")
    if saved is None or saved.offer is not None:  # what the flow offered last stands there still, and can be tapped
        return
    takes = flows[saved.flow].takes.get(saved.state)
    listens = takes is not None and (takes.text is not None or bool(takes.attachments))
    if not listens and not any(part.message.get("choices") for part in parts):
        raise Broken(f"a dead end in {saved.flow}, {saved.state}: {[part.message for part in parts]}")


@dataclass(frozen=True, slots=True)
class Paid:
    """What the ledger and the vouchers say was given, by business key."""

    by_cause: Mapping[str, int]
    by_origin: Mapping[str, int]
    """Only what was given for playing, for doing something and for joining."""
    vouchers: Mapping[str, int]


def check_books(session: Session, rules: Rules) -> Iterator[str]:
    """What is wrong with the books: a broken ledger, something that was paid twice, not at all, or too often."""
    yield from audit(session).findings
    change: Counter[str] = Counter()
    for entry in session.scalars(select(Entry).where(Entry.account.in_(_HERS))):
        change[entry.transaction_id] += entry.amount
    by_cause, by_origin = dict[str, int](), Counter[str]()
    joined: Counter[str] = Counter()
    for row in session.scalars(select(Transaction)):
        by_cause[row.cause] = change[row.id]
        if row.origin is not None and row.kind in {"game", "activity", "join"}:
            by_origin[row.origin] += change[row.id]
        joined[row.member_id] += row.kind == "join"
    paid = Paid(by_cause, by_origin, Counter(session.scalars(select(Voucher.origin))))
    yield from _spins(session, rules, paid)
    yield from _attempts(session, rules, paid)
    yield from _dialogs(session, rules, paid)
    yield from _redemptions(session, paid)
    yield from (f"{member} was given points for joining {times} times" for member, times in joined.items() if times > 1)


def _spins(session: Session, rules: Rules, paid: Paid) -> Iterator[str]:
    drawn: Counter[tuple[str, str, str]] = Counter()
    for spin in session.scalars(select(Spin)):
        wheel = rules(RevisionId(spin.revision)).games.wheel
        assert wheel is not None
        gift = wheel.prize(spin.prize).gift if spin.prize is not None else None
        points, codes = (gift.points, int(gift.reward is not None)) if gift is not None else (0, 0)
        price = wheel.price if spin.drawn_at is not None else 0
        yield from _gave(f"spin:{spin.id}", points, codes, paid)
        if (took := -paid.by_cause.get(f"spin-price:{spin.id}", 0)) != price:
            yield f"spin {spin.id} cost {took} instead of {price}"
        place = (spin.member_id, spin.wheel, spin.period)
        drawn[place] += spin.drawn_at is not None
        if drawn[place] > wheel.spins.count:
            yield f"{spin.member_id} spun {drawn[place]} times in {spin.period}"


def _attempts(session: Session, rules: Rules, paid: Paid) -> Iterator[str]:
    for attempt in session.scalars(select(Attempt)):
        quiz = next(one for one in rules(RevisionId(attempt.revision)).games.quizzes if one.id == attempt.quiz)
        gift = quiz.gift(attempt.right) if attempt.finished_at is not None else None
        points, codes = (gift.points, int(gift.reward is not None)) if gift is not None else (0, 0)
        yield from _gave(f"quiz:{attempt.id}", points, codes, paid)
        if len(attempt.answers) > len(quiz.questions):
            yield f"attempt {attempt.id} has {len(attempt.answers)} answers"
        if attempt.number > quiz.attempts.count:
            yield f"attempt {attempt.id} is number {attempt.number} of {quiz.attempts.count}"


def _dialogs(session: Session, rules: Rules, paid: Paid) -> Iterator[str]:
    for run in session.scalars(select(DialogRun)):
        rule = next(one for one in rules(RevisionId(run.revision)).dialogs if one.id == run.dialog)
        gift = rule.gift
        points, codes = (gift.points, int(gift.reward is not None)) if gift is not None else (0, 0)
        yield from _gave(f"dialog:{run.id}", points, codes, paid)
        if run.number > rule.times.count:
            yield f"dialog {run.id} is number {run.number} of {rule.times.count}"


def _gave(origin: str, points: int, codes: int, paid: Paid) -> Iterator[str]:
    found = paid.by_origin.get(origin, 0), paid.vouchers.get(origin, 0)
    if found != (points, codes):
        yield f"{origin} gave {found[0]} points and {found[1]} codes instead of {points} and {codes}"


def _redemptions(session: Session, paid: Paid) -> Iterator[str]:
    for row in session.scalars(select(Redemption)):
        took, codes = -paid.by_cause.get(f"redeem:{row.id}", 0), paid.vouchers.get(f"redeem:{row.id}", 0)
        wanted = (row.points, 1) if row.state == "confirmed" else (0, 0)
        if (took, codes) != wanted:
            yield f"redemption {row.id} ({row.state}, {row.points} points) took {took} and brought {codes} codes"
