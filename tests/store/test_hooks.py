"""Webhooks: written with what happened, sent at least once, tried again, given up, replayed; nobody delays another."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.alarms import open_alarms
from conversation.tables import Alarm
from loyalty.clock import FixedClock
from loyalty.news import Kind, tell_rest
from loyalty.programme import Programme
from loyalty.rights.erasure import erase
from loyalty.store import Store
from loyalty.tables import News
from service.hooks import letters, subscriptions
from service.hooks.delivering import Deliverer
from service.hooks.guard import Guard
from service.hooks.listening import hear
from service.hooks.queue import LEASE, PAUSE, TRIES, Result, settle, take
from service.hooks.tables import Hook
from tests.store.hook_target import INSECURE, Business, Target, hang, listening

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SHORT = aiohttp.ClientTimeout(total=0.3)
HERS = select(News.id).where(News.kind == Kind.POINTS_EARNED.value).order_by(News.id)
"""Joining is news as well."""


@pytest.fixture
async def business(store: Store, cafe: Programme, clock: FixedClock) -> Business:
    return await Business.of(store, cafe, clock, Deliverer(store, clock, INSECURE, timeout=SHORT))


async def alarms(business: Business) -> list[Alarm]:
    return await business.store.read(open_alarms)


# ---- once for each hook, in the transaction


async def test_each_hook_hears_of_what_it_wants_once(business: Business) -> None:
    async with listening() as target, listening() as other:
        await business.subscribes(target.url, "points.earned", "tier.reached")
        await business.subscribes(other.url, "tier.reached")
        await business.happens(3)
        assert await business.delivers() == "3 webhooks sent, 0 not taken"
        assert await business.delivers() == ""
        news = await business.store.read(lambda session: session.scalars(HERS).all())
    assert sorted(target.ids) == list(news)
    assert other.ids == []
    assert {one["type"] for one in target.told} == {"points.earned"}
    assert {one["member"]["id"] for one in target.told} == {business.member}
    assert {row.state for row in await business.rows()} == {"delivered"}


async def test_transactions_that_are_repeated_and_told_late_write_no_second_delivery(business: Business) -> None:
    id_ = await business.subscribes("https://example.org/", "points.earned")
    await business.happens()

    def again(session: Session) -> None:
        session.get_one(News, session.scalars(HERS).one()).told_at = None
        session.flush()

    await business.store.write(again)
    late = business.clock.now() + HOUR
    assert await asyncio.gather(*(tell_rest(business.store, [hear], now=late) for _ in range(4)))
    [row] = await business.rows()
    assert (row.hook_id, row.state) == (id_, "waiting")


async def test_what_was_undone_is_told_to_nobody(business: Business) -> None:
    await business.subscribes("https://example.org/")

    def fails(session: Session) -> None:
        from loyalty.news import tell  # noqa: PLC0415 -- as one who tells would

        now = business.clock.now()
        tell(session, business.programme.id, business.member, Kind.BIRTHDAY, key="x", about={}, at=now, now=now)
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError):
        await business.telling.write(fails)
    assert await business.rows() == []


async def test_hooks_that_ended_or_expired_hear_nothing(business: Business) -> None:
    ended, expired = [await business.subscribes("https://example.org/") for _ in range(2)]
    now = business.clock.now()
    await business.changes(lambda session: subscriptions.end(session, session.get_one(Hook, ended), "over", now=now))
    await business.changes(lambda session: setattr(session.get_one(Hook, expired), "expires_at", now))
    await business.happens()
    assert await business.rows() == []
    await business.changes(lambda session: letters.end_left_alone(session, now=now))
    assert (await business.hook(expired)).state == "ended"


# ---- sending


async def test_many_processes_send_each_delivery_once(business: Business) -> None:
    async with listening() as target:
        await business.subscribes(target.url)
        await business.happens(60)
        others = [Deliverer(business.store, business.clock, INSECURE) for _ in range(4)]
        await asyncio.gather(*(one.work(business.clock.now()) for one in others))
    assert len(target.ids) == len(set(target.ids)) == 60


async def test_a_delivery_is_in_order_as_far_as_nothing_goes_wrong(business: Business) -> None:
    async with listening() as target:
        await business.subscribes(target.url)
        await business.happens(12)
        await business.delivers()
    points = [one["data"]["points"] for one in target.told]
    assert [sorted(points[first : first + 4]) for first in (0, 4, 8)] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11],
    ]  # fmt: skip


async def test_a_hanging_address_delays_only_its_own(business: Business) -> None:
    released = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    patient = Deliverer(business.store, business.clock, INSECURE)
    async with listening(Target(answer=wait)) as slow, listening() as quick:
        await business.subscribes(slow.url)
        await business.subscribes(quick.url)
        await business.happens(40)
        work = asyncio.create_task(patient.work(business.clock.now()))
        async with asyncio.timeout(10):
            while len(quick.ids) < 40:  # noqa: ASYNC110 -- the address knows nothing of the test
                await asyncio.sleep(0.01)
        assert len(slow.ids) <= 4
        await business.happens(2)
        async with asyncio.timeout(10):
            while len(quick.ids) < 42:  # noqa: ASYNC110 -- as above; it is found while the other still hangs
                await asyncio.sleep(0.01)
        released.set()
        await work
    assert len(set(slow.ids)) == 42


# ---- what goes wrong


@pytest.mark.parametrize(
    ("status", "error"), [(500, "answered 500"), (301, "answered 301"), (404, "answered 404"), (403, "answered 403")]
)
async def test_what_is_no_success_is_tried_again(business: Business, status: int, error: str) -> None:
    async with listening(Target(status=status, headers={"Location": "/elsewhere"})) as target:
        await business.subscribes(target.url)
        await business.happens()
        assert await business.delivers() == "0 webhooks sent, 1 not taken"
        [row] = await business.rows()
        assert (row.state, row.attempts, row.status, row.error) == ("waiting", 1, status, error)
        target.status = 204
        assert await business.delivers(timedelta(seconds=20)) == ""
        assert await business.delivers(timedelta(seconds=20)) == "1 webhooks sent, 0 not taken"
    assert len(target.ids) == 2  # nobody followed the redirect
    assert len(set(target.ids)) == 1


async def nonsense(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"SMTP 220 hello\r\n\r\n")
    request.transport.close()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(10_000):
        await response.write(b"x" * 10_000)
    return response


async def test_nonsense_and_silence_are_failures(business: Business) -> None:
    async with listening(Target(answer=nonsense)) as odd, listening(Target(answer=hang)) as silent:
        for target in (odd, silent):
            await business.subscribes(target.url)
        await business.subscribes("http://127.0.0.1:9/")
        await business.happens()
        await business.delivers()
    said = [row.error or "" for row in await business.rows()]
    assert said[0].startswith("no proper answer")
    assert said[1] == "no answer within 0.3 s"
    assert said[2].startswith("not reached")


async def test_an_endless_answer_is_cut_off(business: Business) -> None:
    patient = Deliverer(business.store, business.clock, INSECURE)
    async with listening(Target(answer=endless)) as target:
        await business.subscribes(target.url)
        await business.happens()
        assert await patient.work(business.clock.now()) == "1 webhooks sent, 0 not taken"


async def test_after_eight_tries_in_a_day_a_delivery_is_given_up_and_can_be_replayed(business: Business) -> None:
    began = business.clock.now()
    async with listening(Target(status=500)) as target:
        id_ = await business.subscribes(target.url)
        await business.happens()
        while not await business.rows("dead"):
            await business.delivers(timedelta(minutes=1))
            assert business.clock.now() < began + 2 * DAY
        assert len(target.ids) == TRIES == 8
        assert 20 * HOUR < business.clock.now() - began < 30 * HOUR
        assert await business.delivers(10 * DAY) == ""
        target.status, now = 200, business.clock.now()
        await business.changes(lambda session: letters.replay_dead(session, session.get_one(Hook, id_), now=now))
        assert await business.delivers() == "1 webhooks sent, 0 not taken"
    assert len(set(target.ids)) == 1


async def test_an_address_that_asks_to_be_left_alone_is(business: Business) -> None:
    async with listening(Target(status=429, headers={"Retry-After": "3600"})) as target:
        await business.subscribes(target.url)
        await business.happens()
        await business.delivers()
        await business.happens(3)
        assert await business.delivers(timedelta(minutes=59)) == ""
        target.status = 200
        assert await business.delivers(timedelta(minutes=2)) == "4 webhooks sent, 0 not taken"


async def test_410_ends_the_hook_and_drops_what_waits(business: Business) -> None:
    async with listening(Target(status=410)) as target:
        id_ = await business.subscribes(target.url)
        await business.happens(9)
        await business.delivers()
        assert len(target.ids) <= 4
    assert (await business.hook(id_)).state == "ended"
    assert {row.state for row in await business.rows()} == {"dropped"}
    await business.happens()
    assert len(await business.rows()) == 9


async def test_a_hook_that_keeps_failing_is_asked_less_and_less_then_paused_with_an_alarm(business: Business) -> None:
    began = business.clock.now()
    async with listening(Target(status=503)) as target:
        id_ = await business.subscribes(target.url)
        await business.happens(100)
        while (await business.hook(id_)).state == "active":
            await business.delivers(timedelta(minutes=5))
            assert business.clock.now() < began + 3 * DAY
        assert len(target.ids) == PAUSE
        assert business.clock.now() - began > 10 * HOUR
        [alarm] = await alarms(business)
        assert (alarm.kind, alarm.subject) == ("hook", id_)
        await business.happens(1)  # what happens meanwhile is kept
        assert await business.delivers(DAY) == ""
        target.status, now = 200, business.clock.now()
        await business.changes(
            lambda session: subscriptions.resume(session, session.get_one(Hook, id_), actor="a test", now=now)
        )
        assert await business.delivers(DAY) == "101 webhooks sent, 0 not taken"
    assert await alarms(business) == []


async def test_a_hook_that_is_paused_for_a_month_ends(business: Business) -> None:
    id_ = await business.subscribes("https://example.org/")
    now = business.clock.now()
    await business.changes(lambda session: setattr(session.get_one(Hook, id_), "state", "paused"))
    await business.changes(lambda session: letters.end_left_alone(session, now=now + 29 * DAY))
    assert (await business.hook(id_)).state == "paused"
    await business.changes(lambda session: letters.end_left_alone(session, now=now + 30 * DAY))
    assert (await business.hook(id_)).state == "ended"


# ---- processes that die, and such that are late


async def test_what_a_dead_process_took_is_sent_again_by_the_same_id(business: Business) -> None:
    async with listening() as target:
        id_ = await business.subscribes(target.url)
        await business.happens()
        now = business.clock.now()
        taken = await business.store.write(lambda session: take(session, id_, most=4, now=now))
        assert taken is not None
        assert await business.delivers(LEASE - timedelta(seconds=1)) == ""
        assert await business.delivers(timedelta(seconds=1)) == "1 webhooks sent, 0 not taken"
        assert target.ids == [taken.taken[0].message_id]
        late = [Result(taken.taken[0].id, taken.taken[0].attempt, 500, "answered 500")]
        await business.changes(lambda session: settle(session, id_, late, now=business.clock.now()))
    [row] = await business.rows()
    assert (row.state, row.attempts) == ("delivered", 2)  # who comes late changes nothing
    assert (await business.hook(id_)).failures == 0


# ---- persons


async def test_nobody_is_told_of_one_who_was_erased(business: Business) -> None:
    async with listening() as target:
        await business.subscribes(target.url)
        await business.happens(2)
        now = business.clock.now()
        await business.changes(lambda session: erase(session, business.programme, business.member, now))
        await business.delivers()
        assert target.ids == []
    assert {row.state for row in await business.rows()} == {"dropped"}


async def test_deliveries_hold_nothing_that_says_who_somebody_is(business: Business) -> None:
    async with listening(Target(status=500)) as target:
        await business.subscribes(target.url)
        await business.happens()
        await business.delivers()
        phone = target.told[0]["member"]["phone"]
    assert phone.startswith("+39333")
    [row] = await business.rows()
    assert phone[1:] not in str({column.name: getattr(row, column.name) for column in row.__table__.columns})


# ---- where they may go, and what is kept


async def test_an_address_inside_is_refused_when_it_is_connected(business: Business) -> None:
    await business.subscribes("https://10.0.0.7/hook")  # as if it had been written before it was forbidden
    await business.subscribes("https://localhost/hook")
    await business.happens()
    await Deliverer(business.store, business.clock, Guard()).work(business.clock.now())
    said = [row.error or "" for row in await business.rows()]
    assert "not on the public internet" in said[0]
    assert "not on the public internet" in said[1]


async def test_old_deliveries_and_news_are_forgotten_in_batches(business: Business) -> None:
    async with listening() as target:
        await business.subscribes(target.url)
        await business.happens(5)
        await business.delivers()
        target.status = 500
        await business.happens(1)
        await business.delivers()

    async def left(days: int) -> tuple[int, int]:
        now = business.clock.now() + days * DAY
        for work in (letters.forget_deliveries, letters.forget_news):
            while await business.store.write(lambda session, work=work: work(session, now=now)):  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                pass
        news = await business.store.read(lambda session: len(session.scalars(HERS).all()))
        return len(await business.rows()), news

    assert await left(6) == (6, 6)
    assert await left(8) == (1, 6)
    assert await left(91) == (1, 1)  # what still waits needs its news
