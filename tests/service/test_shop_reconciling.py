"""Orders that no webhook told of are found by asking: each once, whatever comes late, twice, or goes wrong between."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from loyalty.clock import FixedClock
from loyalty.tables import Purchase
from service.context import Context
from service.shops.apis.errors import Down, ShopApiError
from service.shops.apis.reconcile import EVERY, GRACE, OVERLAP, SILENT, UNHEARD, Polled, Reconciler
from service.shops.apis.subscriptions import LOST, Subscriptions
from service.shops.apis.watching import DOWN_FOR_LONG, REFUSED
from service.shops.worker import work_off
from simulator.shops import StandInWooCommerce, Trouble
from simulator.shops.base import Webhook
from tests.service.shop_asking import PUBLIC, SOURCES, Asked, alarms, asked, watch
from tests.service.shops import Desk, ShopDesk, connected

MINUTE = timedelta(minutes=1)


@dataclass
class Watched:
    """A shop, who asks it, and the desk where its webhooks come in."""

    shop: Asked
    desk: ShopDesk
    clock: FixedClock
    reconciler: Reconciler

    def state(self, id_: int, amount: str = "42.50", *, ago: timedelta = 10 * MINUTE, **more: Any) -> dict[str, Any]:
        return self.shop.state(id_, self.clock.now() - ago, amount, **more)

    async def asks(self) -> Polled:
        """Ask now, whether it is time or not, and work off what was found."""
        found = await self.reconciler.run(self.clock.now())
        await work_off(self.desk.context, self.clock.now())
        return found

    async def points(self) -> int:
        return await self.desk.delivers()


@pytest.fixture(params=SOURCES)
async def watched(request: pytest.FixtureRequest, context: Context, clock: FixedClock) -> AsyncIterator[Watched]:
    async with asked(str(request.param), page=3) as shop, Desk(connected(context)) as desk:
        yield Watched(shop, desk, clock, Reconciler(context.store, shop.api))


async def test_an_order_that_no_webhook_told_of_is_found_and_earns_once(watched: Watched) -> None:
    watched.shop.has(*(watched.state(id_) for id_ in range(1, 8)))
    found = await watched.asks()
    assert (found.new, found.missed) == (7, 0)  # the first time nothing counts as lost
    assert await watched.points() == 7 * 42
    assert (await watched.asks()).new == 0
    assert await watched.points() == 7 * 42


async def test_an_order_in_the_bin_earns_nothing_though_no_webhook_told(context: Context, clock: FixedClock) -> None:
    async with asked("woocommerce", page=3) as shop, Desk(connected(context)) as desk:
        watched = Watched(shop, desk, clock, Reconciler(context.store, shop.api))
        shop.has(*(watched.state(id_) for id_ in range(1, 8)))
        await watched.asks()
        clock.forward(EVERY)
        early, late = 14 * MINUTE, 3 * MINUTE
        shop.has(*(watched.state(id_, ago=early, status="trash") for id_ in range(1, 6)), watched.state(8, ago=late))
        shop.stand_in.trouble(None, Trouble.ERROR)
        with suppress(ShopApiError):
            await watched.asks()
        await watched.asks()
        assert await watched.points() == 3 * 42


async def test_a_webhook_that_comes_late_changes_nothing(watched: Watched) -> None:
    state = watched.state(1)
    watched.shop.has(state)
    await watched.asks()
    assert await watched.desk.delivers(watched.shop.webhook(state)) == 42


async def test_what_changed_a_moment_ago_is_left_to_its_webhook(watched: Watched) -> None:
    watched.shop.has(watched.state(1, ago=MINUTE))
    assert (await watched.asks()).orders == 0
    watched.clock.forward(GRACE)
    assert (await watched.asks()).new == 1


async def test_only_what_no_webhook_told_counts_as_lost_and_closes_nothing(watched: Watched) -> None:
    await watched.asks()
    watched.clock.forward(EVERY)
    told, lost = watched.state(1), watched.state(2)
    watched.shop.has(told, lost)
    # The webhook came when it should have, ten minutes ago.
    watched.clock.forward(-10 * MINUTE)
    await watched.desk.delivers(watched.shop.webhook(told))
    watched.clock.forward(10 * MINUTE)
    assert (await watched.asks()).missed == 1
    assert (await watch(watched.desk.context.store)).found == 1
    assert await watched.points() == 84


@pytest.mark.parametrize("seed", range(4))
async def test_any_interleaving_of_webhooks_and_asking_ends_at_the_newest_states(watched: Watched, seed: int) -> None:
    dice, late, worth = random.Random(seed), list[dict[str, Any]](), dict[int, str]()
    for _ in range(40):
        watched.clock.forward(timedelta(seconds=dice.randrange(1, 240)))
        match dice.choice(["change", "change", "late", "ask", "again"]):
            case "change":
                id_, amount = dice.randrange(1, 7), f"{dice.randrange(1, 90)}.00"
                paid = dice.random() < 0.8
                state = watched.state(id_, amount, ago=timedelta(0), paid=paid)
                watched.shop.has(state)
                worth[id_] = amount if paid else "0.00"
                fate = dice.choice(["told", "late", "lost"])
                if fate == "told":
                    await watched.desk.delivers(watched.shop.webhook(state))
                elif fate == "late":
                    late.append(state)
            case "late" if late:
                await watched.desk.delivers(watched.shop.webhook(late.pop(dice.randrange(len(late)))))
            case "ask":
                if dice.random() < 0.4:
                    watched.shop.stand_in.trouble(None, dice.choice([Trouble.CUT, Trouble.ERROR, Trouble.HTML]))
                with suppress(ShopApiError):
                    await watched.asks()
            case "again" if late:  # twice, and at once
                await watched.desk.delivers(*[watched.shop.webhook(late[-1])] * 2)
    watched.clock.forward(GRACE + MINUTE)
    watched.shop.stand_in.recover()
    await watched.asks()
    for state in late:
        await watched.desk.delivers(watched.shop.webhook(state))
    assert await watched.points() == sum(int(float(amount)) for amount in worth.values())
    assert await watched.desk.is_sound()


async def test_cut_off_between_pages_the_next_run_goes_on_from_there(watched: Watched) -> None:
    watched.shop.has(*(watched.state(id_, ago=timedelta(hours=20 - id_)) for id_ in range(1, 12)))
    well = 3 if watched.shop.api.source == "woocommerce" else 2  # its bin is looked through first
    watched.shop.stand_in.trouble(*[None] * well, Trouble.ERROR)
    with pytest.raises(Down):
        await watched.asks()
    reached = (await watch(watched.desk.context.store)).watermark
    assert reached is not None
    assert watched.clock.now() - timedelta(hours=17) <= reached < watched.clock.now() - timedelta(hours=9)
    before = len(await watched.desk.rows())
    assert before >= 5
    found = await watched.asks()
    assert found.new == 11 - before
    assert found.orders < 11  # it did not begin anew
    assert await watched.points() == 11 * 42


@pytest.mark.parametrize("trouble", [Trouble.HTML, Trouble.STRANGE, Trouble.EMPTY, Trouble.NOT_JSON, Trouble.ERROR])
async def test_nonsense_moves_nothing_on(watched: Watched, trouble: Trouble) -> None:
    await watched.asks()
    store = watched.desk.context.store
    before = (await watch(store)).watermark
    watched.clock.forward(EVERY)
    watched.shop.has(watched.state(1))
    watched.shop.stand_in.trouble(trouble)
    said = await watched.reconciler.work(watched.clock.now())
    assert said.startswith("left alone: ")
    assert (await watch(store)).watermark == before
    assert await watched.reconciler.work(watched.clock.now()) == ""  # it is left alone
    watched.clock.forward(MINUTE)
    assert "1 new" in await watched.reconciler.work(watched.clock.now())
    assert (await watch(store)).failures == 0


async def test_a_shop_that_does_not_let_us_in_is_left_alone_and_a_person_hears_of_it(watched: Watched) -> None:
    watched.shop.stand_in.always(Trouble.LOCKED_OUT)
    store = watched.desk.context.store
    assert "left alone" in await watched.reconciler.work(watched.clock.now())
    assert await alarms(store) == [REFUSED]
    calls = len(watched.shop.stand_in.calls)
    await watched.reconciler.work(watched.clock.now() + MINUTE)
    assert len(watched.shop.stand_in.calls) == calls
    watched.shop.stand_in.always(None)
    watched.clock.forward(timedelta(hours=1))
    await watched.reconciler.work(watched.clock.now())
    assert await alarms(store) == []


async def test_a_shop_that_is_down_for_hours_is_an_alarm_and_for_minutes_is_none(watched: Watched) -> None:
    watched.shop.stand_in.always(Trouble.ERROR)
    for number in range(1, DOWN_FOR_LONG + 1):
        await watched.reconciler.work(watched.clock.now())
        assert await alarms(watched.desk.context.store) == ([REFUSED] if number == DOWN_FOR_LONG else [])
        watched.clock.forward(EVERY)


async def test_webhooks_that_tell_nothing_any_more_are_an_alarm_until_one_tells(watched: Watched) -> None:
    await watched.asks()
    store = watched.desk.context.store
    for id_ in range(1, UNHEARD + 1):
        assert await alarms(store) == []
        watched.clock.forward(EVERY)
        watched.shop.has(watched.state(id_))
        await watched.asks()
    assert await alarms(store) == [SILENT]
    watched.clock.forward(EVERY)
    state = watched.state(99, ago=timedelta(0))
    watched.shop.has(state)
    await watched.desk.delivers(watched.shop.webhook(state))
    watched.clock.forward(10 * MINUTE)
    await watched.asks()
    assert await alarms(store) == []


async def test_one_order_untold_for_a_day_is_an_alarm_too(watched: Watched) -> None:
    await watched.asks()
    watched.clock.forward(EVERY)
    watched.shop.has(watched.state(1))
    await watched.asks()
    assert await alarms(watched.desk.context.store) == []
    watched.clock.forward(timedelta(days=1))
    await watched.asks()
    assert await alarms(watched.desk.context.store) == [SILENT]


async def test_two_who_ask_at_once_find_each_order_once(watched: Watched) -> None:
    watched.shop.has(*(watched.state(id_) for id_ in range(1, 12)))
    async with asked(watched.shop.api.source, page=2) as other:
        other.stand_in.orders = watched.shop.stand_in.orders
        second = other.api
        if isinstance(watched.shop.stand_in, StandInWooCommerce):
            second.shop = watched.shop.api.shop  # type: ignore[misc]  # the same shop on another port
        both = [watched.reconciler, Reconciler(watched.desk.context.store, second)]
        found = await asyncio.gather(*(one.run(watched.clock.now()) for one in both))
    assert sum(one.new for one in found) == 11
    assert await watched.points() == 11 * 42
    query = select(func.count()).select_from(Purchase)
    assert await watched.desk.context.store.read(lambda session: session.scalar(query)) == 11


async def test_a_gap_is_never_skipped_by_asking_from_a_later_moment(watched: Watched) -> None:
    await watched.asks()
    before = (await watch(watched.desk.context.store)).watermark
    assert before is not None
    watched.clock.forward(timedelta(hours=5))
    early, recent = watched.state(1, ago=timedelta(hours=4)), watched.state(2, ago=timedelta(hours=1))
    watched.shop.has(early, recent)
    found = await watched.reconciler.run(watched.clock.now(), since=watched.clock.now() - timedelta(hours=2))
    assert found.new == 1
    assert (await watch(watched.desk.context.store)).watermark == before
    assert (await watched.asks()).new == 1


async def test_asking_begins_a_little_before_where_it_ended(watched: Watched) -> None:
    await watched.asks()
    shown_late = watched.state(1, ago=GRACE + MINUTE)
    watched.clock.forward(EVERY)
    watched.shop.has(shown_late)  # it was not listed when it changed
    assert (await watched.asks()).new == 1
    assert OVERLAP > GRACE + MINUTE


# ---- webhooks that were dropped


async def test_a_webhook_that_the_shop_dropped_is_made_again(watched: Watched) -> None:
    stand_in, api, store = watched.shop.stand_in, watched.shop.api, watched.desk.context.store
    address = f"{PUBLIC}/webhooks/{api.source}"
    stand_in.webhooks = [Webhook(number, topic, address) for number, topic in enumerate(api.topics)]
    subscriptions = Subscriptions(store, api, PUBLIC)
    assert await subscriptions.work(watched.clock.now()) == ""
    stand_in.drop_webhook(api.order_topic)
    assert await subscriptions.work(watched.clock.now()) == ""  # it was looked at a moment ago
    watched.clock.forward(timedelta(hours=2))
    assert await subscriptions.work(watched.clock.now()) == f"webhooks made again: {api.order_topic}"
    assert sorted(one.topic for one in stand_in.webhooks) == sorted(api.topics)


async def test_webhooks_that_were_never_seen_are_made_only_if_asked_for(watched: Watched) -> None:
    stand_in, api = watched.shop.stand_in, watched.shop.api
    subscriptions = Subscriptions(watched.desk.context.store, api, PUBLIC)
    checked = await subscriptions.check(watched.clock.now())
    assert (checked.missing, stand_in.webhooks) == (api.topics, [])
    assert await alarms(watched.desk.context.store) == []
    made = await subscriptions.check(watched.clock.now(), make_all=True)
    assert (made.made, made.missing) == (api.topics, ())
    assert {one.topic for one in stand_in.webhooks} == set(api.topics)


async def test_a_webhook_that_cannot_be_made_again_is_an_alarm_until_it_is_there(context: Context) -> None:
    async with asked("shopify") as shop:
        now = context.clock.now()
        plain = Subscriptions(context.store, shop.api, "http://insecure.example")
        shop.stand_in.webhooks = [Webhook(1, "orders/create", plain.address)]
        await plain.check(now)
        shop.stand_in.drop_webhook("orders/create")
        checked = await plain.check(now)
        assert "orders/create" in checked.missing
        assert await alarms(context.store) == [LOST]
        shop.stand_in.webhooks = [Webhook(1, "orders/create", plain.address)]
        await plain.check(now)
        assert await alarms(context.store) == []
