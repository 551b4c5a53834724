"""Taking points back that have expired meanwhile, giving held points back to somebody in debt, adjusting by hand."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from loyalty.books.points import Books
from loyalty.errors import Invalid, Refused
from loyalty.ids import Cause, MemberId
from loyalty.tables import Entry, Transaction
from tests.store.helpers import Shop, points, variant

DAY = timedelta(days=1)


async def earns(shop: Shop, member: MemberId, amount: int, origin: str, *, days: int, after: int = 0) -> None:
    """Points of an origin that are pending for `after` days and expire in `days` from now."""

    def work(books: Books) -> None:
        books.earn(
            amount, cause=Cause(f"{origin}:{amount}"), kind="purchase", origin=origin, occurred_at=shop.now,
            activates_at=shop.now + after * DAY, expires_at=shop.now + days * DAY, memo={},
        )  # fmt: skip

    await shop.in_books(member, work)


async def takes_back(shop: Shop, member: MemberId, amount: int, origin: str, cause: str = "refund:1") -> None:
    await shop.in_books(
        member, lambda books: books.take_back(amount, cause=Cause(cause), kind="refund", origin=origin, memo={})
    )


async def holds(shop: Shop, member: MemberId, amount: int, cause: str = "hold:1") -> None:
    await shop.in_books(member, lambda books: books.hold(amount, cause=Cause(cause), memo={}))


async def releases(shop: Shop, member: MemberId, cause: str = "hold:1") -> None:
    await shop.in_books(
        member, lambda books: books.settle(Cause(cause), cause=Cause(f"void-{cause}"), spent=False, memo={})
    )


async def adjusts(shop: Shop, member: MemberId, amount: int, *, debt: bool = False, cause: str = "adjust:1") -> None:
    def work(books: Books) -> None:
        books.adjust(
            amount, cause=Cause(cause), origin=cause, expires_at=shop.now + 365 * DAY, allow_debt=debt,
            memo={"by": "Anna"},
        )  # fmt: skip

    await shop.in_books(member, work)


async def legs(shop: Shop, cause: str) -> list[tuple[str, int]]:
    """What a transaction moved, account by account."""
    query = (
        select(Entry.account, Entry.amount)
        .join(Transaction, Transaction.id == Entry.transaction_id)
        .where(Transaction.cause == cause)
        .order_by(Entry.id)
    )
    return await shop.ask(lambda session: [(account, amount) for account, amount in session.execute(query)])


async def test_points_that_have_expired_are_taken_back_without_the_member_noticing(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 40, "a", days=30)
    await earns(shop, member, 15, "b", days=90)
    shop.clock.forward(31 * DAY)
    assert (await shop.tick()).expired == 1
    await takes_back(shop, member, 40, "a")
    assert await shop.points(member) == points(15)
    assert await legs(shop, "refund:1") == [("expired", -40), ("issued", 40)]
    assert await shop.in_books(member, lambda books: books.granted("a")) == 0
    assert await shop.is_sound()


async def test_what_is_left_of_an_origin_goes_before_what_has_expired_and_others_come_last(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await earns(shop, member, 5, "b", days=365)
    shop.clock.forward(31 * DAY)
    await shop.tick()
    await earns(shop, member, 20, "a", days=60)
    await earns(shop, member, 7, "a", days=60, after=14)
    await takes_back(shop, member, 7 + 20 + 10 + 2 + 0, "a")
    assert await legs(shop, "refund:1") == [
        ("pending", -7), ("issued", 7), ("available", -20), ("issued", 20), ("expired", -10), ("issued", 10),
        ("available", -2), ("issued", 2),
    ]  # fmt: skip
    assert await shop.points(member) == points(3, lifetime=42 - 39)
    assert await shop.is_sound()


async def test_what_expired_is_taken_back_once(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 40, "a", days=30)
    shop.clock.forward(31 * DAY)
    await shop.tick()
    await takes_back(shop, member, 25, "a", "refund:1")
    await takes_back(shop, member, 15, "a", "refund:2")
    assert await shop.points(member) == points(0, lifetime=0)
    await takes_back(shop, member, 5, "a", "refund:3")
    assert await shop.points(member) == points(0, debt=5)
    assert await shop.is_sound()


async def test_a_refund_of_an_order_whose_points_expired_makes_no_debt(shop: Shop) -> None:
    shop.programme = variant(shop.programme, expire_months=1)
    member = await shop.member()
    await shop.buys(member, "80.00", key="old")
    shop.clock.forward(40 * DAY)
    await shop.tick()
    await shop.buys(member, "30.00")
    await shop.refunds("old", "80.00")
    assert await shop.points(member) == points(30)
    assert await shop.is_sound()


async def test_of_points_that_are_held_the_value_is_taken_from_others_or_owed(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await holds(shop, member, 10)
    await earns(shop, member, 4, "b", days=30)
    await takes_back(shop, member, 10, "a")
    assert await shop.points(member) == points(0, held=10, debt=6)
    await releases(shop, member)
    assert await shop.points(member) == points(4)
    assert await shop.is_sound()


async def test_points_given_back_pay_a_debt_first_and_return_to_their_lots_for_the_rest(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await earns(shop, member, 20, "b", days=60)
    await holds(shop, member, 30)
    await takes_back(shop, member, 12, "a")
    assert await shop.points(member) == points(0, held=30, debt=12)
    await releases(shop, member)
    assert await shop.points(member) == points(18)
    assert await shop.lots(member) == [0, 18]  # what would have expired first has paid
    assert await shop.is_sound()


async def test_a_debt_larger_than_what_is_given_back_keeps_the_rest(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await earns(shop, member, 20, "b", days=60)
    await holds(shop, member, 12)
    await takes_back(shop, member, 10, "a")
    await takes_back(shop, member, 20, "b", "refund:2")
    assert await shop.points(member) == points(0, held=12, debt=12)
    await takes_back(shop, member, 3, "c", "refund:3")
    await releases(shop, member)
    assert await shop.points(member) == points(0, debt=3)
    assert await shop.lots(member) == [0, 0]
    assert await shop.is_sound()


async def test_points_that_are_redeemed_leave_a_debt_as_it_is(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await holds(shop, member, 10)
    await takes_back(shop, member, 10, "a")
    await shop.in_books(
        member, lambda books: books.settle(Cause("hold:1"), cause=Cause("redeem:1"), spent=True, memo={})
    )
    assert await shop.points(member) == points(0, debt=10, lifetime=0)
    assert await shop.is_sound()


async def test_an_adjustment_gives_at_once_and_pays_a_debt_first(shop: Shop) -> None:
    member = await shop.member()
    await adjusts(shop, member, -8, debt=True)
    assert await shop.points(member) == points(0, debt=8)
    await adjusts(shop, member, 20, cause="adjust:2")
    assert await shop.points(member) == points(12)
    assert await shop.is_sound()


async def test_an_adjustment_takes_what_expires_first(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "late", days=60)
    await earns(shop, member, 10, "soon", days=30)
    await adjusts(shop, member, -13)
    assert await shop.lots(member) == [7, 0]
    assert await shop.points(member) == points(7)
    assert await shop.is_sound()


async def test_an_adjustment_is_refused_where_points_are_missing_and_no_debt_is_allowed(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    with pytest.raises(Refused) as refused:
        await adjusts(shop, member, -13)
    assert (refused.value.reason, refused.value.facts) == ("points", {"missing": 3})
    assert await shop.points(member) == points(10)
    await adjusts(shop, member, -13, debt=True)
    assert await shop.points(member) == points(0, debt=3)
    assert await shop.is_sound()


async def test_an_adjustment_of_nothing_is_a_mistake(shop: Shop) -> None:
    member = await shop.member()
    with pytest.raises(Invalid, match="0 points"):
        await adjusts(shop, member, 0)
