"""What members are told without asking: each once, in one message, inside the window and outside, by their wishes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.register import conversation_of
from loyalty.ids import MemberId, RewardId
from loyalty.money import Money
from loyalty.news import LATER, because, tell_rest
from loyalty.orders.purchases import OrderChange, record_change
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Person, Ref, join, meet
from loyalty.programme import LANGUAGES, Notices, Programme
from loyalty.referral import referrals
from loyalty.reminders import remind
from loyalty.rewards import redemptions, vouchers
from loyalty.rules.notices import Notice
from loyalty.tables import Member, News
from tests.store.goals import a_goal, aiming, levels
from tests.store.helpers import Shop
from tests.store.noticing import Telling, template_in, titles

DAY = timedelta(days=1)


@pytest.fixture
def telling(shop: Shop) -> Telling:
    return Telling.of(shop)


def quest(programme: Programme) -> Programme:
    """The café with a level, a badge and a challenge, of which a first order of €50 reaches the first two."""
    return aiming(
        programme, tiers=levels("spend", starts={"bronze": 0, "gold": 50}, gifts={"gold": 7}),
        badges=[a_goal("first", target=1, sign="🥇")],
        challenges=[a_goal("three", target=3, each="month", gift={"points": 30})],
    )  # fmt: skip


def goals(telling: Telling) -> Telling:
    return telling.under(quest(telling.programme))


async def test_a_purchase_is_told_with_what_is_missing_to_the_next_reward(telling: Telling) -> None:
    await telling.chatting()
    member = await telling.chatting()
    await telling.buys(member, "15", key="order 1")
    row = await telling.only()
    assert row.message["text"] == (
        "You earned *15 points* with your purchase of €15.00. You now have 15 points.\n"
        "5 points to go to your next reward: Espresso."
    )
    assert titles(row) == ["My points", "Rewards"]
    assert (row.key, row.category, row.state) == ("notice:purchase:order 1/0", "service", "waiting")


async def test_a_purchase_that_reaches_a_level_and_a_badge_is_one_message(telling: Telling) -> None:
    telling = goals(telling)
    member = await telling.chatting()
    await telling.buys(member, "50")
    (text,) = await telling.texts()
    assert text.startswith("You earned *50 points* with your purchase of €50.00. You now have 57 points.")
    assert "Your level is now *Gold*! 🎉\nThat brings you *7 points*." in text
    assert "🥇 A new badge for you: *First*!" in text
    assert text.index("level") < text.index("badge")


async def test_how_near_a_challenge_is_rides_along_for_who_wants_offers(telling: Telling) -> None:
    telling = goals(telling)
    ann, ben = await telling.chatting(), await telling.chatting(wants=True)
    for member in (ann, ben):
        await telling.buys(member, "1")
        await telling.buys(member, "1")
    assert not any("*Three*" in row.message["text"] for row in await telling.rows(ann))
    near = [row for row in await telling.rows(ben) if "*Three*: only 1 order to go!" in row.message["text"]]
    assert len(near) == 1
    assert {row.category for row in await telling.rows(ben)} == {"service"}
    await telling.buys(ben, "1")
    assert "✅ *Three*: done!\nThat brings you *30 points*." in (await telling.texts())[-1]


async def test_an_invitation_stands_under_a_purchase_once_in_some_days(telling: Telling) -> None:
    member = await telling.chatting(wants=True)
    await telling.buys(member, "15")
    await telling.buys(member, "15")
    first, second = await telling.rows()
    assert "your own link" in first.message["text"]
    assert titles(first) == ["My points", "Rewards", "Invite a friend"]
    assert "your own link" not in second.message["text"]


@pytest.mark.parametrize("rules", [{"off": {"referral_prompt"}}, {}])
async def test_who_wants_no_offers_is_not_asked_to_invite(telling: Telling, rules: dict[str, Any]) -> None:
    telling = telling.with_rules(notices=Notices(**rules))
    member = await telling.chatting(wants=bool(rules))
    await telling.buys(member, "15")
    assert titles(await telling.only()) == ["My points", "Rewards"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_outside_the_window_the_template_of_the_weightiest_goes_out(telling: Telling, language: str) -> None:
    telling = goals(telling)
    await telling.approves()
    member = await telling.chatting(heard=3 * DAY, language=language)
    await telling.buys(member, "15")
    await telling.buys(member, "50")
    first, second = await telling.rows()
    assert (template_in(first), template_in(second)) == ("badge_reached", "level_reached")
    assert second.fallback is not None
    assert second.fallback["template"]["language"] == language
    assert {first.state, second.state} == {"waiting"}


async def test_outside_the_window_nothing_goes_without_an_approved_template(telling: Telling) -> None:
    member = await telling.chatting(heard=3 * DAY)
    await telling.buys(member, "15")
    assert (await telling.only()).state == "withheld"


async def test_what_is_told_again_late_or_at_once_is_one_message(telling: Telling) -> None:
    member = await telling.chatting()
    await asyncio.gather(*[telling.buys(member, "15", key="same") for _ in range(6)])
    telling.clock.forward(DAY)
    assert await tell_rest(telling.hushed, [], now=telling.now) == 0
    await telling.buys(member, "15", key="same")
    assert len(await telling.rows()) == 1


async def test_a_process_that_dies_before_it_tells_is_caught_up_with(telling: Telling) -> None:
    member = await telling.chatting()
    await Shop(telling.hushed, telling.programme, telling.clock).buys(member, "15")  # nobody listens
    assert not await telling.rows()
    listeners = telling.store._listeners  # type: ignore[attr-defined]
    assert await tell_rest(telling.hushed, listeners, now=telling.now + LATER) == 1
    assert await tell_rest(telling.hushed, listeners, now=telling.now + LATER) == 0
    assert (await telling.texts())[0].startswith("You earned *15 points*")


async def test_a_purchase_of_last_week_is_no_news_to_her(telling: Telling) -> None:
    member = await telling.chatting()
    await telling.buys(member, "15", at=telling.now - 4 * DAY)
    assert not await telling.rows()
    (news,) = await telling.ask(lambda session: session.scalars(select(News).where(News.key.like("purchase:%"))).all())
    assert news.told_at is not None  # others heard of it


async def test_a_refund_and_a_cancellation_are_told(telling: Telling) -> None:
    member = await telling.chatting()
    await telling.buys(member, "40", key="order")
    await telling.refunds("order", "10", key="back")
    nothing = Money.parse("0", "EUR")
    change = OrderChange("cancellation", "gone", "order", nothing, telling.now)
    await telling.do(lambda session: record_change(session, telling.programme, change, now=telling.now))
    _, refund, cancelled = await telling.texts()
    assert refund.startswith("Your refund of €10.00 takes 10 points back. You now have 30 points.")
    assert cancelled.startswith("Your order was changed or cancelled, which takes 30 points back.")


async def test_an_activity_is_told_by_its_name(telling: Telling) -> None:
    member = await telling.chatting(language="it")
    await telling.does(member, "review")
    assert (await telling.texts())[0].startswith("Hai guadagnato *15 punti*: Una recensione.")


async def enrols(telling: Telling, phone: str, *, by: Literal["chat"] | None = None) -> MemberId:
    """Somebody who has written is enrolled."""
    guest = await telling.chatting(phone=phone)

    def leave(session: Session) -> None:
        session.get_one(Member, guest).joined_at = None
        for row in session.scalars(select(News).where(News.member_id == guest)):
            session.delete(row)

    await telling.hushed.write(leave)

    def work(session: Session) -> None:
        if by is not None:
            because(session, guest, by)
        join(session, telling.programme, session.get_one(Member, guest), now=telling.now)

    await telling.do(work)
    return guest


async def test_who_is_enrolled_at_the_till_is_welcomed(telling: Telling) -> None:
    await enrols(telling, "+393331112223")
    text = (await telling.only()).message["text"]
    assert text.startswith("Welcome to Caffè Aurora! 🎉 You have 0 points.")
    assert "1 point for every €1.00" in text
    assert "Espresso: 20 points" in text
    assert titles(await telling.only()) == ["My points", "How to earn", "Rewards"]


async def test_who_joined_in_the_chat_was_answered_there(telling: Telling) -> None:
    await enrols(telling, "+393331112223", by="chat")
    assert not await telling.rows()


async def test_a_customer_base_that_is_read_from_a_file_is_told_nothing(telling: Telling) -> None:
    member = await telling.chatting(phone="+393331112223")
    row = ImportRow(Ref.phone("+393331112223"), "Anna", "it", "form", 500)
    await telling.do(lambda session: import_row(session, telling.programme, row, now=telling.now))
    assert not await telling.rows(member)


async def test_a_reward_redeemed_at_the_till_is_told_with_its_code_once(telling: Telling) -> None:
    member = await telling.chatting(heard=timedelta(hours=2))
    await Shop(telling.hushed, telling.programme, telling.clock).buys(member, "50")
    await tell_rest(telling.hushed, [], now=telling.now + LATER)

    def redeem(session: Session) -> str:
        row = session.get_one(Member, member)
        held = redemptions.hold(
            session, telling.programme, row, RewardId("croissant"), key="till-9", now=telling.now
        )  # fmt: skip
        return redemptions.confirm(session, telling.programme, held, language="en", now=telling.now).code

    code = await telling.do(redeem)
    assert await telling.do(redeem) == code
    text = (await telling.only()).message["text"]
    assert text.startswith("Here you are: *Croissant* 🎉\nYour code: *")
    assert text.endswith("You have 20 points left.")


async def brings(telling: Telling, ann: MemberId) -> MemberId:
    """A friend of hers turns up with her code, and joins."""

    def work(session: Session) -> MemberId:
        code = session.get_one(Member, ann).referral_code
        friend = meet(session, telling.programme, Person((Ref.phone("+393339998887"),)), now=telling.now)
        referrals.enter_code(session, telling.programme, friend, code, now=telling.now)
        join(session, telling.programme, friend, now=telling.now)
        return MemberId(friend.id)

    return await telling.do(work)


async def test_both_sides_hear_of_a_referral(telling: Telling) -> None:
    ann = await telling.chatting()
    friend = await brings(telling, ann)
    (joined,) = await telling.rows(ann)
    assert joined.message["text"].startswith("Somebody you invited has joined Caffè Aurora. 🤝")
    assert titles(joined) == ["My invitations", "Invite a friend"]
    await telling.chatting(phone="+393339998887")
    await telling.buys(friend, "20")
    for _ in range(2):
        await telling.do(lambda session: referrals.settle(session, telling.programme, now=telling.now))
    assert "Your invitation has paid off" in (await telling.rows(ann))[-1].message["text"]
    assert "because a friend brought you along" in (await telling.rows(friend))[-1].message["text"]
    assert (len(await telling.rows(ann)), len(await telling.rows(friend))) == (2, 2)


# ---- reminders


async def reminds(telling: Telling) -> int:
    return await remind(telling.store, telling.programme, now=telling.now)


async def test_points_that_expire_are_told_twice_in_time_and_not_each_day(telling: Telling) -> None:
    member = await telling.chatting(heard=timedelta(0))
    hushed = Shop(telling.hushed, telling.programme, telling.clock)
    await hushed.buys(member, "30")
    telling.clock.forward(2 * DAY)
    await hushed.buys(member, "12")
    await tell_rest(telling.hushed, [], now=telling.now + LATER)
    telling.clock.instant = datetime(2027, 11, 1, 11, tzinfo=UTC)
    told: list[str] = []
    for _ in range(25):
        await telling.hushed.write(lambda session: _heard(session, member, telling.now))
        for _ in range(2):
            await reminds(telling)
        told = await telling.texts()
        telling.clock.forward(DAY)
    assert len(told) == 2, told
    assert "*42 points* will expire within a week, the first of them on" in told[0]
    assert "*42 points*" in told[1]


def _heard(session: Session, member: MemberId, now: datetime) -> None:
    conversation = conversation_of(session, member, lock=True)
    assert conversation is not None
    conversation.last_heard_at = now


async def test_a_voucher_says_how_many_days_are_left_unless_it_was_used(telling: Telling) -> None:
    ann, ben = await telling.chatting(), await telling.chatting()
    codes = []
    for member in (ann, ben):
        await Shop(telling.hushed, telling.programme, telling.clock).buys(member, "50")
        codes.append(await redeemed(telling, member))
    await tell_rest(telling.hushed, [], now=telling.now + LATER)
    await Shop(telling.hushed, telling.programme, telling.clock).do(
        lambda session: _use(session, telling.programme, codes[1], telling.now)
    )
    telling.clock.forward(28 * DAY)
    for _ in range(2):
        await reminds(telling)
    (text,) = await telling.texts()
    assert text.startswith("2 days left for *Croissant*. Your code: *")
    assert (await telling.only()).member_id == ann


async def redeemed(telling: Telling, member: MemberId) -> str:
    def redeem(session: Session) -> str:
        row = session.get_one(Member, member)
        held = redemptions.hold(
            session, telling.programme, row, RewardId("croissant"), key=f"of {member}", now=telling.now
        )  # fmt: skip
        return redemptions.confirm(session, telling.programme, held, language="en", now=telling.now).code

    return await telling.hushed.write(redeem)


def _use(session: Session, programme: Programme, code: str, now: datetime) -> None:
    vouchers.consume(session, programme, code, key="sale", place=None, amount=None, now=now)


async def test_a_challenge_is_announced_on_its_first_day_to_who_wants_offers(telling: Telling) -> None:
    challenge = a_goal("winter", target=5, dates={"from": "2026-12-01", "until": "2026-12-24"})
    programme = aiming(telling.programme, challenges=[challenge])
    telling = telling.under(programme)
    ann, ben = await telling.chatting(), await telling.chatting(wants=True)
    await reminds(telling)
    assert not await telling.rows()
    telling.clock.instant = datetime(2026, 12, 1, 10, tzinfo=UTC)
    await telling.hushed.write(lambda session: _heard(session, ben, telling.now))
    for _ in range(2):
        await reminds(telling)
    row = await telling.only()
    assert row.member_id == ben
    assert ann != ben
    assert row.category == "marketing"
    assert row.message["text"].startswith("A new challenge begins: *Winter*! It takes 5 orders.\nUntil December 24")
    assert titles(row) == ["Challenges", "Stop offers"]


async def test_who_has_not_bought_for_long_is_missed_once(telling: Telling) -> None:
    ann, ben = await telling.chatting(wants=True), await telling.chatting(wants=True)
    hushed = Shop(telling.hushed, telling.programme, telling.clock)
    await hushed.buys(ann, "30")
    await hushed.buys(ben, "30")
    telling.clock.forward(30 * DAY)
    await hushed.buys(ben, "30")
    await tell_rest(telling.hushed, [], now=telling.now + LATER)
    telling.clock.forward(30 * DAY)
    await telling.approves()
    for _ in range(3):
        await reminds(telling)
        telling.clock.forward(timedelta(hours=20))
    row = await telling.only()
    assert (row.member_id, template_in(row), row.category) == (ann, "we_miss_you", "marketing")


@pytest.mark.parametrize("points", [0, 50])
@pytest.mark.parametrize("wants", [True, False])
async def test_a_birthday_is_one_message(telling: Telling, points: int, wants: bool) -> None:
    if points:
        activity = telling.programme.earning.activities["review"].model_copy(update={"points": points})
        activities = {**telling.programme.earning.activities, "birthday": activity}
        telling = telling.with_rules(earning=telling.programme.earning.model_copy(update={"activities": activities}))
    member = await telling.chatting(wants=wants)

    def born(session: Session) -> None:
        session.get_one(Member, member).birthday = telling.now.date().replace(year=1990)

    await telling.hushed.write(born)
    for _ in range(2):
        await telling.tick()
    rows = await telling.rows()
    assert len(rows) == (1 if wants or points else 0)
    if wants:
        assert rows[0].category == "marketing"
        assert rows[0].message["text"].startswith("Happy birthday from all of us at Caffè Aurora! 🎂")
        assert ("*50 points*" in rows[0].message["text"]) == bool(points)
    elif points:
        assert rows[0].message["text"].startswith("You earned *50 points*")


# ---- rules


OFF: tuple[tuple[Notice, ...], ...] = (("points_earned",), ("level_reached", "badge"), ("badge",))


@pytest.mark.parametrize("off", OFF)
async def test_what_is_switched_off_is_not_said(shop: Shop, off: tuple[Notice, ...]) -> None:
    telling = goals(Telling.of(shop, off=off))
    member = await telling.chatting()
    await telling.buys(member, "50")
    (text,) = await telling.texts()
    assert ("You earned" in text) == ("points_earned" not in off)
    assert ("level" in text) == ("level_reached" not in off)
    assert ("badge" in text) == ("badge" not in off)


async def test_nobody_without_a_conversation_is_told_anything(telling: Telling) -> None:
    member = await Shop.member(telling)
    await telling.buys(member, "50")
    assert not await telling.rows()


async def test_texts_of_all_languages_can_be_said(telling: Telling) -> None:
    telling = goals(telling)
    for language in LANGUAGES:
        member = await telling.chatting(language=language, wants=True)
        for _ in range(3):
            await telling.buys(member, "50")
    failed = await telling.ask(lambda session: session.scalars(select(News.error).where(News.error.is_not(None))).all())
    assert not failed
    assert len(await telling.rows()) == 3 * len(LANGUAGES)
