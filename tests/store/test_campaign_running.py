"""A campaign on its way: at its rate, to whom it may, once each; held, stopped, and stopping by itself."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns import desk
from conversation.choosing.offers import read_token
from conversation.leaving import brakes
from conversation.tables import Alarm, Conversation, OutboxRow
from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.tables import Recipient
from tests.store.campaigning import Crowd, a_design, rates
from tests.store.helpers import Shop
from tests.store.sending import text


@pytest.fixture
async def crowd(shop: Shop) -> Crowd:
    crowd = Crowd(shop)
    await crowd.template()
    return crowd


async def outbox(crowd: Crowd) -> list[OutboxRow]:
    return await crowd.shop.ask(lambda session: list(session.scalars(select(OutboxRow).order_by(OutboxRow.id))))


def keeps(programme: Programme, **notices: Any) -> Programme:
    return Programme.model_validate({**programme.document(), "notices": notices})


# ---- at its rate


async def test_messages_are_laid_out_at_the_rate_a_moment_ahead(crowd: Crowd) -> None:
    await crowd.fans(60)
    await crowd.starts(a_design(rate_per_second=10))
    assert await crowd.feeds() == "21 messages of campaigns"
    assert await crowd.feeds() == ""
    slots = [(row.not_before or row.created_at) - crowd.shop.now for row in await outbox(crowd)]
    assert slots == [timedelta(seconds=number / 10) for number in range(21)]
    await crowd.runs(timedelta(seconds=1))
    assert len(await outbox(crowd)) == 31
    assert (await crowd.campaign()).state == "running"


async def test_over_time_the_rate_is_kept_exactly_whatever_the_rounds(crowd: Crowd) -> None:
    await crowd.fans(120)
    await crowd.starts(a_design(rate_per_second=7))
    began = crowd.shop.now
    await crowd.feeds()
    for wait in (0.13, 0.9, 3.1, 0.01, 2.2, 1.7, 0.4, 2.9, 3.3):
        await crowd.runs(timedelta(seconds=wait))
    slots = sorted((row.not_before or row.created_at) - began for row in await outbox(crowd))
    expected = int((crowd.shop.now - began + timedelta(seconds=2)).total_seconds() * 7) + 1
    assert len(slots) == expected
    assert max(slots) <= timedelta(seconds=(expected - 1) / 7 + 0.001)


async def test_a_short_break_is_made_up_for_and_a_long_one_is_not(crowd: Crowd) -> None:
    await crowd.fans(250)
    await crowd.starts(a_design(rate_per_second=10))
    await crowd.feeds()
    await crowd.runs(timedelta(seconds=7))
    assert len(await outbox(crowd)) == 91
    await crowd.sends()
    await crowd.runs(timedelta(hours=1))
    assert len(await outbox(crowd)) - 91 <= 121


async def test_the_outbox_is_not_filled_while_whatsapps_limits_hold_it_up(crowd: Crowd) -> None:
    await crowd.fans(260)
    await crowd.starts(a_design(rate_per_second=5))
    await crowd.runs(timedelta(seconds=10), steps=8)
    waiting = len(await outbox(crowd))
    assert waiting < 260
    await crowd.runs(timedelta(seconds=10))
    assert len(await outbox(crowd)) == waiting
    await crowd.sends()
    await crowd.runs(timedelta(seconds=10))
    assert len(await outbox(crowd)) > waiting


async def test_it_begins_at_its_time_and_ends_when_everybody_had_her_turn(crowd: Crowd) -> None:
    await crowd.fans(3)
    at = crowd.shop.now + timedelta(hours=5)
    await crowd.starts(a_design(schedule={"at": at.isoformat()}))
    assert await crowd.feeds() == ""
    await crowd.runs(timedelta(hours=5))
    assert await crowd.parts() == {"queued": 3}
    crowd.shop.clock.forward(timedelta(seconds=1))
    await crowd.sends()
    await crowd.runs()
    assert (await crowd.campaign()).state == "done"


async def test_several_processes_feed_each_recipient_once(crowd: Crowd) -> None:
    await crowd.fans(30)
    await crowd.starts(a_design(rate_per_second=100))
    told = await asyncio.gather(*(crowd.feeder().run(crowd.shop.now) for _ in range(6)))
    assert sum(int(one.split()[0]) for one in told if one) == 30
    keys = [row.key for row in await outbox(crowd)]
    assert len(keys) == len(set(keys)) == 30


# ---- to whom it may


async def test_the_message_goes_out_as_marketing_in_bulk_in_her_language_with_what_was_frozen(crowd: Crowd) -> None:
    member = await crowd.fan(language="it", earned=40)
    await crowd.starts()
    await crowd.feeds()
    [row] = await outbox(crowd)
    assert (row.key, row.category, row.bulk, row.state) == (f"campaign:winter:{member}/0", "marketing", True, "waiting")
    assert row.message["template"]["language"] == "it"
    assert "40" in row.message["template"]["parameters"]["available"]
    [recipient] = await crowd.recipients()
    assert recipient.outbox_id == row.id
    assert read_token(row.message["choices"][0]["id"]) == (recipient.offer_id, 0)


async def test_inside_the_window_the_sentence_outside_it_the_template(crowd: Crowd) -> None:
    inside, outside = await crowd.fan(heard=timedelta(hours=1)), await crowd.fan(heard=timedelta(hours=30))
    said = {"en": "Come in, {available:points} wait!", "it": "Vieni, {available:points}!"}
    message = {"template": "we_miss_you", "sentence": said, "buttons": ["check_points"]}
    await crowd.starts(a_design(message=message))
    await crowd.feeds()
    rows = {row.member_id: row for row in await outbox(crowd)}
    assert (rows[inside].message["style"], rows[outside].message["style"]) == ("buttons", "template")
    fallback = rows[inside].fallback
    assert fallback is not None
    assert fallback["style"] == "template"


async def test_a_sentence_alone_does_not_go_outside_the_window(crowd: Crowd) -> None:
    await crowd.fan(heard=timedelta(hours=1))
    await crowd.fan(heard=timedelta(hours=30))
    await crowd.starts(a_design(message={"sentence": {"en": "Hello"}}))
    await crowd.feeds()
    assert await crowd.parts() == {"queued": 1, "window_closed": 1}


async def test_who_stopped_offers_after_planning_gets_nothing(crowd: Crowd) -> None:
    stays, goes = await crowd.fans(2)
    await crowd.plans(a_design())
    await crowd.opts_out(goes)
    await crowd.does_to(desk.start)
    await crowd.feeds()
    assert {row.member_id: row.reason for row in await crowd.recipients()} == {stays: None, goes: "no_consent"}
    assert [row.member_id for row in await outbox(crowd)] == [stays]


async def test_who_had_two_offers_this_week_waits_until_there_is_room(crowd: Crowd) -> None:
    member = await crowd.fan()
    for number in range(2):
        await crowd.put(member, text("offer"), category="marketing", key=f"offer:{number}")
        await crowd.shop.do(lambda session: session.execute(
            update(OutboxRow).values(state="delivered", sent_at=crowd.shop.now, tried_at=crowd.shop.now)
        ))  # fmt: skip
    await crowd.starts(a_design(schedule={"lasts_hours": 24 * 10}))
    await crowd.feeds()
    [row] = await crowd.recipients()
    assert (row.state, row.at) == ("planned", crowd.shop.now + timedelta(days=7))
    await crowd.runs(timedelta(days=7, seconds=1))
    assert await crowd.parts() == {"queued": 1}


async def test_who_could_not_be_written_to_in_time_is_left_out(crowd: Crowd) -> None:
    member = await crowd.fan()
    for number in range(2):
        await crowd.put(member, text("offer"), category="marketing", key=f"offer:{number}")
        await crowd.shop.do(lambda session: session.execute(
            update(OutboxRow).values(state="delivered", sent_at=crowd.shop.now, tried_at=crowd.shop.now)
        ))  # fmt: skip
    await crowd.starts(a_design(schedule={"lasts_hours": 24}))
    await crowd.feeds()
    assert await crowd.parts() == {"too_late": 1}


async def test_quiet_hours_are_kept_where_she_lives(crowd: Crowd) -> None:
    crowd.shop.programme = keeps(crowd.shop.programme, quiet_hours={"begin": "21:00", "end": "09:00"})
    crowd.shop.clock.instant = datetime.fromisoformat("2026-11-21T22:00:00+01:00")
    await crowd.fan()
    await crowd.starts()
    await crowd.feeds()
    [row] = await crowd.recipients()
    assert (row.state, row.at) == ("planned", datetime.fromisoformat("2026-11-22T09:00:00+01:00"))


async def test_the_control_group_has_its_turn_and_gets_nothing(crowd: Crowd) -> None:
    await crowd.fans(40)
    await crowd.starts(a_design(control_share=0.5, rate_per_second=50))
    await crowd.feeds()
    parts = await crowd.parts()
    assert parts["held"] + parts["queued"] == 40
    assert parts["held"] > 5
    assert len(await outbox(crowd)) == parts["queued"]


async def test_who_never_wrote_gets_a_conversation_and_the_template(crowd: Crowd) -> None:
    member = await crowd.fan()
    await crowd.shop.do(lambda session: session.delete(session.get_one(Conversation, member)))
    await crowd.starts()
    await crowd.feeds()
    [row] = await outbox(crowd)
    assert row.phone is not None
    assert row.message["style"] == "template"


# ---- held and stopped


async def test_a_pause_takes_back_what_is_not_on_its_way_and_nobody_gets_it_twice(crowd: Crowd) -> None:
    members = await crowd.fans(40)
    await crowd.starts()
    await crowd.feeds()
    crowd.shop.clock.forward(timedelta(seconds=1))
    sent = await crowd.sends()
    await crowd.does_to(desk.pause)
    assert await crowd.parts() == {"queued": sent, "planned": 40 - sent}
    assert len(await outbox(crowd)) == sent
    await crowd.runs()
    assert len(await outbox(crowd)) == sent
    assert await crowd.does_to(desk.resume)
    for _ in range(6):
        await crowd.runs(timedelta(seconds=2))
        await crowd.sends()
    await crowd.runs()
    rows = await outbox(crowd)
    assert Counter(row.member_id for row in rows) == Counter(members)
    assert {row.state for row in rows} == {"delivered"}
    assert (await crowd.campaign()).state == "done"


async def test_what_was_stopped_stays_stopped(crowd: Crowd) -> None:
    await crowd.fans(40)
    await crowd.starts()
    await crowd.feeds()
    await crowd.does_to(desk.stop)
    await crowd.runs()
    assert await outbox(crowd) == []
    for verb in (desk.start, desk.resume):
        with pytest.raises(Refused, match="winter is"):
            await crowd.does_to(verb)
    assert not await crowd.does_to(desk.stop)
    with pytest.raises(Refused, match="it does not run"):
        await crowd.does_to(desk.pause)


async def test_it_stops_before_it_costs_more_than_it_may(crowd: Crowd) -> None:
    await crowd.fans(5)
    await crowd.starts(a_design(max_cost={"amount": "0.30", "currency": "EUR"}), card=rates("0.06"))
    await crowd.shop.do(lambda session: session.execute(update(Recipient).values(price="0.11")))
    await crowd.feeds()
    found = await crowd.campaign()
    assert (found.state, found.reason) == ("stopped_by_itself", "max_cost 0.30 EUR is reached")


async def fails(crowd: Crowd, share: float, **values: Any) -> None:
    """So many of the messages that were sent end like this."""

    def work(session: Session) -> None:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.state == "delivered").order_by(OutboxRow.id)).all()
        for row in rows[: int(len(rows) * share)]:
            for name, value in values.items():
                setattr(row, name, value)

    await crowd.shop.do(work)


async def sixty(crowd: Crowd, **said: Any) -> None:
    """Sixty of eighty messages are out."""
    await crowd.fans(80)
    await crowd.starts(a_design(rate_per_second=10, **said))
    await crowd.runs(timedelta(seconds=2), steps=3)
    crowd.shop.clock.forward(timedelta(seconds=2))
    assert await crowd.sends() >= 60


@pytest.mark.parametrize(
    ("share", "values", "said"),
    [
        (0.2, {"state": "failed", "error_code": 131026}, "messages failed; the file allows 10.0%"),
        (0.3, {"state": "waiting", "error_code": 131049, "attempts": 1}, "held back by WhatsApp (131049)"),
    ],
)
async def test_it_stops_by_itself_when_too_much_goes_wrong(
    crowd: Crowd, share: float, values: dict[str, Any], said: str
) -> None:
    await sixty(crowd)
    await fails(crowd, share, **values)
    await crowd.runs()
    found = await crowd.campaign()
    assert found.state == "stopped_by_itself"
    assert said in (found.reason or "")
    alarm = await crowd.shop.ask(lambda session: session.scalars(select(Alarm)).one())
    assert (alarm.kind, alarm.subject, alarm.closed_at) == ("campaign", "winter", None)
    await crowd.does_to(desk.resume)
    alarm = await crowd.shop.ask(lambda session: session.scalars(select(Alarm)).one())
    assert alarm.closed_at is not None


async def test_it_goes_on_when_little_goes_wrong(crowd: Crowd) -> None:
    await sixty(crowd)
    await fails(crowd, 0.05, state="failed", error_code=131026)
    await crowd.runs()
    found = await crowd.campaign()
    assert (found.state, found.reason) == ("running", None)


async def test_it_stops_by_itself_when_people_want_no_more_offers(crowd: Crowd) -> None:
    await sixty(crowd)
    for row in (await crowd.recipients())[:4]:
        await crowd.opts_out(MemberId(row.member_id))
    await crowd.runs()
    assert "no more offers being wanted" in ((await crowd.campaign()).reason or "")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"status": "paused"}, "no longer approved"), ({"quality": "red"}, "quality of the template"),
    ],
)  # fmt: skip
async def test_it_stops_by_itself_with_its_template(crowd: Crowd, values: dict[str, str], said: str) -> None:
    await crowd.fans(40)
    await crowd.starts()
    await crowd.feeds()
    await crowd.templates(**values)
    await crowd.runs()
    found = await crowd.campaign()
    assert (found.state, said in (found.reason or "")) == ("stopped_by_itself", True)
    assert await outbox(crowd) == []


async def test_it_stops_by_itself_when_whatsapp_stops_the_number(crowd: Crowd) -> None:
    await crowd.fans(40)
    await crowd.starts()
    await crowd.feeds()
    key = brakes.marketing_key("100000000000001")
    await crowd.shop.do(lambda session: brakes.pause(session, key, code=131048, why="spam", now=crowd.shop.now))
    await crowd.runs()
    assert "stopped campaigns of the number" in ((await crowd.campaign()).reason or "")
    await crowd.plans(a_design(id="other"))
    with pytest.raises(Refused, match="would stop at once"):
        await crowd.does_to(desk.start, "other")


async def test_a_campaign_that_is_not_there_is_named(crowd: Crowd) -> None:
    with pytest.raises(NotFound, match="there is no campaign 'nothing'"):
        await crowd.does_to(desk.start, "nothing")
