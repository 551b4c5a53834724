"""Everything that can happen to games, in any order and with failures in between, beside a model of it."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from loyalty.books.audit import audit
from loyalty.books.overview import points_of
from loyalty.errors import Refused
from loyalty.games import draw, quizzes, wheel
from loyalty.games.fairness import replay
from loyalty.games.wheel import Drawn
from loyalty.ids import AttemptId, MemberId, SpinId
from loyalty.orders import purchases
from loyalty.orders.purchases import PurchaseReport
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.rules.games import Wheel
from loyalty.rules.parts import period_of
from loyalty.store import store_url
from loyalty.store.sqlite import sqlite_engine
from loyalty.tables import Member, Stock, Voucher
from tests.store.games import Unplugged, a_quiz, a_wheel, failing_at, prize, with_games
from tests.store.helpers import euros, set_up_member, variant

T = TypeVar("T")
Key = TypeVar("Key", bound=str)

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
COFFEE = prize("coffee", 2, gift={"points": 4})
MUG = prize("mug", 3, gift={"reward": "espresso", "points": 1}, stock=3, instead="coffee")
CAKE = prize("cake", 2, gift={"points": 2}, cost="1.50", budget="5.00", instead="coffee")
WHEELS: tuple[dict[str, object] | None, ...] = (
    a_wheel(MUG, COFFEE, CAKE, spins={"count": 2, "every": "day"}, price=3),
    a_wheel(MUG, prize("nothing", 1), COFFEE, spins={"count": 3, "every": "day"}, chance=False),
    None,
)
LIMITS = {"mug": 3, "cake": 3}  # 5.00 buys three at 1.50
QUIZ = a_quiz(attempts={"count": 2, "every": "day"})

players = st.sampled_from(["anna", "bruno", "carla", "anna"])
failures = st.one_of(st.none(), st.none(), st.integers(0, 40))
pauses = st.sampled_from([timedelta(hours=11), timedelta(minutes=20), timedelta(hours=1), timedelta(hours=14)])


@dataclass
class Player:
    id: MemberId
    joined: bool = True
    points: int = 0
    vouchers: int = 0
    place: int = 0


@dataclass
class Turn:
    player: str
    wheel: int
    period: str
    drawn: Drawn | None = None


@dataclass
class Go:
    player: str
    period: str
    ends_at: datetime
    answers: list[int] = field(default_factory=list)
    over: bool = False


class GamesMachine(RuleBasedStateMachine):
    """A programme with a wheel that changes and a quiz, three players, and what should have come of it."""

    template: Path
    cafe: Programme

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="games-machine-"))
        file = self.folder / "store.db"
        shutil.copy(self.template, file)
        self.engine = sqlite_engine(store_url(f"sqlite:///{file}"), writer=True)
        event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self.now = START
        self.programmes = [
            with_games(variant(self.cafe, joining=0), quizzes=[QUIZ], **({"wheel": one} if one else {}))
            for one in WHEELS
        ]
        self.up = 0
        self.players: dict[str, Player] = {}
        self.turns: dict[SpinId, Turn] = {}
        self.keys: dict[str, SpinId] = {}
        self.goes: dict[AttemptId, Go] = {}
        self.taken: Counter[str] = Counter()
        self.orders = 0

    def teardown(self) -> None:
        try:
            self.everything_is_asked_again()
            self.it_is_as_it_should_be()
            assert self.do(audit).findings == ()
            assert self.do(lambda session: list(replay(session, self.programme))) == []
        finally:
            self.engine.dispose()
            shutil.rmtree(self.folder)

    # Short words

    @property
    def programme(self) -> Programme:
        return self.programmes[self.up]

    @property
    def wheel(self) -> Wheel | None:
        return self.programme.games.wheel

    def today(self) -> str:
        return period_of("day", self.now, self.programme.zone)

    def do(self, work: Callable[[Session], T], fails: int | None = None) -> T:
        """Do something; perhaps it fails before at some statement, or in the end, and is done again."""
        if fails is not None:
            with pytest.raises((Unplugged, Refused)):
                self.break_off(work, fails)
        with self.transaction() as session, session.begin():
            return work(session)

    def break_off(self, work: Callable[[Session], object], statement: int) -> None:
        with self.transaction() as session, session.begin():
            with failing_at(session, statement):
                work(session)
                session.flush()
            raise Unplugged("in the end")

    def attempt(self, work: Callable[[Session], T], fails: int | None) -> T | str:
        """Do something; a refusal is told as its reason."""
        try:
            return self.do(work, fails)
        except Refused as refusal:
            return refusal.reason

    def transaction(self) -> Session:
        return Session(self.engine, autoflush=False, expire_on_commit=False)

    def any_of(self, data: st.DataObject, keys: Iterable[Key]) -> Key:
        key: Key = data.draw(st.sampled_from(sorted(keys)))
        return key

    # What happens

    @initialize()
    def opens(self) -> None:
        for programme in self.programmes:
            self.do(lambda session, programme=programme: ensure_programme(session, programme, now=self.now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        for name in ("anna", "bruno", "carla"):
            self.turns_up(name, joined=name != "carla")
        self.buys("anna", 7)

    def turns_up(self, name: str, *, joined: bool) -> None:
        id_ = self.do(lambda session: set_up_member(session, self.programme, self.now, joined=joined))
        self.players[name] = Player(id_, joined)

    @rule(name=players, points=st.integers(3, 9))
    def buys(self, name: str, points: int) -> None:
        self.orders += 1
        report = PurchaseReport(f"o{self.orders}", euros(str(points)), self.now)
        player = self.players[name]
        self.do(
            lambda session: purchases.record_purchase(
                session, self.programme, session.get_one(Member, player.id), report, now=self.now
            )
        )
        player.points += points

    @rule(up=st.sampled_from([0, 0, 0, 1, 1, 2]))
    def another_wheel_is_put_up(self, up: int) -> None:
        self.up = up

    @rule(name=players, fails=failures)
    def asks_for_a_spin(self, name: str, fails: int | None) -> None:
        player, key = self.players[name], f"k{len(self.keys)}"
        offered = self.attempt(
            lambda session: wheel.offer(
                session, self.programme, session.get_one(Member, player.id), key=key, now=self.now
            ),
            fails,
        )
        refused = self.why_no_spin(player, name)
        if isinstance(offered, str) or refused:
            assert offered == refused
            return
        assert [one.left for one in offered.odds if one.instead] == [
            LIMITS[one.prize.id] - self.taken[one.prize.id] for one in offered.odds if one.instead
        ]
        open_ = [
            spin for spin, turn in self.turns.items()
            if not turn.drawn and (turn.player, turn.wheel, turn.period) == (name, self.up, self.today())
        ]  # fmt: skip
        if open_:
            assert offered.spin == open_[0]
        else:
            assert offered.spin not in self.turns
            self.turns[offered.spin] = Turn(name, self.up, self.today())
            self.keys[key] = offered.spin

    def why_no_spin(self, player: Player, name: str) -> str | None:
        """For a new spin, and for the draw of one that is still good."""
        if self.wheel is None:
            return "gone"
        if not player.joined:
            return "not_joined"
        drawn = sum(
            turn.drawn is not None and (turn.player, turn.period) == (name, self.today())
            for turn in self.turns.values()
        )  # fmt: skip
        if drawn >= self.wheel.spins.count:
            return "limit"
        return "points" if player.points < self.wheel.price else None

    @precondition(lambda self: self.turns)
    @rule(data=st.data(), nonce=st.sampled_from("abc"), fails=failures)
    def draws(self, data: st.DataObject, nonce: str, fails: int | None) -> None:
        """A spin of any time and wheel, for the first time or again."""
        spin = self.any_of(data, self.turns)
        turn = self.turns[spin]
        drawn = self.attempt(lambda session: self.draw(session, spin, nonce), fails)
        if turn.drawn is not None:
            assert drawn == turn.drawn
        elif self.wheel is not None and turn.wheel != self.up:
            assert drawn == "changed"
        elif self.wheel is not None and turn.period != self.today():
            assert drawn == "over"
        elif refused := self.why_no_spin(self.players[turn.player], turn.player):
            assert drawn == refused
        else:
            assert not isinstance(drawn, str)
            self.was_drawn(spin, turn, drawn, nonce)

    def draw(self, session: Session, spin: SpinId, nonce: str) -> Drawn:
        return wheel.draw(session, self.programme, spin, nonce=nonce, now=self.now)

    def was_drawn(self, spin: SpinId, turn: Turn, drawn: Drawn, nonce: str) -> None:
        player, wheel_ = self.players[turn.player], self.programmes[turn.wheel].games.wheel
        assert wheel_ is not None
        if wheel_.chance:
            number = draw.number(str(drawn.seed), spin, nonce, wheel_.total)
        else:
            number, player.place = player.place % wheel_.total, player.place + 1
        fields = [prize for prize in wheel_.prizes for _ in range(prize.weight)]
        prize = fields[number]
        left = self.taken[prize.id] < LIMITS.get(prize.id, 10**9)
        given = prize if left else wheel_.prize("coffee")
        assert (drawn.number, drawn.drawn, drawn.given) == (number, prize, given)
        if prize.id in LIMITS and left:
            self.taken[prize.id] += 1
        points = given.gift.points if given.gift else 0
        assert (drawn.points, drawn.code is not None) == (points, given.id == "mug")
        player.points += points - wheel_.price
        player.vouchers += given.id == "mug"
        turn.drawn = drawn

    @rule(name=players, fails=failures)
    def starts_the_quiz(self, name: str, fails: int | None) -> None:
        player = self.players[name]
        started = self.attempt(
            lambda session: quizzes.start(
                session, self.programme, session.get_one(Member, player.id), "beans", now=self.now
            ),
            fails,
        )
        mine = {id_: go for id_, go in self.goes.items() if go.player == name}
        under_way = [id_ for id_, go in mine.items() if not go.over and self.now < go.ends_at]
        if under_way:
            assert not isinstance(started, str)
            assert (started.attempt, started.resumed) == (under_way[0], True)
            assert started.question == len(self.goes[under_way[0]].answers) + 1
        elif not player.joined:
            assert started == "not_joined"
        elif sum(go.period == self.today() for go in mine.values()) >= 2:
            assert started == "limit"
        else:
            assert not isinstance(started, str)
            assert not started.resumed
            for go in mine.values():
                self.ends(go)
            self.goes[started.attempt] = Go(name, self.today(), self.now + timedelta(hours=1))

    def ends(self, go: Go) -> None:
        """An attempt is finished and paid, once."""
        if go.over:
            return
        go.over = True
        right = sum(given == asked for asked, given in enumerate(go.answers, 1))
        player = self.players[go.player]
        player.points += 5 * right + 10 * (right == 3)
        player.vouchers += right == 3

    @precondition(lambda self: self.goes)
    @rule(data=st.data(), question=st.integers(1, 3), answer=st.integers(1, 3), fails=failures)
    def answers(self, data: st.DataObject, question: int, answer: int, fails: int | None) -> None:
        """The next question or another one, rightly or not, in time or too late."""
        id_ = self.any_of(data, self.goes)
        go = self.goes[id_]
        question = data.draw(st.sampled_from([question, min(len(go.answers) + 1, 3)]))
        answer = data.draw(st.sampled_from([answer, question]))
        answered = self.attempt(lambda session: self.answer(session, id_, question, answer), fails)
        if question <= len(go.answers):
            if answer != go.answers[question - 1]:
                assert answered == "answered"
                return
        elif go.over or self.now >= go.ends_at:
            assert not isinstance(answered, str)
            assert answered.time_over
            assert answered.result is not None
            assert [one.answer for one in answered.result.review] == (go.answers + [None] * 3)[:3]
            self.ends(go)
            return
        elif question > len(go.answers) + 1:
            assert answered == "order"
            return
        else:
            go.answers.append(answer)
            if question == 3:
                self.ends(go)
        assert not isinstance(answered, str)
        assert (answered.question, answered.right) == (question, answer == question)
        assert (answered.result is not None) is (question == 3)

    def answer(self, session: Session, id_: AttemptId, question: int, answer: int) -> quizzes.Answered:
        return quizzes.answer(session, self.programme, id_, question=question, answer=answer, now=self.now)

    @rule(by=pauses, due=st.booleans(), fails=failures)
    def time_passes(self, by: timedelta, due: bool, fails: int | None) -> None:
        self.now += by
        if due:
            late = [go for go in self.goes.values() if not go.over and go.ends_at <= self.now]
            done = self.do(lambda session: quizzes.due(session, self.programme, self.now), fails)
            assert done == len(late)
            for go in late:
                self.ends(go)

    def everything_is_asked_again(self) -> None:
        for key, spin in self.keys.items():
            player = self.players[self.turns[spin].player]
            again = self.do(
                lambda session, player=player, key=key: wheel.offer(  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                    session, self.programme, session.get_one(Member, player.id), key=key, now=self.now
                )
            )
            assert again.spin == spin
        for spin, turn in self.turns.items():
            if turn.drawn is not None:
                assert self.do(lambda session, spin=spin: self.draw(session, spin, "z")) == turn.drawn  # type: ignore[misc]
        for id_, go in self.goes.items():
            for question, answer in enumerate(go.answers, 1):
                self.do(
                    lambda session, id_=id_, question=question, answer=answer: self.answer(  # type: ignore[misc]
                        session, id_, question, answer
                    )
                )

    # What is true at any time

    @invariant()
    def it_is_as_it_should_be(self) -> None:
        with self.transaction() as session:
            for player in self.players.values():
                vouchers = select(func.count()).where(Voucher.member_id == player.id)
                assert points_of(session, player.id).available == player.points
                assert session.scalar(vouchers) == player.vouchers
            taken = {row.item.rpartition(":")[2]: row.taken for row in session.scalars(select(Stock))}
            assert {id_: taken.get(id_, 0) for id_ in LIMITS} == {id_: self.taken[id_] for id_ in LIMITS}
            assert all(self.taken[id_] <= most for id_, most in LIMITS.items())


@pytest.mark.timeout(110)
def test_games_agree_with_their_model_whatever_happens(sqlite_template: Path, cafe: Programme) -> None:
    machine = type("Machine", (GamesMachine,), {"template": sqlite_template, "cafe": cafe})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
