"""Handing over what one member has to another, and what the audit proves of it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from loyalty.books import ledger
from loyalty.books.points import Books, open_books
from loyalty.ids import Cause, MemberId
from loyalty.tables import Entry, Lot, Transaction
from tests.store.helpers import Shop, expose, points

DAY = timedelta(days=1)


async def earns(shop: Shop, member: MemberId, amount: int, origin: str, *, days: int | None, after: int = 0) -> None:
    def work(books: Books) -> None:
        books.earn(
            amount, cause=Cause(f"{origin}:{amount}"), kind="purchase", origin=origin, occurred_at=shop.now,
            activates_at=shop.now + after * DAY, expires_at=None if days is None else shop.now + days * DAY, memo={},
        )  # fmt: skip

    await shop.in_books(member, work)


async def owes(shop: Shop, member: MemberId, amount: int, cause: str) -> None:
    """A debt, for points that were taken back and spent before."""
    await shop.in_books(
        member, lambda books: books.take_back(amount, cause=Cause(cause), kind="refund", origin=cause, memo={})
    )


async def gives(shop: Shop, giver: MemberId, taker: MemberId, *, name: str = "merge") -> None:
    def work(session: Session) -> None:
        ledger.lock_all(session, [giver, taker])
        books = {member: open_books(session, shop.programme.id, member, now=shop.now) for member in (giver, taker)}
        books[giver].give_to(
            books[taker], cause_out=Cause(f"{name}:out"), cause_in=Cause(f"{name}:in"), memo={"why": "one person"}
        )

    await shop.do(work)


async def lots(shop: Shop, member: MemberId) -> list[tuple[str, int, int, int | None]]:
    """Of each lot that is not empty: origin, pending, available, and the days until it expires."""
    query = select(Lot).where(Lot.member_id == member, (Lot.remaining > 0) | (Lot.pending > 0)).order_by(Lot.origin)
    rows = await shop.ask(lambda session: session.scalars(query).all())
    return [
        (row.origin, row.pending, row.remaining, (row.expires_at - shop.now).days if row.expires_at else None)
        for row in rows
    ]


async def test_everything_pending_and_available_passes_with_its_origin_and_its_times(shop: Shop) -> None:
    giver, taker = await shop.member(), await shop.member()
    await earns(shop, giver, 10, "a", days=30)
    await earns(shop, giver, 20, "b", days=None)
    await earns(shop, giver, 5, "c", days=90, after=14)
    await earns(shop, taker, 7, "d", days=10)
    await shop.in_books(giver, lambda books: books.hold(4, cause=Cause("hold:1"), memo={}))
    created = await shop.ask(lambda session: session.scalars(select(Lot.created_at)).all())
    shop.clock.forward(DAY)
    await gives(shop, giver, taker)
    assert await lots(shop, giver) == []
    assert await lots(shop, taker) == [("a", 0, 6, 29), ("b", 0, 20, None), ("c", 5, 0, 89), ("d", 0, 7, 9)]
    assert await shop.points(giver) == points(0, held=4, lifetime=0)
    assert await shop.points(taker) == points(33, pending=5, lifetime=42)
    assert set(await shop.ask(lambda session: session.scalars(select(Lot.created_at)).all())) == set(created)
    shop.clock.forward(14 * DAY)
    assert (await shop.tick()).activated == 1
    assert await shop.points(taker) == points(31, lifetime=42)  # one lot has expired meanwhile
    assert await shop.is_sound()


async def test_a_debt_of_the_taker_is_paid_first_by_what_expires_first(shop: Shop) -> None:
    giver, taker = await shop.member(), await shop.member()
    await earns(shop, giver, 10, "late", days=60)
    await earns(shop, giver, 10, "soon", days=30)
    await owes(shop, taker, 14, "refund:1")
    await gives(shop, giver, taker)
    assert await lots(shop, taker) == [("late", 0, 6, 60)]
    assert await shop.points(taker) == points(6)
    assert await shop.points(giver) == points(0)
    assert await shop.is_sound()


async def test_a_debt_of_the_giver_passes_too(shop: Shop) -> None:
    giver, taker = await shop.member(), await shop.member()
    await owes(shop, giver, 14, "refund:1")
    await owes(shop, taker, 1, "refund:2")
    await gives(shop, giver, taker)
    assert await shop.points(giver) == points(0)
    assert await shop.points(taker) == points(0, debt=15)
    await shop.buys(taker, "20.00")
    assert await shop.points(taker) == points(5)
    assert await shop.is_sound()


async def test_a_merge_is_one_posting_on_each_side_with_what_was_earned_in_a_life(shop: Shop) -> None:
    giver, taker = await shop.member(), await shop.member()
    await earns(shop, giver, 10, "a", days=30)
    await gives(shop, giver, taker)
    query = (
        select(Transaction.cause, Transaction.member_id, Transaction.kind, Transaction.memo, func.count(Entry.id))
        .join(Entry, Entry.transaction_id == Transaction.id)
        .where(Transaction.kind == "merge")
        .group_by(Transaction.id)
        .order_by(Transaction.cause)
    )
    rows = await shop.ask(lambda session: [tuple(row) for row in session.execute(query.with_only_columns(
        Transaction.cause, Transaction.member_id, func.count(Entry.id)))])  # fmt: skip
    memos = await shop.ask(
        lambda session: session.scalars(
            select(Transaction.memo).where(Transaction.kind == "merge").order_by(Transaction.cause)
        ).all()
    )
    assert rows == [("merge:in", taker, 2), ("merge:out", giver, 2)]
    assert memos == [{"why": "one person", "lifetime": 10}, {"why": "one person", "lifetime": -10}]


async def test_somebody_without_points_hands_over_what_she_earned_in_her_life(shop: Shop) -> None:
    giver, taker = await shop.member(), await shop.member()
    await shop.buys(giver, "20.00")
    await shop.redeems(giver, "espresso")
    await gives(shop, giver, taker)
    assert (await shop.points(giver), await shop.points(taker)) == (points(0), points(0, lifetime=20))
    assert await shop.is_sound()


async def test_what_was_earned_before_a_merge_is_taken_back_after_it(shop: Shop) -> None:
    """Also what had expired with the giver by then."""
    giver, taker = await shop.member(), await shop.member()
    await earns(shop, giver, 10, "order", days=10)
    shop.clock.forward(10 * DAY)
    await shop.tick()
    await earns(shop, giver, 30, "order", days=60)
    await gives(shop, giver, taker)
    assert await shop.in_books(taker, lambda books: books.granted("order")) == 40
    await shop.in_books(
        taker,
        lambda books: books.take_back(40, cause=Cause("refund:1"), kind="refund", origin="order", memo={}),
    )
    assert await shop.points(taker) == points(0, lifetime=0)
    assert await shop.in_books(taker, lambda books: books.granted("order")) == 0
    assert await shop.is_sound()


async def test_a_memo_of_a_merge_may_not_say_what_the_merge_says(shop: Shop) -> None:
    giver, taker = await shop.member(), await shop.member()

    def work(session: Session) -> None:
        mine, hers = (open_books(session, shop.programme.id, member, now=shop.now) for member in (giver, taker))
        mine.give_to(hers, cause_out=Cause("out"), cause_in=Cause("in"), memo={"lifetime": 3})

    with pytest.raises(ValueError, match="lifetime"):
        await shop.do(work)


async def test_merges_in_both_directions_at_once_lose_nothing(shop: Shop) -> None:
    people = [await shop.member() for _ in range(4)]
    for number, member in enumerate(people):
        await earns(shop, member, 10, f"o{number}", days=30)
    pairs = [(0, 1), (1, 0), (2, 3), (3, 2), (0, 3), (3, 0)]
    await asyncio.gather(
        *(gives(shop, people[of], people[to], name=f"merge:{number}") for number, (of, to) in enumerate(pairs))
    )
    found = [await shop.points(member) for member in people]
    assert (sum(one.available for one in found), sum(one.lifetime for one in found)) == (40, 40)
    assert await shop.is_sound()


@pytest.mark.parametrize(
    ("tampering", "finding"),
    [
        (
            "UPDATE ledger_entry SET account = 'issued' WHERE account = 'transfer' AND amount < 0",
            "10 points were handed over and did not arrive",
        ),
        (
            "UPDATE ledger_transaction SET memo = '{\"lifetime\": 17}' WHERE cause = 'merge:in'",
            "merges change what was earned in all lives by 7 points",
        ),
        ("UPDATE balance SET lifetime = 0", "lifetime is shown as 0, the entries say 10"),
    ],
)
async def test_the_audit_proves_merges(shop: Shop, tampering: str, finding: str) -> None:
    giver, taker = await shop.member(), await shop.member()
    await earns(shop, giver, 10, "a", days=30)
    await gives(shop, giver, taker)
    assert await shop.is_sound()

    def tamper(session: Session) -> None:
        expose(session)
        assert session.execute(text(tampering)).rowcount > 0  # type: ignore[attr-defined]  # CursorResult

    await shop.do(tamper)
    assert finding in "\n".join((await shop.audit()).findings)
