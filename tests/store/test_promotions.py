"""Promotional messages: by consent, so many a week, never at night where she lives; however many ask at once."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.sending.claims import claim
from conversation.leaving.outbox import enqueue
from conversation.register import conversation_of
from conversation.saying.promotions import WEEK, Verdict, may_promote
from conversation.saying.zones import quiet_until, zone_of
from conversation.tables import Conversation, OutboxRow
from loyalty.ids import MemberId
from loyalty.people.members import set_marketing
from loyalty.programme import Notices, Programme, QuietHours
from loyalty.tables import Member
from tests.store.helpers import Shop
from tests.store.noticing import Telling

ROMAN, NEW_YORKER, AUSTRALIAN = "+393331234567", "+12125551234", "+61412345678"
NIGHT = QuietHours(begin="21:00", end="09:00")


@pytest.fixture
def telling(shop: Shop) -> Telling:
    return Telling.of(shop)


async def asks(telling: Telling, member: MemberId) -> Verdict:
    return await telling.do(lambda session: may_promote(session, telling.programme, member, now=telling.now))


def promote(session: Session, programme: Programme, member: MemberId, key: str, now: datetime) -> bool:
    """Put a promotional message in the outbox if that may be, as notices and campaigns do."""
    verdict = may_promote(session, programme, member, now=now)
    if not verdict.ok:
        return False
    conversation = conversation_of(session, member, lock=True)
    assert conversation is not None
    return enqueue(
        session, conversation, [{"style": "plain", "text": "20 %!"}], key=key, now=now, category="marketing",
        not_before=verdict.not_before,
    )  # fmt: skip


async def promotes(telling: Telling, member: MemberId, key: str) -> bool:
    return await telling.do(lambda session: promote(session, telling.programme, member, key, telling.now))


@pytest.mark.parametrize(
    ("phone", "zone"),
    [
        (ROMAN, "Europe/Rome"),  # and Europe/Vatican: the programme's is among them
        (NEW_YORKER, "America/New_York"),
        ("+14155551234", "America/Los_Angeles"),
        (AUSTRALIAN, "Australia/Brisbane"),  # a mobile number says the country: the zone in its middle
        ("+966501234567", "Asia/Riyadh"),
        ("nonsense", "Europe/Rome"),
        (None, "Europe/Rome"),
    ],
)
def test_the_zone_is_where_her_number_is_from(cafe: Programme, phone: str | None, zone: str) -> None:
    assert zone_of(cafe, phone, datetime(2026, 11, 21, 10, tzinfo=UTC)) == ZoneInfo(zone)


@pytest.mark.parametrize(
    ("phone", "now", "over"),
    [
        (ROMAN, "2026-11-21T10:00+00:00", None),
        (NEW_YORKER, "2026-11-21T10:00+00:00", "2026-11-21T09:00-05:00"),  # five in the morning there
        (AUSTRALIAN, "2026-11-21T12:00+00:00", "2026-11-22T09:00+10:00"),  # ten in the evening there
        (AUSTRALIAN, "2026-11-21T23:00+00:00", None),  # nine in the morning there, midnight in Rome
        (ROMAN, "2026-11-21T23:00+00:00", "2026-11-22T09:00+01:00"),
    ],
)
def test_it_is_night_where_she_lives(cafe: Programme, phone: str, now: str, over: str | None) -> None:
    """Also in a programme that says nothing of quiet hours."""
    assert cafe.notices.quiet_hours is None
    found = quiet_until(cafe, phone, datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(over) if over else None)


async def test_who_may_get_something_promotional(telling: Telling) -> None:
    assert await asks(telling, await telling.chatting(wants=True)) == Verdict(True)
    assert await asks(telling, await telling.chatting()) == Verdict(False, "no_consent")
    assert await asks(telling, await Shop.member(telling)) == Verdict(False, "no_conversation")
    gone = await telling.chatting(wants=True)
    await _changes(telling, gone, unreachable_at=telling.now)
    assert await asks(telling, gone) == Verdict(False, "unreachable")
    talking, until = await telling.chatting(wants=True), telling.now + timedelta(hours=1)
    await _changes(telling, talking, quiet_until=until)
    assert await asks(telling, talking) == Verdict(False, "handed_over", until)


async def _changes(telling: Telling, member: MemberId, **values: datetime) -> None:
    which = update(Conversation).where(Conversation.member_id == member)

    def work(session: Session) -> None:
        session.execute(which.values(**values))

    await telling.do(work)


async def test_two_a_week_and_when_there_is_room_again(telling: Telling) -> None:
    member, first = await telling.chatting(wants=True), telling.now
    assert await promotes(telling, member, "1")
    await telling.sends()
    telling.clock.forward(timedelta(days=2))
    await _changes(telling, member, last_heard_at=telling.now)
    assert await promotes(telling, member, "2")
    assert await asks(telling, member) == Verdict(False, "capped", first + WEEK)
    telling.clock.forward(timedelta(days=6))
    assert (await asks(telling, member)).ok  # one was sent over a week ago, one waits


async def test_what_was_withheld_or_failed_takes_no_place(telling: Telling) -> None:
    member = await telling.chatting(wants=True)
    for key in ("1", "2"):
        await promotes(telling, member, key)
    assert not (await asks(telling, member)).ok
    await telling.do(lambda session: _fails(session, "1/0"))
    assert (await asks(telling, member)).ok


def _fails(session: Session, key: str) -> None:
    session.scalars(select(OutboxRow).where(OutboxRow.key == key)).one().state = "failed"
    session.flush()


async def test_of_many_who_ask_at_once_two_are_told_yes(telling: Telling) -> None:
    member = await telling.chatting(wants=True)
    said = await asyncio.gather(*[promotes(telling, member, str(number)) for number in range(8)])
    assert sum(said) == 2
    assert len(await telling.rows()) == 2


async def test_what_is_put_off_into_the_night_waits_for_the_morning(telling: Telling) -> None:
    """A message that a backoff put off, or one that was enqueued before the hours were changed."""
    programme = telling.programme.model_copy(update={"notices": Notices(quiet_hours=NIGHT)})
    member = await telling.chatting(wants=True, phone=AUSTRALIAN)
    telling.clock.instant = datetime(2026, 11, 22, 10, tzinfo=UTC)  # eight in the evening there
    await _changes(telling, member, last_heard_at=telling.now)
    assert await promotes(telling, member, "1")
    telling.clock.forward(timedelta(hours=2))

    def take(session: Session) -> int:
        def quiet(_programme: str, phone: str | None, now: datetime) -> datetime | None:
            return quiet_until(programme, phone, now)

        return len(claim(session, now=telling.now, limit=10, quiet=quiet))

    assert await telling.do(take) == 0
    (row,) = await telling.rows()
    assert (row.state, row.next_try_at) == ("waiting", datetime(2026, 11, 22, 23, tzinfo=UTC))
    telling.clock.instant = row.next_try_at
    assert await telling.do(take) == 1


@pytest.mark.parametrize("phone", [NEW_YORKER, AUSTRALIAN])
async def test_a_notice_of_points_waits_for_the_morning_where_she_lives(shop: Shop, phone: str) -> None:
    telling = Telling.of(shop, quiet_hours=NIGHT)
    member = await telling.chatting(phone=phone)
    telling.clock.instant = datetime(2026, 11, 21, 13, tzinfo=UTC)  # eight in New York, eleven at night in Brisbane
    await _changes(telling, member, last_heard_at=telling.now)
    await telling.buys(member, "15")
    morning = datetime(2026, 11, 21, 14, tzinfo=UTC) if phone == NEW_YORKER else datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert (await telling.only()).not_before == morning


async def test_at_random_never_more_never_at_night_never_without_consent(telling: Telling) -> None:
    """Weeks of hours at random, in which people ask, messages go out late or fail, and consent comes and goes."""
    dice = random.Random(20261122)
    phones = (ROMAN, NEW_YORKER, AUSTRALIAN)
    members = {await telling.chatting(phone=phone, wants=True): phone for phone in phones}
    wants = dict.fromkeys(members, True)
    for step in range(150):
        telling.clock.forward(timedelta(minutes=dice.randint(5, 900)))
        member, luck = dice.choice(list(members)), dice.random()
        await _changes(telling, member, last_heard_at=telling.now)
        if luck < 0.12:
            wants[member] = dice.random() < 0.7
            await telling.do(partial(_says, member=member, given=wants[member], now=telling.now))
        elif luck < 0.75:
            assert not await promotes(telling, member, str(step)) or wants[member]
        else:
            known = {row.id for row in await telling.rows() if row.sent_at is not None}
            await telling.sends()
            assert all(
                wants[MemberId(row.member_id)] for row in await telling.rows() if row.sent_at and row.id not in known
            )
    sent = [(row.member_id, row.sent_at) for row in await telling.rows() if row.sent_at is not None]
    assert len(sent) > 10
    for member, phone in members.items():
        times = sorted(at for who, at in sent if who == member)
        for at in times:
            assert sum(at - WEEK < other <= at for other in times) <= 2
            assert 9 <= at.astimezone(zone_of(telling.programme, phone, at)).hour < 21
        assert times


def _says(session: Session, member: MemberId, given: bool, now: datetime) -> None:
    row = session.get_one(Member, member)
    set_marketing(session, row, given=given, words="word", evidence="chat", now=now)


@given(
    hours=st.integers(0, 24 * 700), minutes=st.integers(0, 59),
    phone=st.sampled_from([ROMAN, NEW_YORKER, AUSTRALIAN, "+966501234567", "+79161234567", None]),
    begin=st.integers(0, 23), end=st.integers(0, 23),
)  # fmt: skip
def test_whenever_it_is_the_end_of_the_quiet_hours_is_not_in_them(
    cafe: Programme, hours: int, minutes: int, phone: str | None, begin: int, end: int
) -> None:
    if begin == end:
        return
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=minutes)
    quiet = QuietHours(begin=f"{begin:02}:00", end=f"{end:02}:00")
    programme = cafe.model_copy(update={"notices": Notices(quiet_hours=quiet)})
    over = quiet_until(programme, phone, at)
    if over is not None:
        assert over > at
        assert over.hour == end
        assert quiet_until(programme, phone, over.astimezone(UTC)) is None
