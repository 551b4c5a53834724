"""Lots: which points are spent, which cannot be, where returned and taken-back points go."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from loyalty.books.overview import Expiring, expiring, movements
from loyalty.books.points import Books
from loyalty.errors import Refused
from loyalty.ids import Cause, MemberId
from loyalty.tables import Lot
from tests.store.helpers import Shop, points, variant

DAY = timedelta(days=1)


async def earns(shop: Shop, member: MemberId, amount: int, *, days: int | None, after: int = 0) -> None:
    """Points that are pending for `after` days and expire in `days` from now (None: never)."""
    key = Cause(f"gift:{amount}:{days}:{after}")

    def work(books: Books) -> None:
        books.earn(
            amount, cause=key, kind="adjustment", origin=key, occurred_at=shop.now,
            activates_at=shop.now + after * DAY, expires_at=None if days is None else shop.now + days * DAY, memo={},
        )  # fmt: skip

    await shop.in_books(member, work)


async def holds(shop: Shop, member: MemberId, amount: int, cause: str) -> None:
    await shop.in_books(member, lambda books: books.hold(amount, cause=Cause(cause), memo={}))


async def settles(shop: Shop, member: MemberId, cause: str, *, spent: bool) -> None:
    await shop.in_books(
        member, lambda books: books.settle(Cause(cause), cause=Cause(f"end-{cause}"), spent=spent, memo={})
    )


async def test_points_that_expire_first_are_spent_first_and_those_that_never_do_last(shop: Shop) -> None:
    member = await shop.member()
    for amount, days in ((10, None), (20, 90), (30, 30)):
        await earns(shop, member, amount, days=days)
    spent = []
    for number, amount in enumerate((25, 10, 20)):
        await holds(shop, member, amount, f"hold:{number}")
        spent.append(await shop.lots(member))
    assert spent == [[10, 20, 5], [10, 15, 0], [5, 0, 0]]
    assert await shop.points(member) == points(5, held=55)
    assert await shop.is_sound()


async def test_of_points_that_expire_together_the_oldest_are_spent_first(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00")
    await shop.buys(member, "10.00")
    await holds(shop, member, 12, "hold:1")
    assert await shop.lots(member) == [0, 8]


async def test_points_can_be_spent_up_to_the_instant_they_expire_even_if_nobody_expired_them(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 20, days=30)
    await earns(shop, member, 5, days=None)
    shop.clock.forward(30 * DAY - timedelta(microseconds=1))
    await holds(shop, member, 10, "hold:before")
    shop.clock.forward(timedelta(microseconds=1))
    with pytest.raises(Refused) as refused:
        await holds(shop, member, 10, "hold:after")
    assert (refused.value.reason, refused.value.facts) == ("points", {"missing": 5})
    await holds(shop, member, 5, "hold:never")
    assert await shop.lots(member) == [10, 0]
    assert await shop.is_sound()


async def test_points_that_are_pending_cannot_be_spent(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 20, days=30, after=14)
    assert await shop.points(member) == points(0, pending=20)
    with pytest.raises(Refused) as refused:
        await holds(shop, member, 1, "hold:1")
    assert refused.value.facts == {"missing": 1}


async def test_points_that_are_held_cannot_be_held_again(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 20, days=30)
    await holds(shop, member, 15, "hold:1")
    with pytest.raises(Refused) as refused:
        await holds(shop, member, 6, "hold:2")
    assert refused.value.facts == {"missing": 1}
    assert await shop.points(member) == points(5, held=15)


async def test_released_points_return_to_the_lots_they_came_from(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, days=30)
    await earns(shop, member, 20, days=60)
    before = await shop.ask(lambda session: expiring(session, member, now=shop.now))
    await holds(shop, member, 25, "hold:1")
    assert await shop.lots(member) == [0, 5]
    await settles(shop, member, "hold:1", spent=False)
    assert await shop.lots(member) == [10, 20]
    assert await shop.ask(lambda session: expiring(session, member, now=shop.now)) == before
    assert before == [Expiring(10, shop.now + 30 * DAY), Expiring(20, shop.now + 60 * DAY)]
    assert await shop.points(member) == points(30)
    assert await shop.is_sound()


async def test_redeemed_points_are_gone_from_the_lots_they_were_held_from(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 10, days=30)
    await earns(shop, member, 20, days=60)
    await holds(shop, member, 25, "hold:1")
    await settles(shop, member, "hold:1", spent=True)
    assert await shop.lots(member) == [0, 5]
    assert await shop.points(member) == points(5, lifetime=30)
    assert await shop.is_sound()


async def test_a_hold_that_was_never_made_cannot_be_ended(shop: Shop) -> None:
    member = await shop.member()
    with pytest.raises(LookupError, match="no hold hold:1"):
        await settles(shop, member, "hold:1", spent=True)


async def test_a_debt_is_paid_off_by_what_is_earned_next(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "20.00", key="a")
    await shop.redeems(member, "espresso")
    await shop.refunds("a", "20.00")
    assert await shop.points(member) == points(0, debt=20, lifetime=0)
    await shop.buys(member, "15.00")
    assert await shop.points(member) == points(0, debt=5, lifetime=15)
    await shop.buys(member, "15.00")
    assert await shop.points(member) == points(10, lifetime=30)
    assert await shop.lots(member) == [0, 0, 10]
    assert await shop.is_sound()


async def test_pending_points_pay_a_debt_off_when_they_become_available(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "20.00", key="a")
    await shop.redeems(member, "espresso")
    await shop.refunds("a", "20.00")
    await earns(shop, member, 50, days=100, after=14)
    assert await shop.points(member) == points(0, pending=50, debt=20, lifetime=50)
    shop.clock.forward(14 * DAY)
    await shop.tick()
    assert await shop.points(member) == points(30, lifetime=50)
    assert await shop.is_sound()


async def test_points_are_taken_back_from_their_own_lot_first_then_from_others_then_owed(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 7, days=1)
    await shop.buys(member, "10.00", key="a")
    await holds(shop, member, 12, "hold:1")  # all of the 7 and 5 of the order's 10
    await earns(shop, member, 3, days=None)
    await shop.refunds("a", "6.00")
    assert await shop.lots(member) == [0, 0, 2]
    await shop.refunds("a", "4.00")
    assert await shop.lots(member) == [0, 0, 0]
    assert await shop.points(member) == points(0, held=12, debt=2, lifetime=10)
    assert await shop.is_sound()


async def test_pending_points_are_taken_back_before_anything_else(shop: Shop) -> None:
    shop.programme = variant(
        shop.programme, purchase=shop.programme.earning.purchase.model_copy(update={"pending_days": 14})
    )
    member = await shop.member()
    await earns(shop, member, 5, days=None)
    await shop.buys(member, "10.00", key="a")
    await shop.refunds("a", "4.00")
    assert await shop.points(member) == points(5, pending=6)
    await shop.refunds("a", "6.00")
    shop.clock.forward(14 * DAY)
    assert (await shop.tick()).activated == 0
    assert await shop.points(member) == points(5)
    assert await shop.is_sound()


async def test_a_spend_names_the_purchase_it_came_from(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "20.00", key="a")
    await shop.redeems(member, "espresso")
    (origin,) = await shop.ask(lambda session: session.scalars(select(Lot.origin)).all())
    assert origin == "purchase:a"


async def test_a_members_movements_are_told_newest_first_and_page_by_page(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    await shop.buys(member, "40.00", key="a")
    await shop.buys(other, "40.00", key="b")
    await shop.redeems(member, "espresso")
    told = await shop.ask(lambda session: movements(session, member, limit=10))
    assert [(one.kind, one.changes, one.points) for one in told] == [
        ("redemption", {"held": -20}, -20),
        ("hold", {"available": -20, "held": 20}, 0),
        ("purchase", {"available": 40}, 40),
    ]
    assert (told[2].cause, told[2].memo) == ("purchase:a", {"amount": "40.00", "currency": "EUR"})
    first = await shop.ask(lambda session: movements(session, member, limit=2))
    second = await shop.ask(lambda session: movements(session, member, limit=2, before=first[-1].id))
    assert first + second == told
    assert await shop.ask(lambda session: movements(session, member, limit=2, before=told[-1].id)) == []


async def test_what_expires_is_told_by_day_without_what_is_over_or_never_expires(shop: Shop) -> None:
    member = await shop.member()
    await earns(shop, member, 1, days=1)
    await earns(shop, member, 2, days=None)
    await shop.buys(member, "3.00")
    await shop.buys(member, "4.00")
    shop.clock.forward(DAY)
    told = await shop.ask(lambda session: expiring(session, member, now=shop.now))
    assert [(one.points, one.at.astimezone(shop.programme.zone).isoformat()) for one in told] == [
        (7, "2027-11-22T00:00:00+01:00")
    ]
