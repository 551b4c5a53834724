"""What the ledger's own operations do to points, as rules for `test_ledger_machine`: nothing is bought or redeemed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy.orm import Session

from loyalty.books import ledger
from loyalty.books.points import open_books
from loyalty.errors import Refused
from loyalty.ids import Cause, RedemptionId
from loyalty.programme import Programme
from tests.store.model import Hold, Person, Pile

T = TypeVar("T")

GRACE = timedelta(days=10)
people = st.integers(0, 2)


class Moves(RuleBasedStateMachine):
    """Rules for members who are there already, by their place in the order in which they came."""

    programme: Programme
    now: datetime

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, Person] = {}
        self.holds: dict[RedemptionId, Hold] = {}
        self._moves = count()

    def do(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction."""
        raise NotImplementedError

    def expiry(self, activates_at: datetime) -> datetime:
        """When points that become available then expire."""
        raise NotImplementedError

    def cause(self) -> Cause:
        return Cause(f"move:{next(self._moves)}")

    def one_of_them(self, number: int) -> Person:
        known = list(self.people.values())
        return known[number % len(known)]

    @rule(number=people, points=st.integers(-40, 40).filter(bool), allow_debt=st.booleans())
    def is_adjusted(self, number: int, points: int, allow_debt: bool) -> None:
        person, cause = self.one_of_them(number), self.cause()

        def work(session: Session) -> Refused | None:
            books = open_books(session, self.programme.id, person.id, now=self.now)
            try:
                books.adjust(
                    points, cause=cause, origin=cause, expires_at=self.expiry(self.now), allow_debt=allow_debt, memo={}
                )
            except Refused as refusal:
                return refusal
            return None

        refused = self.do(work)
        have = sum(pile.available for pile in person.spendable(self.now))
        if points > 0:
            person.earn(points, cause, self.now, self.now, self.expiry(self.now))
        elif have + points < 0 and not allow_debt:
            assert refused is not None
            assert refused.facts == {"missing": -points - have}
            return
        else:
            person.adjust(-points, self.now)
        assert refused is None

    @rule(of=people, to=people)
    def hands_over(self, of: int, to: int) -> None:
        giver, taker = self.one_of_them(of), self.one_of_them(to)
        if giver is taker:
            return
        out, in_ = self.cause(), self.cause()

        def work(session: Session) -> None:
            ledger.lock_all(session, [giver.id, taker.id])
            hers, other = (open_books(session, self.programme.id, one.id, now=self.now) for one in (giver, taker))
            hers.give_to(other, cause_out=out, cause_in=in_, memo={})

        self.do(work)
        giver.hand_over(taker)

    @precondition(lambda self: any(hold.state == "confirmed" for hold in self.holds.values()))
    @rule(data=st.data())
    def is_given_back_what_she_redeemed(self, data: st.DataObject) -> None:
        redeemed = [id_ for id_, hold in self.holds.items() if hold.state == "confirmed" and not hold.returned]
        if not redeemed:
            return
        id_ = data.draw(st.sampled_from(redeemed))
        hold, until, cause = self.holds[id_], self.now + GRACE, self.cause()
        person = self.people[hold.phone]

        def work(session: Session) -> None:
            books = open_books(session, self.programme.id, person.id, now=self.now)
            books.return_spent(Cause(f"redeem:{id_}"), cause=cause, reopen_until=until, memo={})

        self.do(work)
        hold.returned = True
        for pile, points in hold.parts:
            if pile.expires_at > self.now:
                person.receive([(pile, points)])
            elif person.debt < points:
                reopened = Pile(pile.origin, 0, 0, self.now, until)
                person.piles.append(reopened)
                person.receive([(reopened, points)])
            else:
                person.debt -= points

    @rule(number=people, days=st.integers(1, 60))
    def lives_longer(self, number: int, days: int) -> None:
        person, until = self.one_of_them(number), self.now + timedelta(days=days)
        shorter = [
            pile for pile in person.piles if (pile.available or pile.pending) and self.now < pile.expires_at < until
        ]
        extended = self.do(
            lambda session: open_books(session, self.programme.id, person.id, now=self.now).extend(until)
        )
        assert extended == len(shorter)
        for pile in shorter:
            pile.expires_at = until
