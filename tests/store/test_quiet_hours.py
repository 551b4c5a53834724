"""Quiet hours: a notice waits for the morning, and what the member is answered meanwhile does not wait for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.sending.claims import claim
from conversation.leaving import outbox
from conversation.register import conversation_of, ensure_conversation
from conversation.saying.notices import Notices as Telling
from conversation.saying.sentences import Sentences
from conversation.tables import OutboxRow
from loyalty.ids import MemberId
from loyalty.programme import Notices, QuietHours
from loyalty.tables import Member
from tests.store.helpers import Shop

ROME = ZoneInfo("Europe/Rome")
NIGHT = QuietHours(begin="21:00", end="09:00")
NOON = QuietHours(begin="12:00", end="14:30")


@pytest.mark.parametrize(
    ("quiet", "now", "over"),
    [
        (NIGHT, "2026-11-21T20:59:59+01:00", None),
        (NIGHT, "2026-11-21T21:00:00+01:00", "2026-11-22T09:00:00+01:00"),
        (NIGHT, "2026-11-22T08:59:59+01:00", "2026-11-22T09:00:00+01:00"),
        (NIGHT, "2026-11-22T09:00:00+01:00", None),
        (NIGHT, "2026-03-28T22:00:00+01:00", "2026-03-29T09:00:00+02:00"),  # the clocks go forward that night
        (NOON, "2026-11-21T12:00:00+01:00", "2026-11-21T14:30:00+01:00"),
        (NOON, "2026-11-21T14:30:00+01:00", None),
    ],
)
def test_quiet_hours_are_over_at_their_end_in_the_programmes_zone(
    quiet: QuietHours, now: str, over: str | None
) -> None:
    found = quiet.over_at(datetime.fromisoformat(now).astimezone(ROME))
    assert (found and found.isoformat()) == over


@pytest.fixture(scope="module")
def telling() -> Telling:
    return Telling(Sentences.load(Path("data/responses")))


async def chatting(shop: Shop, *, heard: timedelta) -> MemberId:
    """A member who wrote so long ago."""
    member = await shop.member(phone="+393331234567")

    def work(session: Session) -> None:
        row = session.get_one(Member, member)
        conversation = ensure_conversation(session, row, number_id="1", phone="393331234567", user_id=None)
        conversation.last_heard_at = shop.now - heard

    await shop.do(work)
    return member


async def told(shop: Shop, telling: Telling, member: MemberId) -> OutboxRow:
    """What became of a notice."""
    await shop.do(
        lambda session: telling.points(
            session, shop.programme, member, "points.earned_activity", cause="a", now=shop.now, points=5, name="x"
        )
    )
    return await shop.ask(lambda session: session.scalars(select(OutboxRow)).one())


def at_night(shop: Shop) -> Shop:
    shop.clock.instant = datetime(2026, 11, 21, 22, tzinfo=UTC)  # 23 o'clock in Rome
    programme = shop.programme.model_copy(update={"notices": Notices(quiet_hours=NIGHT)})
    return replace(shop, programme=programme)


async def test_a_notice_waits_for_the_end_of_the_quiet_hours(shop: Shop, telling: Telling) -> None:
    shop = at_night(shop)
    row = await told(shop, telling, await chatting(shop, heard=timedelta(hours=1)))
    assert (row.state, row.next_try_at) == ("waiting", datetime(2026, 11, 22, 8, tzinfo=UTC))


async def test_a_notice_whose_window_closes_before_is_withheld(shop: Shop, telling: Telling) -> None:
    shop = at_night(shop)
    row = await told(shop, telling, await chatting(shop, heard=timedelta(hours=20)))
    assert row.state == "withheld"


async def test_by_day_a_notice_goes_out_at_once(shop: Shop, telling: Telling) -> None:
    shop = at_night(shop)
    shop.clock.forward(timedelta(hours=12))
    row = await told(shop, telling, await chatting(shop, heard=timedelta(hours=1)))
    assert (row.state, row.next_try_at) == ("waiting", shop.now)


async def test_what_she_is_answered_at_night_does_not_wait_for_a_notice(shop: Shop, telling: Telling) -> None:
    shop = at_night(shop)
    member = await chatting(shop, heard=timedelta(hours=1))
    await told(shop, telling, member)

    def answer(session: Session) -> None:
        conversation = conversation_of(session, member, lock=True)
        assert conversation is not None
        outbox.enqueue(session, conversation, [{"text": "hi"}], key="answer", now=shop.now)

    await shop.do(answer)
    claimed = await shop.do(lambda session: claim(session, limit=10, now=shop.now))
    assert [one.due.message for one in claimed] == [{"text": "hi"}]
    shop.clock.forward(timedelta(hours=10))
    later = await shop.do(lambda session: claim(session, limit=10, now=shop.now))
    assert len(later) == 1
