"""Rules that change: what was recorded is judged by the rules of its time, what comes by the present ones."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from loyalty.orders.purchases import OrderChange, Outcome
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme, rules_of
from loyalty.rules.earning import Bonus, Caps, Condition, PurchaseRule
from loyalty.rules.tiers import Tiers
from loyalty.tables import Activity, Amendment, Lot, Purchase, Revision
from tests.made_up import NAMES, only_earning, programmes
from tests.store.helpers import Shop, euros, points, variant

WELCOME = Bonus(id="welcome", name=NAMES, when=Condition(order=1), points=100)


async def changes_rules(shop: Shop, **earning: object) -> Programme:
    """Put other rules into force. Returns those that were."""
    before = shop.programme
    shop.programme = variant(only_earning(shop.programme), **earning)
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))
    shop.clock.forward(timedelta(hours=1))
    return before


async def is_older_than_revisions(shop: Shop) -> None:
    """As if all that was reported so far came from a time when rules were not written down."""

    def work(session: Session) -> None:
        for table in (Purchase, Activity):
            session.execute(update(table).values(revision=None))

    await shop.do(work)


async def test_rules_are_written_down_once(shop: Shop) -> None:
    new = await asyncio.gather(
        *(shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now)) for _ in range(10))
    )
    assert sorted(new) == [False] * 9 + [True]
    assert await shop.ask(lambda session: session.scalar(select(func.count()).select_from(Revision))) == 1


@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
async def test_rules_are_read_as_they_were_written(shop: Shop, cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(programmes(cafe))
    await shop.do(lambda session: ensure_programme(session, programme, now=shop.now))
    read = await shop.ask(lambda session: rules_of(session, shop.programme, programme.revision))
    assert (read, read.revision, read.zone) == (programme, programme.revision, programme.zone)


async def test_rules_that_were_never_written_down_are_no_rules(shop: Shop) -> None:
    await shop.member()
    other = shop.programme.model_copy(update={"id": "another"})
    for programme, revision in ((shop.programme, "0" * 32), (other, shop.programme.revision)):
        with pytest.raises(LookupError, match=f"programme {programme.id} has no revision {revision}"):
            await shop.ask(partial(rules_of, programme=programme, revision=revision))


async def test_an_order_of_rules_that_are_lost_cannot_be_changed_and_nothing_is_half_done(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    await shop.do(lambda session: session.execute(update(Purchase).values(revision="0" * 32)))
    with pytest.raises(LookupError, match="has no revision 00000"):
        await shop.refunds("a", "5.00")
    assert await shop.points(member) == points(10)
    assert await shop.ask(lambda session: session.scalar(select(func.count()).select_from(Amendment))) == 0


async def test_a_refund_is_judged_by_the_rules_of_the_order(shop: Shop) -> None:
    rule = PurchaseRule(points=3, per=Decimal(2), rounding="up", minimum=Decimal(5))
    await changes_rules(shop, purchase=rule)
    member = await shop.member()
    await shop.buys(member, "20.00", key="old")
    await changes_rules(shop, purchase=PurchaseRule(points=100))
    await shop.buys(member, "1.00", key="new")
    assert await shop.points(member) == points(30 + 100)
    assert (await shop.refunds("old", "9.90")).points == 16 - 30
    assert (await shop.refunds("old", "5.20")).points == -16  # below the minimum of that time
    assert (await shop.refunds("new", "0.50")).points == -50
    assert await shop.points(member) == points(50)


async def test_an_edit_gives_points_that_wait_and_live_as_the_order_said(shop: Shop) -> None:
    await changes_rules(shop, purchase=PurchaseRule(pending_days=14), expire_months=1)
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    placed = shop.now
    await changes_rules(shop, purchase=PurchaseRule(), expire_months=None)
    await shop.changes(OrderChange("edit", "e", "a", euros("15.00"), shop.now))
    assert await shop.points(member) == points(pending=15)
    lots = await shop.ask(lambda session: session.execute(select(Lot.activates_at, Lot.expires_at)).all())
    zone = shop.programme.zone
    for activates_at, expires_at in lots:
        assert activates_at == placed + timedelta(days=14)
        assert expires_at is not None
        assert expires_at.astimezone(zone).isoformat() == "2027-01-06T00:00:00+01:00"
    assert len(lots) == 2


async def test_rules_that_look_back_go_on_judging_their_orders_under_plain_ones(shop: Shop) -> None:
    """A late order of now makes an order of then the second; and when it is refunded, the first again."""
    await changes_rules(shop, bonuses=(WELCOME,))
    member = await shop.member()
    assert (await shop.buys(member, "10.00", key="then")).points == 110
    await changes_rules(shop, bonuses=())
    assert (await shop.buys(member, "10.00", key="late", at=shop.now - timedelta(days=1))).points == 10
    assert await shop.points(member) == points(20)
    await shop.refunds("late", "10.00")
    assert await shop.points(member) == points(110)


async def test_an_order_of_new_rules_counts_the_orders_of_old_ones(shop: Shop) -> None:
    await changes_rules(shop, bonuses=())
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    await changes_rules(shop, bonuses=(WELCOME,))
    assert (await shop.buys(member, "10.00", key="b")).points == 10
    assert (await shop.refunds("a", "10.00")).points == -10
    assert await shop.points(member) == points(110)


async def test_each_window_is_that_of_the_orders_own_rules(shop: Shop) -> None:
    """Levels for ever, then levels of a month: an old order is judged by all there was before it."""
    gold = {"id": "gold", "name": NAMES, "from": 50, "factor": 2}
    shop.programme = only_earning(shop.programme).model_copy(
        update={"tiers": Tiers.model_validate({"measure": "spend", "levels": [gold]})}
    )
    member = await shop.member()
    await shop.buys(member, "60.00", at=shop.now - timedelta(days=400))
    assert (await shop.buys(member, "10.00", key="a", at=shop.now - timedelta(days=2))).points == 20
    shop.programme = shop.programme.model_copy(
        update={"tiers": Tiers.model_validate({"measure": "spend", "months": 1, "levels": [gold]})}
    )
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))
    assert (await shop.buys(member, "10.00", key="b", at=shop.now - timedelta(days=3))).points == 10
    assert (await shop.refunds("a", "5.00")).points == -10
    assert await shop.points(member) == points(60 + 10 + 10)


async def test_the_longest_window_of_all_rules_in_play_is_read(shop: Shop) -> None:
    """An order that is told late, among orders of other rules, each of which looks back as far as its own say."""
    gold = {"id": "gold", "name": NAMES, "from": 50, "factor": 2}
    bare = only_earning(shop.programme)
    windows: list[dict[str, object]] = [{"months": 1}, {}, {"months": 3}, {"calendar": "year"}]
    member = await shop.member()
    await shop.buys(member, "60.00", at=shop.now - timedelta(days=20))
    earned = 60
    for number, window in enumerate(windows):
        tiers = Tiers.model_validate({"measure": "spend", "levels": [gold], **window})
        shop.programme = bare.model_copy(update={"tiers": tiers})
        await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))
        assert (await shop.buys(member, "10.00", at=shop.now - timedelta(days=number + 1))).points == 20
        earned += 20
    assert (await shop.buys(member, "10.00", at=shop.now - timedelta(days=10))).points == 20
    assert await shop.points(member) == points(earned + 20)


async def test_what_is_older_than_revisions_is_judged_by_the_first_rules_and_by_itself(shop: Shop) -> None:
    """Rules that look back came later: they give nothing for the past, and take nothing of it."""
    await changes_rules(shop, purchase=PurchaseRule(points=2))
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    await shop.does(member, "review", key="r")
    await is_older_than_revisions(shop)
    await changes_rules(shop, purchase=PurchaseRule(points=7), bonuses=(WELCOME,), caps=Caps(day=3), activities={})
    assert (await shop.buys(member, "1.00", key="b", at=shop.now - timedelta(days=1))).points == 3
    assert await shop.points(member) == points(20 + 15 + 3)
    assert (await shop.refunds("a", "4.00")).points == -8
    assert await shop.points(member) == points(12 + 15 + 3)
    assert await shop.does(member, "review", key="r") == Outcome(member, 15, repeated=True)


async def test_a_store_without_any_rules_written_down_has_the_present_ones(shop: Shop) -> None:
    assert await shop.ask(lambda session: rules_of(session, shop.programme, None)) == shop.programme
