"""What falls due with time: it happens at its instant, once, however often and late `tick` runs."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.ledger import CHAINS
from loyalty.books.points import Books
from loyalty.due import BATCH, Done
from loyalty.ids import Cause, MemberId
from loyalty.orders import birthdays
from loyalty.programme import LANGUAGES
from loyalty.revisions import ensure_programme
from loyalty.rewards.redemptions import HOLD
from loyalty.rules.earning import ActivityRule
from loyalty.tables import Activity, Lot, Member, Redemption, Transaction, Voucher
from tests.store.goals import a_goal, aims, level, levels, nothing_differs
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


def test_what_was_done_is_said_in_words() -> None:
    assert str(NOTHING) == "nothing was due"
    done = Done(activated=2, expired=0, voided=0, vouchers_expired=0, birthdays=1)
    assert str(done) == "2 lots activated, 1 birthdays"


# Birthdays


async def celebrates(shop: Shop, gift: int | None = 20) -> None:
    """From now on a birthday is worth so many points, or nothing."""
    activities = dict(shop.programme.earning.activities)
    activities.pop(birthdays.ACTIVITY, None)
    if gift is not None:
        activities[birthdays.ACTIVITY] = ActivityRule(points=gift, name=dict.fromkeys(LANGUAGES, "Birthday"))
    shop.programme = variant(shop.programme, activities=activities)
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))


async def born(shop: Shop, *when: int, joined: bool = True) -> MemberId:
    """A member with this birthday."""
    member = await shop.member(joined=joined)

    def note(session: Session) -> None:
        session.get_one(Member, member).birthday = date(*when)

    await shop.do(note)
    return member


async def celebrated(shop: Shop, member: MemberId) -> list[datetime]:
    query = select(Activity.occurred_at).where(Activity.member_id == member).order_by(Activity.occurred_at)
    return list(await shop.ask(lambda session: session.scalars(query).all()))


async def test_a_birthday_is_celebrated_once_a_year_from_midnight_in_the_programmes_zone(shop: Shop) -> None:
    await celebrates(shop)
    member, other = await born(shop, 1990, 11, 23), await born(shop, 1990, 11, 24)
    midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
    shop.clock.instant = midnight - INSTANT
    assert (await shop.tick()).birthdays == 0
    shop.clock.instant = midnight
    assert (await shop.tick()).birthdays == 1
    assert (await shop.tick()).birthdays == 0
    assert await shop.points(member) == points(20)
    assert await shop.points(other) == points(0)
    assert await celebrated(shop, member) == [midnight]
    shop.clock.instant = datetime(2027, 11, 23, 8, tzinfo=UTC)
    await shop.tick()
    assert await celebrated(shop, member) == [midnight, datetime(2027, 11, 22, 23, tzinfo=UTC)]
    assert await shop.is_sound()


async def test_who_was_born_on_the_29th_of_february_has_her_birthday_on_the_28th_in_other_years(shop: Shop) -> None:
    await celebrates(shop)
    member, other = await born(shop, 1992, 2, 29), await born(shop, 1990, 2, 28)
    days = []
    for year in (2027, 2028):
        shop.clock.instant = datetime(year, 2, 20, 12, tzinfo=UTC)
        for _ in range(15):
            if done := (await shop.tick()).birthdays:
                days.append((f"{shop.now:%F}", done))
            shop.clock.forward(timedelta(days=1))
    assert days == [("2027-02-28", 2), ("2028-02-28", 1), ("2028-02-29", 1)]
    assert len(await celebrated(shop, member)) == len(await celebrated(shop, other)) == 2


async def test_birthdays_of_days_on_which_nothing_ran_are_made_up_for(shop: Shop) -> None:
    await celebrates(shop)
    await shop.tick()
    members = [await born(shop, 1980, 12, day) for day in (1, 2, 3, 10)]
    before = await born(shop, 1980, 11, 20)
    shop.clock.instant = datetime(2026, 12, 5, 12, tzinfo=UTC)
    assert (await shop.tick()).birthdays == 3
    assert [(await shop.points(member)).available for member in members] == [20, 20, 20, 0]
    assert await shop.points(before) == points(0)
    assert await celebrated(shop, members[1]) == [datetime(2026, 12, 1, 23, tzinfo=UTC)]


async def test_a_programme_that_begins_to_celebrate_makes_up_for_no_day_before(shop: Shop) -> None:
    await celebrates(shop)
    member = await born(shop, 1980, 12, 1)
    await shop.tick()
    await celebrates(shop, None)
    shop.clock.instant = datetime(2026, 12, 3, 12, tzinfo=UTC)
    await shop.tick()
    await celebrates(shop)
    shop.clock.forward(timedelta(days=1))
    assert (await shop.tick()).birthdays == 0
    assert await celebrated(shop, member) == []


async def test_a_birthday_that_the_till_told_of_is_not_celebrated_again(shop: Shop) -> None:
    await celebrates(shop)
    member = await born(shop, 1980, 11, 21)
    await shop.does(member, birthdays.ACTIVITY)
    assert (await shop.tick()).birthdays == 0
    assert await shop.points(member) == points(20)


async def test_only_members_have_birthdays(shop: Shop) -> None:
    await celebrates(shop)
    stranger = await born(shop, 1980, 11, 21, joined=False)
    gone = await born(shop, 1980, 11, 21)

    def erase(session: Session) -> None:
        session.get_one(Member, gone).erased_at = shop.now

    await shop.do(erase)
    assert (await shop.tick()).birthdays == 0
    assert await celebrated(shop, stranger) == await celebrated(shop, gone) == []


async def test_many_birthdays_on_a_day_are_celebrated_once_by_two_processes(shop: Shop) -> None:
    await celebrates(shop)
    members = [await born(shop, 1980, 11, 21) for _ in range(birthdays.BATCH // 20)]
    done = await asyncio.gather(*(shop.tick() for _ in range(3)))
    assert sum(one.birthdays for one in done) == len(members)
    assert [(await shop.points(member)).available for member in members] == [20] * len(members)
    assert await shop.is_sound()


# Levels


async def test_levels_that_time_changed_are_worked_out_once_by_two_processes(shop: Shop) -> None:
    await aims(shop, tiers=levels("spend", starts={"base": 0, "gold": 10}, months=1))
    members = [await shop.member() for _ in range(6)]
    for member in members:
        await shop.buys(member, "10.00")
    shop.clock.instant = datetime(2026, 12, 21, 10, tzinfo=UTC) - INSTANT
    assert (await shop.tick()).progressed == 0
    assert [await level(shop, member) for member in members] == [("gold", 10)] * 6
    shop.clock.forward(INSTANT)
    done = await asyncio.gather(*(shop.tick() for _ in range(3)))
    assert sum(one.progressed for one in done) == 6
    assert [await level(shop, member) for member in members] == [("base", 0)] * 6
    assert (await shop.tick()).progressed == 0
    assert await nothing_differs(shop)


async def test_what_came_with_time_is_given_also_if_an_order_came_before_the_tick(shop: Shop) -> None:
    await aims(shop, badges=[a_goal("first", target=1, gift={"points": 5})])
    member = await shop.member()
    await shop.buys(member, "1.00", at=shop.now + timedelta(hours=5))
    shop.clock.forward(timedelta(hours=6))
    await shop.buys(member, "1.00")
    assert await shop.points(member) == points(7)
    assert (await shop.tick()).progressed == 0
    assert await nothing_differs(shop)
