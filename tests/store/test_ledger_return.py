"""Taking a redemption back, and letting points live longer."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from loyalty.books.overview import Expiring, expiring
from loyalty.books.points import Books
from loyalty.ids import Cause, MemberId
from loyalty.tables import Lot
from tests.store.helpers import Shop, points
from tests.store.test_ledger_merge import earns, gives, lots

DAY = timedelta(days=1)


async def redeems(shop: Shop, member: MemberId, amount: int, name: str = "1") -> None:
    def work(books: Books) -> None:
        books.hold(amount, cause=Cause(f"hold:{name}"), memo={})
        books.settle(Cause(f"hold:{name}"), cause=Cause(f"redeem:{name}"), spent=True, memo={})

    await shop.in_books(member, work)


async def returns(shop: Shop, member: MemberId, name: str = "1", *, until: datetime) -> None:
    await shop.in_books(
        member,
        lambda books: books.return_spent(
            Cause(f"redeem:{name}"), cause=Cause(f"return:{name}"), reopen_until=until, memo={}
        ),
    )


async def test_returned_points_go_to_the_lots_they_were_spent_from(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await earns(shop, member, 20, "b", days=60)
    before = await lots(shop, member)
    await redeems(shop, member, 15)
    await returns(shop, member, until=shop.now + 90 * DAY)
    assert await lots(shop, member) == before
    assert await shop.points(member) == points(30)
    assert await shop.is_sound()


async def test_returned_points_pay_a_debt_first(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await earns(shop, member, 20, "b", days=60)
    await redeems(shop, member, 30)
    await shop.in_books(
        member, lambda books: books.take_back(12, cause=Cause("refund:1"), kind="refund", origin="a", memo={})
    )
    await returns(shop, member, until=shop.now + 90 * DAY)
    assert await lots(shop, member) == [("b", 0, 18, 60)]
    assert await shop.points(member) == points(18)
    assert await shop.is_sound()


async def test_points_of_a_lot_whose_time_is_over_live_on_for_the_stated_grace(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await earns(shop, member, 20, "b", days=60)
    await redeems(shop, member, 15)
    shop.clock.forward(30 * DAY)
    await shop.tick()
    await returns(shop, member, until=shop.now + 7 * DAY)
    assert await lots(shop, member) == [("a", 0, 10, 7), ("b", 0, 20, 30)]
    assert len(await shop.lots(member)) == 3
    shop.clock.forward(7 * DAY)
    assert (await shop.tick()).expired == 1
    assert await shop.points(member) == points(20, lifetime=30)
    assert await shop.is_sound()


async def test_a_lot_that_is_used_up_by_a_debt_is_not_opened_again(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await redeems(shop, member, 10)
    shop.clock.forward(30 * DAY)
    await shop.in_books(
        member, lambda books: books.take_back(10, cause=Cause("refund:1"), kind="refund", origin="a", memo={})
    )
    await returns(shop, member, until=shop.now + 7 * DAY)
    assert await shop.lots(member) == [0]
    assert await shop.points(member) == points(0)
    assert await shop.is_sound()


async def test_points_spent_before_a_merge_return_to_whom_the_member_became(shop: Shop) -> None:
    member, kept = await shop.member(), await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await redeems(shop, member, 10)
    await gives(shop, member, kept)
    await returns(shop, kept, until=shop.now + 90 * DAY)
    assert await lots(shop, kept) == [("a", 0, 10, 30)]
    assert (await shop.points(member), await shop.points(kept)) == (points(0), points(10))
    assert await shop.is_sound()


async def test_what_was_never_redeemed_cannot_be_returned(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    await shop.in_books(member, lambda books: books.hold(10, cause=Cause("redeem:1"), memo={}))
    with pytest.raises(LookupError, match="no redemption redeem:1"):
        await returns(shop, member, until=shop.now + DAY)


async def extends(shop: Shop, member: MemberId, days: int) -> int:
    return await shop.in_books(member, lambda books: books.extend(shop.now + days * DAY))


async def test_points_live_on_as_long_as_it_is_said_and_never_shorter(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    await earns(shop, member, 10, "short", days=30)
    await earns(shop, member, 20, "long", days=90)
    await earns(shop, member, 40, "never", days=None)
    await earns(shop, member, 80, "pending", days=30, after=14)
    await earns(shop, member, 5, "spent", days=1)
    await redeems(shop, member, 5)
    await earns(shop, other, 7, "other", days=30)
    assert await extends(shop, member, 60) == 2
    assert await lots(shop, member) == [
        ("long", 0, 20, 90), ("never", 0, 40, None), ("pending", 80, 0, 60), ("short", 0, 10, 60),
    ]  # fmt: skip
    assert await lots(shop, other) == [("other", 0, 7, 30)]
    assert await extends(shop, member, 60) == 0
    assert await shop.is_sound()


async def test_what_is_over_stays_over_even_if_nobody_expired_it(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)
    shop.clock.forward(30 * DAY)
    assert await extends(shop, member, 60) == 0
    assert await shop.ask(lambda session: expiring(session, member, now=shop.now)) == []


async def test_objects_of_the_session_know_of_the_longer_life(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, "a", days=30)

    def work(books: Books) -> list[Expiring]:
        lot = books.session.scalars(select(Lot).where(Lot.member_id == member)).one()
        books.extend(shop.now + 60 * DAY)
        assert lot.expires_at is not None
        return [Expiring(lot.remaining, lot.expires_at)]

    assert await shop.in_books(member, work) == [Expiring(10, shop.now + 60 * DAY)]
