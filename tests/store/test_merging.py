"""Merging: two members who turn out to be one person end as if she had been one from the start."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.overview import Points, points_of
from loyalty.errors import Invalid, NotFound, Refused
from loyalty.ids import MemberId, ProgrammeId, RewardId
from loyalty.merging.merge import merge
from loyalty.money import Money
from loyalty.orders.bills import ChangeKind
from loyalty.orders.past import depends_on_past
from loyalty.orders.purchases import OrderChange, PurchaseReport, record_activity, record_change, record_purchase
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, get_member, join, set_marketing
from loyalty.programme import LANGUAGES, Programme
from loyalty.referral import signals
from loyalty.revisions import ensure_programme
from loyalty.rewards.redemptions import confirm, hold
from loyalty.rights.erasure import erase
from loyalty.tables import (
    Activity,
    Award,
    Base,
    Finding,
    Identity,
    Invite,
    Member,
    Purchase,
    Redemption,
    Signal,
    Standing,
    Trail,
    Voucher,
)
from tests.made_up import NOW, news, programmes
from tests.recomputed import Told, recompute
from tests.store.games import Arcade, a_quiz, a_wheel
from tests.store.helpers import Shop, a_key, points, set_up_member, variant
from tests.store.referring import Club

PHONE, OTHER_PHONE = Ref.phone("+393331234567"), Ref.phone("+393337654321")


def said(text: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, text)


async def merges(shop: Shop, keep: MemberId, other: MemberId, *, reason: str = "the same person") -> bool:
    return await shop.do(
        lambda session: merge(session, shop.programme, keep, other, author="anna", reason=reason, now=shop.now)
    )


async def two(shop: Shop) -> tuple[MemberId, MemberId]:
    return await shop.member(phone=PHONE.value), await shop.member(phone=OTHER_PHONE.value)


async def named(shop: Shop, ref: str) -> MemberId:
    return await shop.ask(lambda session: MemberId(get_member(session, shop.programme.id, ref).id))


async def row_of(shop: Shop, member: MemberId) -> Member:
    return await shop.ask(lambda session: session.get_one(Member, member))


async def of(shop: Shop, table: type[Base], member: MemberId) -> list[Any]:
    mine = select(table).where(table.__table__.c.member_id == member)
    return await shop.ask(lambda session: list(session.scalars(mine)))


async def uses(shop: Shop, **rules: object) -> None:
    """From now on the programme has these rules."""
    shop.programme = Programme.model_validate({**shop.programme.document(), **rules})
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))


async def test_what_both_had_is_what_one_has(shop: Shop) -> None:
    keep, other = await two(shop)
    await shop.buys(keep, "10.00")
    await shop.buys(other, "25.00", key="till/2")
    await shop.does(other, "review")
    await shop.redeems(other, "espresso")
    assert await merges(shop, keep, other)
    assert await shop.points(keep) == points(30, lifetime=50)
    assert await shop.points(other) == points(0)
    for table, rows in ((Purchase, 2), (Activity, 1), (Redemption, 1), (Voucher, 1), (Identity, 2)):
        assert (len(await of(shop, table, keep)), await of(shop, table, other)) == (rows, [])
    assert await shop.is_sound()


async def test_every_name_of_both_names_the_one_who_is_kept(shop: Shop) -> None:
    keep, other = await two(shop)
    await merges(shop, keep, other)
    for ref in (keep, other, str(PHONE), str(OTHER_PHONE)):
        assert await named(shop, ref) == keep
    assert (await row_of(shop, other)).merged_into == keep


async def test_merging_again_or_the_other_way_round_changes_nothing(shop: Shop) -> None:
    keep, other = await two(shop)
    await shop.buys(other, "25.00")
    assert await merges(shop, keep, other)
    before = await shop.audit()
    assert not await merges(shop, keep, other)
    assert not await merges(shop, other, keep)
    assert not await merges(shop, keep, keep)
    assert await shop.points(keep) == points(25)
    assert await shop.audit() == before


async def test_of_many_merges_at_once_in_both_directions_one_happens(shop: Shop) -> None:
    one, two_ = await two(shop)
    await shop.buys(one, "10.00")
    await shop.buys(two_, "25.00")
    done = await asyncio.gather(*(merges(shop, *pair) for pair in [(one, two_), (two_, one)] * 5))
    assert sorted(done) == [False] * 9 + [True]
    assert await shop.points(await named(shop, one)) == points(35)
    noted = await shop.ask(lambda session: session.scalars(select(Trail).where(Trail.action == "member.merged")).all())
    assert len(noted) == 1
    assert await shop.is_sound()


async def test_the_trail_says_who_was_merged_with_whom_by_whom_and_why(shop: Shop) -> None:
    keep, other = await two(shop)
    await merges(shop, keep, other, reason="two cards, one person")
    note = await shop.ask(lambda session: session.scalars(select(Trail).where(Trail.action == "member.merged")).one())
    assert (note.actor, note.subject, note.detail) == (
        "anna", keep, {"merged": other, "reason": "two cards, one person"},
    )  # fmt: skip


async def test_merges_may_follow_one_another(shop: Shop) -> None:
    members = [await shop.member() for _ in range(4)]
    for number, member in enumerate(members, 1):
        await shop.buys(member, f"{number}0.00")
    first, second, third, fourth = members
    await merges(shop, second, first)
    await merges(shop, third, fourth)
    await merges(shop, fourth, first)  # by their old names: third and second
    assert {await named(shop, member) for member in members} == {third}
    assert await shop.points(third) == points(100)
    assert {(await row_of(shop, member)).merged_into for member in (first, second, fourth)} == {third}
    assert await shop.is_sound()


async def test_a_debt_of_either_is_paid_by_what_the_other_has(shop: Shop) -> None:
    for debtor in (0, 1):
        pair = [await shop.member(), await shop.member()]
        order = a_key()
        await shop.buys(pair[debtor], "20.00", key=order)
        await shop.redeems(pair[debtor], "espresso")
        await shop.refunds(order, "20.00")
        assert await shop.points(pair[debtor]) == points(debt=20, lifetime=0)
        await shop.buys(pair[1 - debtor], "35.00")
        await merges(shop, pair[0], pair[1])
        assert await shop.points(pair[0]) == points(15, lifetime=35)
    assert await shop.is_sound()


async def test_points_on_hold_are_given_back_by_the_one_who_goes_and_stay_held_by_the_one_who_is_kept(
    shop: Shop,
) -> None:
    keep, other = await two(shop)
    for member in (keep, other):
        await shop.buys(member, "50.00")
    mine, theirs = await shop.holds(keep, "espresso"), await shop.holds(other, "croissant")
    await merges(shop, keep, other)
    assert await shop.points(keep) == points(80, held=20)
    await shop.confirms(mine)
    with pytest.raises(Refused) as refused:
        await shop.confirms(theirs)
    assert refused.value.reason == "over"
    assert await shop.points(keep) == points(80, lifetime=100)
    assert await shop.is_sound()


async def test_she_joined_once(shop: Shop) -> None:
    shop.programme = variant(shop.programme, joining=10)
    early = await shop.member()
    shop.clock.forward(timedelta(days=1))
    late = await shop.member()
    for keep, other in ((early, late), (await shop.member(), await shop.member())):
        joined = min((await row_of(shop, keep)).joined_at or NOW, (await row_of(shop, other)).joined_at or NOW)
        await merges(shop, keep, other)
        assert await shop.points(keep) == points(10)
        assert (await row_of(shop, keep)).joined_at == joined
    assert await shop.is_sound()


async def test_three_who_are_one_joined_once(shop: Shop) -> None:
    shop.programme = variant(shop.programme, joining=10)
    first, second, third = [await shop.member() for _ in range(3)]
    await merges(shop, second, first)
    await merges(shop, third, second)
    assert await shop.points(third) == points(10)


async def test_who_had_only_written_becomes_a_member_by_whom_she_is_merged_with(shop: Shop) -> None:
    shop.programme = variant(shop.programme, joining=10)
    wrote, joined = await shop.member(joined=False), await shop.member()
    await merges(shop, wrote, joined)
    assert (await row_of(shop, wrote)).joined_at == shop.now
    assert not await shop.do(
        lambda session: join(session, shop.programme, session.get_one(Member, wrote), now=shop.now)
    )
    assert await shop.points(wrote) == points(10)


async def test_a_first_order_and_a_daily_limit_count_once(shop: Shop) -> None:
    document: dict[str, Any] = shop.programme.document()
    earning = {
        **document["earning"],
        "bonuses": [{"id": "first", "name": said("First"), "when": {"order": 1}, "points": 25}],
        "caps": {"day": 60},
    }
    await uses(shop, earning=earning)
    keep, other = await two(shop)
    await shop.buys(keep, "30.00")
    shop.clock.forward(timedelta(minutes=1))
    await shop.buys(other, "20.00")
    assert await shop.points(other) == points(45)
    await merges(shop, keep, other)
    assert await shop.points(keep) == points(60)  # 30 + 25, then 20 of which 5 are within the limit
    assert await shop.is_sound()


async def test_news_of_before_is_known_after_the_merge(shop: Shop) -> None:
    keep, other = await two(shop)
    await shop.buys(other, "25.00", key="till/1")
    await shop.does(other, "review", key="review/1")
    await merges(shop, keep, other)
    assert (await shop.buys(keep, "25.00", key="till/1")).repeated
    assert (await shop.buys(other, "25.00", key="till/1")).repeated  # the till still has her old id
    assert (await shop.does(other, "review", key="review/1")).repeated
    await shop.refunds("till/1", "5.00")
    assert await shop.points(keep) == points(35)
    await shop.buys(other, "7.00", key="till/2")
    assert await shop.points(keep) == points(42)
    assert await shop.is_sound()


async def test_what_is_reported_while_two_are_merged_is_hers(shop: Shop) -> None:
    keep, other = await two(shop)
    buying = [shop.buys(member, "1.00") for member in [keep, other] * 10]
    await asyncio.gather(*buying[:10], merges(shop, keep, other), *buying[10:])
    assert await shop.points(keep) == points(20)
    assert await shop.points(other) == points(0)
    assert len(await of(shop, Purchase, keep)) == 20
    assert await shop.is_sound()


async def test_a_file_brings_no_points_again_for_a_phone_of_the_other(shop: Shop) -> None:
    keep = await shop.member(phone=PHONE.value)
    row = ImportRow(OTHER_PHONE, "Gilda", "it", "", 120)
    await shop.do(lambda session: import_row(session, shop.programme, row, now=shop.now))
    await merges(shop, keep, await named(shop, str(OTHER_PHONE)))
    assert not await shop.do(lambda session: import_row(session, shop.programme, row, now=shop.now))
    assert await shop.points(keep) == points(120)
    assert (await row_of(shop, keep)).customer_before


async def test_what_is_known_of_the_person_is_put_together(shop: Shop) -> None:
    keep, other = await two(shop)

    def tell(session: Session) -> None:
        mine, theirs = session.get_one(Member, keep), session.get_one(Member, other)
        mine.name = "Gilda"
        theirs.name, theirs.birthday, theirs.board_name = "Ermenegilda", date(1977, 5, 4), "gil"
        theirs.language, theirs.language_chosen = "fr", True

    await shop.do(tell)
    await merges(shop, keep, other)
    row, gone = await row_of(shop, keep), await row_of(shop, other)
    assert (row.name, row.birthday, row.board_name, row.language) == ("Gilda", date(1977, 5, 4), "gil", "fr")
    assert (gone.name, gone.birthday, gone.board_name) == (None, None, None)


@pytest.mark.parametrize("stops_last", [True, False])
async def test_her_newest_word_about_promotional_messages_counts(shop: Shop, stops_last: bool) -> None:
    keep, other = await two(shop)

    async def says(member: MemberId, *, given: bool) -> None:
        shop.clock.forward(timedelta(minutes=1))
        await shop.do(
            lambda session: set_marketing(
                session, session.get_one(Member, member), given=given, words="…", evidence="wamid", now=shop.now
            )
        )

    await says(keep if stops_last else other, given=stops_last)
    await says(other if stops_last else keep, given=not stops_last)
    await merges(shop, keep, other)
    assert (await row_of(shop, keep)).marketing_opt_in is not stops_last


async def test_signals_and_openings_of_a_link_are_put_together(shop: Shop) -> None:
    keep, other = await two(shop)

    def seen(session: Session) -> None:
        for member, address in ((keep, "Via Roma 1"), (other, "via roma 1"), (other, "Via Po 2")):
            signals.remember(session, shop.programme, member, "address", address, now=shop.now)
        for member, day, opened in ((keep, 1, 2), (other, 1, 3), (other, 2, 4)):
            row = Invite(member_id=member, day=date(2026, 11, day), programme_id=shop.programme.id, opened=opened)
            session.add(row)

    await shop.do(seen)
    await merges(shop, keep, other)
    assert len(await of(shop, Signal, keep)) == 2
    assert sorted((row.day.day, row.opened) for row in await of(shop, Invite, keep)) == [(1, 5), (2, 4)]
    assert not await of(shop, Signal, other)
    assert not await of(shop, Invite, other)


async def test_games_of_both_are_played_by_one(shop: Shop) -> None:
    arcade = Arcade(shop)
    times = {"count": 3, "every": "ever"}
    await arcade.puts_up(quizzes=[a_quiz(attempts=times)], wheel=a_wheel(spins=times))
    keep, other = await two(shop)
    for member in (keep, other, other):
        await arcade.plays(member, 1, 2, 3)
        await arcade.spins(member)
    had = [(await shop.points(member)).available for member in (keep, other)]
    await merges(shop, keep, other)
    assert (await shop.points(keep)).available == sum(had)
    for play in (arcade.starts, arcade.offers):
        with pytest.raises(Refused):
            await play(keep)
    assert await shop.is_sound()


async def test_who_brought_her_first_brought_her(shop: Shop) -> None:
    club = Club(shop)
    await club.has_rule(minimum="5.00")
    first, second = await shop.member(), await shop.member()
    keep, other = await shop.member(), await shop.member()
    await club.brings(first, other)
    shop.clock.forward(timedelta(hours=1))
    await club.brings(second, keep)
    for member in (keep, other):
        await club.buys(member, "20.00")
    await club.settles()
    assert await club.available(first, second, keep, other) == [100, 100, 60, 60]
    await merges(shop, keep, other)
    await club.settles()
    assert await club.available(first, second, keep) == [100, 0, 80]
    assert (await club.referral(keep)).referrer_id == first
    assert await club.is_settled()
    assert await shop.is_sound()


async def test_who_brought_herself_brought_nobody(shop: Shop) -> None:
    club = Club(shop)
    await club.has_rule()
    keep = await shop.member()
    other = await club.a_friend_of(keep)
    await club.buys(other, "20.00")
    await club.settles()
    assert await club.available(keep, other) == [100, 60]
    await merges(shop, keep, other)
    await club.settles()
    assert await club.available(keep) == [20]
    referral = await club.referral(keep)
    assert (referral.state, referral.decided_by) == ("rejected", "anna")
    found = await shop.ask(lambda session: set(session.scalars(select(Finding.name))))
    assert "self" in found
    await club.buys(keep, "30.00")
    await club.settles()
    assert await club.available(keep) == [50]
    assert await shop.is_sound()


async def test_friends_whom_both_brought_were_brought_by_one(shop: Shop) -> None:
    club = Club(shop)
    await club.has_rule(a_month=2)
    keep, other = await two(shop)
    for referrer in (keep, other, other):
        shop.clock.forward(timedelta(hours=2))
        await club.buys(await club.a_friend_of(referrer), "20.00")
    await club.settles()
    assert await club.available(keep, other) == [100, 200]
    await merges(shop, keep, other)
    await club.settles()
    assert await club.available(keep) == [200]  # two a month
    assert await club.is_settled()
    assert await shop.is_sound()


async def test_the_code_of_the_other_still_leads_to_her(shop: Shop) -> None:
    club = Club(shop)
    await club.has_rule()
    keep, other = await two(shop)
    code = await club.code_of(other)
    await merges(shop, keep, other)
    friend = await shop.member()
    await club.enters(friend, code)
    assert (await club.referral(friend)).referrer_id == keep


async def test_an_award_of_both_is_had_once_and_milestones_are_counted_together(shop: Shop) -> None:
    await uses(
        shop,
        badges=[{"id": "regular", "name": said("Regular"), "measure": "orders", "target": 2, "gift": {"points": 5}}],
        milestones=[
            {"id": "drink", "name": said("Drink"), "measure": "orders", "every": 3, "gift": {"reward": "espresso"}}
        ],
        leaderboards=[{"id": "top", "name": said("Top"), "measure": "orders", "each": "ever"}],
    )
    keep, other = await two(shop)
    for member in (keep, other) * 4:
        await shop.buys(member, "1.00")
    for member in (keep, other):
        assert await shop.points(member) == points(9)
    await merges(shop, keep, other)
    assert await shop.points(keep) == points(13)
    awards = [(row.goal, row.period, row.state) for row in await of(shop, Award, keep)]
    assert sorted(awards) == [
        ("badge:regular", "1", "held"), ("milestone:drink", "3", "held"), ("milestone:drink", "6", "held"),
    ]  # fmt: skip
    vouchers = await of(shop, Voucher, keep)
    assert [row.status for row in vouchers] == ["issued"] * 2
    assert not await of(shop, Award, other)
    assert await shop.is_sound()


async def test_a_level_is_worked_out_anew(shop: Shop) -> None:
    levels = [{"id": "gold", "name": said("Gold"), "from": 4, "gift": {"points": 50}}]
    await uses(shop, tiers={"measure": "orders", "levels": levels})
    keep, other = await two(shop)
    for member in (keep, other) * 2:
        await shop.buys(member, "1.00")
    await merges(shop, keep, other)
    (standing,) = await of(shop, Standing, keep)
    assert (standing.tier, standing.value) == ("gold", 4)
    assert not await of(shop, Standing, other)
    assert await shop.points(keep) == points(54)


async def test_members_of_two_programmes_are_not_merged(shop: Shop) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": ProgrammeId("gym")}), shop.clock)
    with pytest.raises(Invalid):
        await merges(shop, await shop.member(), await gym.member())


async def test_who_was_erased_is_not_merged(shop: Shop) -> None:
    keep, other = await two(shop)
    await shop.do(lambda session: erase(session, shop.programme, other, shop.now))
    for pair in ((keep, other), (other, keep)):
        with pytest.raises(Refused) as refused:
            await merges(shop, *pair)
        assert refused.value.reason == "erased"


async def test_erasing_her_erases_all_that_she_was(shop: Shop) -> None:
    keep, other = await two(shop)
    await shop.do(
        lambda session: set_marketing(
            session, session.get_one(Member, other), given=True, words="sì", evidence="wamid.1", now=shop.now
        )
    )
    codes = {(await row_of(shop, member)).referral_code for member in (keep, other)}
    await merges(shop, keep, other)
    assert await shop.do(lambda session: erase(session, shop.programme, other, shop.now))
    for ref in (PHONE, OTHER_PHONE):
        with pytest.raises(Refused):
            await named(shop, str(ref))
    for member in (keep, other):
        with pytest.raises(NotFound):
            await named(shop, member)
        row = await row_of(shop, member)
        assert row.erased_at == shop.now
        assert row.referral_code not in codes
    assert await shop.is_sound()


# ---- against a reference: one person beside the same person in two


def tells(session: Session, member: MemberId, prefix: str, one: Told) -> None:
    """Report something, under a key that says in which life it was."""
    row = session.get_one(Member, member)
    if one.kind == "purchase":
        report = PurchaseReport(f"{prefix}{one.key}", Money(one.amount, "EUR"), one.at, one.lines)
        record_purchase(session, one.rules, row, report, now=NOW)
    elif one.kind == "activity":
        record_activity(
            session, one.rules, row, key=f"{prefix}{one.key}", activity=one.name, occurred_at=one.at, now=NOW
        )
    else:
        kind: ChangeKind = one.kind  # type: ignore[assignment]  # the other kinds are the changes
        change = OrderChange(
            kind, f"{prefix}{one.key}", f"{prefix}{one.order}", Money(one.amount, "EUR"), one.at, one.lines
        )
        record_change(session, one.rules, change, now=NOW)


def spends(session: Session, programme: Programme, lives: Sequence[MemberId], one: MemberId) -> None:
    """Somebody has an espresso, in both lives or, if the points are not there in one of them, in none."""
    if min(points_of(session, member).available for member in (*lives, one)) < 20:
        return
    for member in (*lives, one):
        key = f"{member}/{a_key()}"
        held = hold(session, programme, session.get_one(Member, member), RewardId("espresso"), key=key, now=NOW)
        confirm(session, programme, held, language="it", now=NOW)


def worths(session: Session, member: MemberId, prefix: str) -> dict[str, tuple[int, Any]]:
    """What each order and activity of a member is worth, by origin."""
    found: dict[str, tuple[int, Any]] = {}
    for row in session.scalars(select(Purchase).where(Purchase.member_id == member)):
        found[f"purchase:{row.key.removeprefix(prefix)}"] = row.points, row.paid
    for deed in session.scalars(select(Activity).where(Activity.member_id == member)):
        found[f"activity:{deed.key.removeprefix(prefix)}"] = deed.points, 0
    return found


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_person_in_two_halves_becomes_the_one_she_would_have_been(
    shop: Shop, cafe: Programme, data: st.DataObject
) -> None:
    programme = data.draw(programmes(cafe).filter(depends_on_past))
    programme = variant(programme, joining=data.draw(st.sampled_from([0, 10])))
    told = data.draw(news(programme))
    halves = data.draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told)))
    thirst = data.draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told)))
    at = data.draw(st.integers(0, len(told)))
    life = a_key()

    def work(session: Session) -> tuple[Points, Points]:
        one, left, right = (set_up_member(session, programme, NOW) for _ in range(3))
        for number, (event, half, spending) in enumerate(zip(told, halves, thirst, strict=True)):
            if number == at:
                merge(session, programme, left, right, author="anna", reason="one", now=NOW)
            member = right if half else left
            tells(session, one, f"{life}/one/", event)
            tells(session, member, f"{life}/two/", event)
            if spending:
                spends(session, programme, [left if number >= at else member], one)
        merge(session, programme, left, right, author="anna", reason="one", now=NOW)
        whole = recompute(told)
        assert worths(session, one, f"{life}/one/") == whole
        assert worths(session, left, f"{life}/two/") == whole
        assert points_of(session, right) == points(0)
        return points_of(session, one), points_of(session, left)

    one, merged = await shop.do(work)
    assert merged == one
    assert await shop.is_sound() or not told
