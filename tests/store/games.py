"""A café that has a wheel and a quiz, and short words for playing them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from loyalty.games import quizzes, wheel
from loyalty.games.quizzes import Answered, Started
from loyalty.games.wheel import Drawn, Offered, Proof
from loyalty.ids import AttemptId, MemberId, SpinId
from loyalty.programme import LANGUAGES, Programme
from loyalty.revisions import ensure_programme
from loyalty.tables import Member, Spin, Stock, Voucher
from tests.store.helpers import Shop, a_key

T = TypeVar("T")


def said(text: str) -> dict[str, str]:
    """The same text in every language."""
    return dict.fromkeys(LANGUAGES, text)


def prize(id_: str, weight: int, **more: object) -> dict[str, object]:
    return {"id": id_, "name": said(id_.title()), "weight": weight, **more}


COFFEE = prize("coffee", 300, gift={"points": 20})
NOTHING = prize("nothing", 500)
ESPRESSO = prize("voucher", 150, gift={"reward": "espresso"})
MUG = prize("mug", 50, gift={"reward": "mug", "points": 5}, stock=3, instead="coffee")


def a_wheel(*prizes: dict[str, object], **more: object) -> dict[str, object]:
    """A wheel with these prizes: four kinds of them unless told."""
    chosen = prizes or (COFFEE, NOTHING, ESPRESSO, MUG)
    total = sum(int(str(one["weight"])) for one in chosen)
    return {"name": said("Wheel"), "total": total, "prizes": list(chosen), **more}


def a_quiz(id_: str = "beans", **more: object) -> dict[str, object]:
    """Three questions, the right answers are 1, 2 and 3; five points each, an espresso for all of them."""
    questions = [
        {
            "text": said(f"Question {right}?"), "answers": [said(sign) for sign in "ABC"], "right": right,
            "explanation": said(f"Because {right}."),
        }
        for right in (1, 2, 3)
    ]  # fmt: skip
    return {
        "id": id_, "name": said("Coffee quiz"), "questions": questions, "points": 5,
        "perfect": {"points": 10, "reward": "espresso"}, **more,
    }  # fmt: skip


def with_games(programme: Programme, **games: object) -> Programme:
    """The programme with these games, and no milestones, which would give something too."""
    return Programme.model_validate({**programme.document(), "milestones": [], "games": games})


def with_reward(programme: Programme, id_: str, **changes: object) -> Programme:
    """The programme with one of its rewards changed."""
    document: dict[str, Any] = programme.document()
    rewards = [{**reward, **changes} if reward["id"] == id_ else reward for reward in document["rewards"]]
    return Programme.model_validate({**document, "rewards": rewards})


@dataclass
class Arcade:
    """The games of a shop."""

    shop: Shop

    async def puts_up(self, **games: object) -> None:
        """From now on there are these games."""
        await self.changes_to(with_games(self.shop.programme, **games))

    async def changes_to(self, programme: Programme) -> None:
        self.shop.programme = programme
        await self.shop.do(lambda session: ensure_programme(session, programme, now=self.shop.now))

    async def offers(self, member: MemberId, *, key: str | None = None) -> Offered:
        return await self.shop.do(self.offering(member, key=key or a_key()))

    def offering(self, member: MemberId, *, key: str) -> Callable[[Session], Offered]:
        shop = self.shop
        return lambda session: wheel.offer(
            session, shop.programme, session.get_one(Member, member), key=key, now=shop.now
        )

    async def draws(self, spin: SpinId, *, nonce: str = "ciao") -> Drawn:
        return await self.shop.do(self.drawing(spin, nonce=nonce))

    def drawing(self, spin: SpinId, *, nonce: str = "ciao") -> Callable[[Session], Drawn]:
        shop = self.shop
        return lambda session: wheel.draw(session, shop.programme, spin, nonce=nonce, now=shop.now)

    async def spins(self, member: MemberId) -> Drawn:
        return await self.draws((await self.offers(member)).spin)

    async def proof(self, spin: SpinId) -> Proof:
        return await self.shop.ask(lambda session: wheel.proof(session, self.shop.programme, spin))

    async def starts(self, member: MemberId, quiz: str = "beans") -> Started:
        return await self.shop.do(self.starting(member, quiz))

    def starting(self, member: MemberId, quiz: str = "beans") -> Callable[[Session], Started]:
        shop = self.shop
        return lambda session: quizzes.start(
            session, shop.programme, session.get_one(Member, member), quiz, now=shop.now
        )

    async def answers(self, attempt: AttemptId, question: int, answer: int) -> Answered:
        return await self.shop.do(self.answering(attempt, question, answer))

    def answering(self, attempt: AttemptId, question: int, answer: int) -> Callable[[Session], Answered]:
        shop = self.shop
        return lambda session: quizzes.answer(
            session, shop.programme, attempt, question=question, answer=answer, now=shop.now
        )

    async def plays(self, member: MemberId, *answers: int) -> Answered:
        """Start the quiz and answer its questions."""
        attempt = (await self.starts(member)).attempt
        for question, answer in enumerate(answers, 1):
            answered = await self.answers(attempt, question, answer)
        return answered

    async def due(self) -> int:
        return await self.shop.do(lambda session: quizzes.due(session, self.shop.programme, self.shop.now))

    async def taken(self, prize_: str) -> int:
        """How many of a limited prize were taken."""
        query = select(Stock.taken).where(Stock.item == f"prize:wheel:{prize_}")
        return await self.shop.ask(lambda session: session.scalar(query)) or 0

    async def vouchers(self, member: MemberId) -> list[str]:
        """The rewards for which a member has vouchers."""
        query = select(Voucher.reward_id).where(Voucher.member_id == member, Voucher.status == "issued")
        return await self.shop.ask(lambda session: sorted(session.scalars(query)))

    async def drawn(self) -> int:
        """How many spins were drawn."""
        return await self.shop.ask(lambda session: session.scalar(select(func.count(Spin.drawn_at)))) or 0


class Unplugged(Exception):
    """The failure that is injected."""


@contextmanager
def failing_at(session: Session, statement: int) -> Iterator[None]:
    """Within this, the statement with this number (from 0) fails before it reaches the database."""
    connection = session.connection()
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement + 1:
            raise Unplugged(f"statement {statement}")

    event.listen(connection, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", count)


async def fail_everywhere(shop: Shop, work: Callable[[Session], T], look: Callable[[], Any]) -> T:
    """Run work that fails at its first statement, then at its second, and so on, until it comes through.

    `look` is asked after each failure: what it tells must not have changed.
    """
    before = await look()
    for statement in range(200):

        def fragile(session: Session, statement: int = statement) -> T:
            with failing_at(session, statement):
                done = work(session)
                session.flush()
                return done

        try:
            done = await shop.do(fragile)
        except Unplugged:
            assert await look() == before, f"statement {statement} left something"
        else:
            assert statement > 1, "hardly anything was done"
            return done
    raise AssertionError("it never came through")
