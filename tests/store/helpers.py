"""Short words for what the tests of the store do again and again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import TypeVar

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from loyalty import due
from loyalty.books import audit, overview
from loyalty.books.points import Books, open_books
from loyalty.clock import FixedClock
from loyalty.errors import Refused
from loyalty.ids import MemberId, RedemptionId, RewardId
from loyalty.money import Money
from loyalty.orders import purchases
from loyalty.orders.bills import Bill
from loyalty.orders.purchases import OrderChange, Outcome, PurchaseReport
from loyalty.orders.worth import Before, order_worth
from loyalty.people.members import Person, Ref, join, meet
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.rewards import redemptions
from loyalty.rewards.redemptions import Issued
from loyalty.store import Store
from loyalty.tables import Lot, Member

T = TypeVar("T")

_numbers = count()


def euros(amount: str | Decimal) -> Money:
    return Money.parse(str(amount), "EUR")


def variant(programme: Programme, **earning: object) -> Programme:
    """The programme with other rules for earning."""
    return programme.model_copy(update={"earning": programme.earning.model_copy(update=earning)})


def worth(programme: Programme, amount: Decimal) -> int:
    """What an order is worth in a programme that judges each by itself."""
    return order_worth(programme, Bill(amount), datetime(2026, 11, 21, tzinfo=UTC), Before()).points


def a_key() -> str:
    """A business key that was not used before."""
    return f"till-1/{next(_numbers):06}"


def a_phone() -> str:
    """A phone number that was not used before."""
    return f"+39333{next(_numbers):07}"


def set_up_member(
    session: Session, programme: Programme, now: datetime, *, phone: str | None = None, joined: bool = True
) -> MemberId:
    ensure_programme(session, programme, now=now)
    member = meet(session, programme, Person((Ref.phone(phone or a_phone()),)), now=now)
    if joined:
        join(session, programme, member, now=now)
    return MemberId(member.id)


def expose(session: Session) -> None:
    """Take the ledger's protection off for this transaction, as somebody with the database's password could."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
        return
    for table in ("ledger_transaction", "ledger_entry"):
        for verb in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER {table}_no_{verb}"))


@dataclass
class Shop:
    """A business with an empty store, and everything that happens in it at the time of its clock."""

    store: Store
    programme: Programme
    clock: FixedClock

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def do(self, work: Callable[[Session], T]) -> T:
        return await self.store.write(work)

    async def ask(self, work: Callable[[Session], T]) -> T:
        return await self.store.read(work)

    async def in_books(self, member: MemberId, work: Callable[[Books], T]) -> T:
        """Do something with the ledger of a member."""
        return await self.do(lambda session: work(open_books(session, self.programme.id, member, now=self.now)))

    async def member(self, *, phone: str | None = None, joined: bool = True) -> MemberId:
        return await self.do(
            lambda session: set_up_member(session, self.programme, self.now, phone=phone, joined=joined)
        )

    async def buys(
        self, member: MemberId, amount: str | Decimal, *, key: str | None = None, at: datetime | None = None
    ) -> Outcome:
        report = PurchaseReport(key or a_key(), euros(amount), at or self.now)
        return await self.report(member, report)

    async def report(self, member: MemberId, report: PurchaseReport) -> Outcome:
        return await self.do(
            lambda session: purchases.record_purchase(
                session, self.programme, session.get_one(Member, member), report, now=self.now
            )
        )

    async def refunds(self, purchase: str, amount: str | Decimal, *, key: str | None = None) -> Outcome:
        change = OrderChange("refund", key or a_key(), purchase, euros(amount), self.now)
        return await self.changes(change)

    async def changes(self, change: OrderChange) -> Outcome:
        return await self.do(lambda session: purchases.record_change(session, self.programme, change, now=self.now))

    async def does(self, member: MemberId, activity: str, *, key: str | None = None) -> Outcome:
        return await self.do(
            lambda session: purchases.record_activity(
                session, self.programme, session.get_one(Member, member), key=key or a_key(), activity=activity,
                occurred_at=self.now, now=self.now,
            )
        )  # fmt: skip

    async def holds(self, member: MemberId, reward: str, *, key: str | None = None) -> RedemptionId:
        return await self.do(
            lambda session: redemptions.hold(
                session, self.programme, session.get_one(Member, member), RewardId(reward), key=key or a_key(),
                now=self.now,
            )
        )  # fmt: skip

    async def confirms(self, redemption: RedemptionId) -> Issued:
        return await self.do(
            lambda session: redemptions.confirm(session, self.programme, redemption, language="it", now=self.now)
        )

    async def voids(self, redemption: RedemptionId) -> bool:
        return await self.do(lambda session: redemptions.void(session, self.programme, redemption, now=self.now))

    async def redeems(self, member: MemberId, reward: str) -> Issued:
        return await self.confirms(await self.holds(member, reward))

    async def tick(self) -> due.Done:
        return await due.run_due(self.store, self.programme, now=self.now)

    async def points(self, member: MemberId) -> overview.Points:
        return await self.ask(lambda session: overview.points_of(session, member))

    async def lots(self, member: MemberId) -> list[int]:
        """What is available of each of a member's lots, in the order in which they were earned."""
        query = select(Lot.remaining).where(Lot.member_id == member).order_by(Lot.id)
        return await self.ask(lambda session: list(session.scalars(query)))

    async def audit(self) -> audit.Audit:
        return await self.ask(audit.audit)

    async def is_sound(self) -> bool:
        """Whether the ledger has something in it and proves right."""
        proof = await self.audit()
        assert not proof.findings, proof.findings
        return proof.transactions > 0 and proof.entries > 0


def points(
    available: int = 0, *, pending: int = 0, held: int = 0, debt: int = 0, lifetime: int | None = None
) -> overview.Points:
    """A balance; what was earned in a life is what is there unless it is told."""
    total = available + pending + held - debt
    return overview.Points(available, pending, held, debt, total if lifetime is None else lifetime)


def reasons(results: list[T | BaseException]) -> list[str]:
    """Why rules said no in a list of outcomes; any other error is raised."""
    found = []
    for result in results:
        if isinstance(result, Refused):
            found.append(result.reason)
        elif isinstance(result, BaseException):
            raise result
    return found
