"""What falls due with time: it happens at its instant, once, however often and late `tick` runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from loyalty.due import BATCH, Done
from loyalty.ids import Cause, MemberId
from loyalty.ledger import CHAINS
from loyalty.points import Books
from loyalty.redemptions import HOLD
from loyalty.tables import Lot, Redemption, Transaction, Voucher
from tests.store.helpers import Shop, points, variant

NOTHING = Done(activated=0, expired=0, voided=0, vouchers_expired=0)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def patient(shop: Shop) -> Shop:
    """The café, with points that wait two weeks and live for a month."""
    rule = shop.programme.earning.purchase.model_copy(update={"pending_days": 14})
    shop.programme = variant(shop.programme, purchase=rule, expire_months=1)
    return shop


async def expiry(shop: Shop, member: MemberId) -> datetime:
    found = await shop.ask(lambda session: session.scalars(select(Lot.expires_at).where(Lot.member_id == member)).one())
    assert found is not None
    return found


async def test_nothing_is_due_in_an_empty_store(shop: Shop) -> None:
    assert await shop.tick() == NOTHING


async def test_pending_points_become_available_at_their_instant_and_once(patient: Shop) -> None:
    member = await patient.member()
    await patient.buys(member, "10.00")
    patient.clock.forward(timedelta(days=14) - INSTANT)
    assert await patient.tick() == NOTHING
    patient.clock.forward(INSTANT)
    assert await patient.tick() == Done(activated=1, expired=0, voided=0, vouchers_expired=0)
    assert await patient.points(member) == points(10)
    assert await patient.tick() == NOTHING
    assert await patient.points(member) == points(10)
    assert await patient.is_sound()


async def test_points_expire_at_the_end_of_their_day_in_the_programmes_zone_and_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00")
    assert await expiry(shop, member) == datetime(2027, 11, 21, 23, tzinfo=UTC)  # midnight in Rome
    shop.clock.instant = datetime(2027, 11, 21, 23, tzinfo=UTC) - INSTANT
    assert await shop.tick() == NOTHING
    shop.clock.forward(INSTANT)
    assert await shop.tick() == Done(activated=0, expired=1, voided=0, vouchers_expired=0)
    assert await shop.points(member) == points(0, lifetime=10)
    assert await shop.tick() == NOTHING
    assert await shop.is_sound()


async def test_a_job_that_comes_very_late_activates_and_expires(patient: Shop) -> None:
    member = await patient.member()
    await patient.buys(member, "10.00")
    patient.clock.forward(timedelta(days=400))
    assert await patient.tick() == Done(activated=1, expired=1, voided=0, vouchers_expired=0)
    assert await patient.points(member) == points(0, lifetime=10)
    assert await patient.is_sound()


async def test_points_without_expiry_stay(shop: Shop) -> None:
    shop.programme = variant(shop.programme, expire_months=None)
    member = await shop.member()
    await shop.buys(member, "10.00")
    shop.clock.forward(timedelta(days=40_000))
    assert await shop.tick() == NOTHING
    assert await shop.points(member) == points(10)


async def test_only_what_is_left_of_a_lot_expires(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "50.00")
    await shop.redeems(member, "espresso")
    shop.clock.instant = await expiry(shop, member)
    await shop.tick()
    assert await shop.points(member) == points(0, lifetime=50)
    expired = await shop.ask(
        lambda session: session.scalars(select(Transaction).where(Transaction.kind == "expiry")).one().origin
    )
    assert expired is not None
    assert expired.startswith("purchase:")


async def test_a_forgotten_hold_is_voided_when_its_time_is_over_and_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "20.00")
    redemption = await shop.holds(member, "espresso")
    shop.clock.forward(HOLD - INSTANT)
    assert await shop.tick() == NOTHING
    shop.clock.forward(INSTANT)
    assert await shop.tick() == Done(activated=0, expired=0, voided=1, vouchers_expired=0)
    assert await shop.tick() == NOTHING
    assert await shop.points(member) == points(20)
    row = await shop.ask(lambda session: session.get_one(Redemption, redemption))
    assert (row.state, row.settled_at) == ("voided", shop.now)
    assert await shop.is_sound()


async def test_a_confirmed_hold_is_not_voided(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "20.00")
    await shop.redeems(member, "espresso")
    shop.clock.forward(HOLD)
    assert await shop.tick() == NOTHING


async def test_points_on_hold_do_not_expire_but_what_a_forgotten_hold_gives_back_does_at_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "25.00")
    shop.clock.instant = await expiry(shop, member) - timedelta(minutes=5)
    await shop.holds(member, "espresso")
    shop.clock.forward(timedelta(minutes=5))
    assert await shop.tick() == Done(activated=0, expired=1, voided=0, vouchers_expired=0)
    assert await shop.points(member) == points(0, held=20, lifetime=25)
    shop.clock.forward(timedelta(minutes=10))
    assert await shop.tick() == Done(activated=0, expired=1, voided=1, vouchers_expired=0)
    assert await shop.points(member) == points(0, lifetime=25)
    assert await shop.tick() == NOTHING
    assert await shop.is_sound()


async def test_a_hold_that_is_released_in_the_instant_its_lot_expired_expires_too(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "45.00")
    shop.clock.instant = await expiry(shop, member) - timedelta(minutes=5)
    first, second = await shop.holds(member, "espresso"), await shop.holds(member, "espresso")
    shop.clock.forward(timedelta(minutes=5))
    for redemption in (first, second):
        assert (await shop.tick()).expired == 1
        assert await shop.voids(redemption)
        assert (await shop.points(member)).available == 20
    assert (await shop.tick()).expired == 1
    assert await shop.points(member) == points(0, lifetime=45)
    assert await shop.is_sound()


async def test_points_that_expired_on_hold_can_still_be_redeemed(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "20.00")
    shop.clock.instant = await expiry(shop, member) - timedelta(minutes=5)
    redemption = await shop.holds(member, "espresso")
    shop.clock.forward(timedelta(minutes=6))
    await shop.tick()
    assert (await shop.confirms(redemption)).points == 20
    assert await shop.points(member) == points(0, lifetime=20)
    assert await shop.is_sound()


async def test_vouchers_expire_at_their_instant_and_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "50.00")
    await shop.redeems(member, "espresso")
    await shop.redeems(member, "croissant")
    shop.clock.instant = datetime(2026, 12, 21, 23, tzinfo=UTC) - INSTANT  # before midnight in Rome
    assert await shop.tick() == NOTHING
    shop.clock.forward(INSTANT)
    assert await shop.tick() == Done(activated=0, expired=0, voided=0, vouchers_expired=2)
    assert await shop.tick() == NOTHING
    assert await shop.ask(lambda session: set(session.scalars(select(Voucher.status)))) == {"expired"}


async def test_more_than_a_batch_is_done_to_the_end(shop: Shop) -> None:
    member = await shop.member()
    lots = BATCH + 20

    def earn(books: Books) -> None:
        for number in range(lots):
            books.earn(
                1, cause=Cause(f"gift:{number}"), kind="adjustment", origin="gift", occurred_at=shop.now,
                activates_at=shop.now + timedelta(days=1), expires_at=None, memo={},
            )  # fmt: skip

    await shop.in_books(member, earn)
    shop.clock.forward(timedelta(days=1))
    assert (await shop.tick()).activated == lots
    assert await shop.points(member) == points(lots)


async def test_due_work_of_two_processes_at_once_is_done_once(patient: Shop) -> None:
    members = [await patient.member() for _ in range(12)]
    for member in members:
        await patient.buys(member, "30.00")
    patient.clock.forward(timedelta(days=14))
    done = await asyncio.gather(*(patient.tick() for _ in range(4)))
    assert sum(one.activated for one in done) == 12
    assert [await patient.points(member) for member in members] == [points(30)] * 12
    patient.clock.forward(timedelta(days=60))
    done = await asyncio.gather(*(patient.tick() for _ in range(4)))
    assert sum(one.expired for one in done) == 12
    assert await patient.is_sound()


async def test_due_work_beside_purchases_of_the_same_members_disturbs_neither(patient: Shop) -> None:
    members = [await patient.member() for _ in range(2 * CHAINS)]
    await asyncio.gather(*(patient.buys(member, "30.00") for member in members))
    patient.clock.forward(timedelta(days=14))
    await asyncio.gather(patient.tick(), *(patient.buys(member, "5.00") for member in members))
    assert [await patient.points(member) for member in members] == [points(30, pending=5)] * len(members)
    assert await patient.is_sound()


async def test_due_work_is_done_for_one_programme_at_a_time(shop: Shop) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    here, there = await shop.member(), await gym.member()
    await shop.buys(here, "20.00")
    await gym.buys(there, "25.00")
    for business, member in ((shop, here), (gym, there)):
        await business.holds(member, "espresso")
    shop.clock.forward(HOLD)
    assert (await shop.tick()).voided == 1
    assert await gym.points(there) == points(5, held=20)
    shop.clock.forward(timedelta(days=400))
    assert await shop.tick() == Done(activated=0, expired=1, voided=0, vouchers_expired=0)
    assert await gym.points(there) == points(5, held=20)
    assert await gym.tick() == Done(activated=0, expired=1, voided=1, vouchers_expired=0)
    assert await shop.is_sound()
