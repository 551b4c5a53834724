"""Planning a campaign: who is in it, why others are not, and that planning twice, or half, changes nothing."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import desk
from campaigns.people import chunk
from conversation.register import conversation_of
from loyalty.errors import Conflict, Refused
from loyalty.ids import MemberId, new_id
from loyalty.merging.merge import merge
from loyalty.people.members import set_marketing
from loyalty.tables import Campaign, Invite, Member, MemberTag, Referral, Standing
from tests.store.campaigning import Crowd, a_design, rates
from tests.store.helpers import Shop


@pytest.fixture
async def crowd(shop: Shop) -> Crowd:
    crowd = Crowd(shop)
    await crowd.template()
    return crowd


# ---- audiences


async def test_an_audience_that_names_nothing_is_everybody_who_joined(crowd: Crowd) -> None:
    members = await crowd.fans(4)
    await crowd.shop.member(joined=False)
    assert await crowd.audience() == set(members)


async def test_audiences_by_points_level_language_and_tag(crowd: Crowd) -> None:
    poor, rich = await crowd.fan(language="it"), await crowd.fan(earned=120, language="en")

    def work(session: Session) -> None:
        now, programme = crowd.shop.now, crowd.shop.programme.id
        session.add(MemberTag(member_id=rich, tag="vip", programme_id=programme, created_at=now))
        session.merge(Standing(member_id=rich, programme_id=programme, tier="gold", value=1, rules=""))

    await crowd.shop.do(work)
    assert await crowd.audience(points={"from": 100}) == {rich}
    assert await crowd.audience(points={"to": 100}) == {poor}
    assert await crowd.audience(points={"from": 120, "to": 120}) == {rich}
    assert await crowd.audience(tiers=["gold"]) == {rich}
    assert await crowd.audience(languages=["it"]) == {poor}
    assert await crowd.audience(tags=["vip", "other"]) == {rich}
    assert await crowd.audience(none_of=[{"tags": ["vip"]}]) == {poor}
    assert await crowd.audience(any_of=[{"tags": ["vip"]}, {"languages": ["it"]}]) == {poor, rich}
    assert await crowd.audience(all_of=[{"tags": ["vip"]}, {"languages": ["it"]}]) == set()


async def test_an_audience_by_when_somebody_bought_last(crowd: Crowd) -> None:
    never, long_ago, lately, gave_back = await crowd.fans(4)
    now = crowd.shop.now
    await crowd.shop.buys(long_ago, "10.00", at=now - timedelta(days=100))
    await crowd.shop.buys(lately, "10.00", at=now - timedelta(days=5))
    await crowd.shop.buys(gave_back, "10.00", at=now - timedelta(days=5), key="back")
    await crowd.shop.refunds("back", "10.00")
    assert await crowd.audience(last_purchase={"within_days": 30}) == {lately}
    assert await crowd.audience(last_purchase={"not_within_days": 30}) == {never, long_ago, gave_back}
    assert await crowd.audience(last_purchase={"within_days": 200, "not_within_days": 30}) == {long_ago}


@pytest.mark.parametrize(
    ("today", "born", "days", "fits"),
    [
        ("2026-12-30", date(1990, 1, 2), 3, True),
        ("2026-12-30", date(1990, 1, 2), 2, False),
        ("2026-11-21", date(1904, 11, 21), 0, True),
        ("2026-11-21", date(1990, 11, 20), 300, False),
        ("2027-02-27", date(1992, 2, 29), 1, True),
        ("2028-02-27", date(1992, 2, 29), 1, False),
        ("2028-02-27", date(1992, 2, 29), 2, True),
    ],
)
async def test_an_audience_by_birthday(crowd: Crowd, today: str, born: date, days: int, fits: bool) -> None:
    crowd.shop.clock.instant = datetime.fromisoformat(f"{today}T12:00:00+01:00")
    member = await crowd.fan(birthday=born)
    await crowd.fan()
    assert await crowd.audience(birthday={"next_days": days}) == ({member} if fits else set())
    assert await crowd.audience(birthday={"month": born.month}) == {member}


async def test_an_audience_by_referrals(crowd: Crowd) -> None:
    brought, shared, came, nothing = await crowd.fans(4)

    def work(session: Session) -> None:
        now, programme = crowd.shop.now, crowd.shop.programme
        session.add(
            Referral(
                id=new_id(), programme_id=programme.id, referrer_id=brought, referee_id=came, state="rewarded",
                source="typed", revision=programme.revision, created_at=now, rewarded_at=now,
            )
        )  # fmt: skip
        session.add(Invite(member_id=shared, day=now.date(), programme_id=programme.id, opened=2))

    await crowd.shop.do(work)
    assert await crowd.audience(referral={"code_used": True}) == {came}
    assert await crowd.audience(referral={"friends_joined": {"from": 1}}) == {brought}
    assert await crowd.audience(referral={"friends_converted": {"from": 1}}) == {brought}
    assert await crowd.audience(referral={"friends_converted": {"to": 0}}) == {shared, came, nothing}
    assert await crowd.audience(referral={"never_shared": True}) == {came, nothing}
    assert await crowd.audience(referral={"never_shared": False}) == {brought, shared}


async def test_an_audience_by_joining_and_by_rewards_in_reach(crowd: Crowd) -> None:
    early = await crowd.fan(earned=500)
    crowd.shop.clock.forward(timedelta(days=40))
    late = await crowd.fan()
    today = crowd.shop.now.date()
    assert await crowd.audience(joined={"since": str(today)}) == {late}
    assert await crowd.audience(joined={"before": str(today)}) == {early}
    assert await crowd.audience(reward_in_reach=True) == {early}
    assert await crowd.audience(reward_in_reach=False) == {late}
    assert await crowd.audience(reward_in_reach="espresso") == {early}


# ---- who is left out


async def test_who_cannot_be_written_to_is_left_out_with_the_reason(crowd: Crowd) -> None:
    await crowd.fan()
    gone, twin = await crowd.fan(), await crowd.fan()
    await crowd.fan(wants=False)
    await crowd.opts_out(await crowd.fan())
    lost = await crowd.fan()
    nowhere = await crowd.fan()

    def work(session: Session) -> None:
        for member, values in ((lost, {"unreachable_at": crowd.shop.now}), (nowhere, {"phone": None})):
            conversation = conversation_of(session, member)
            assert conversation is not None
            for name, value in values.items():
                setattr(conversation, name, value)
        session.get_one(Member, gone).erased_at = crowd.shop.now
        session.get_one(Member, twin).merged_into = lost

    await crowd.shop.do(work)
    tally = await crowd.counts(a_design())
    assert tally.excluded == Counter(
        erased=1, merged=1, no_consent=1, opted_out=1, unreachable=1, no_way_to_reach=1
    )  # fmt: skip
    assert (tally.audience, tally.recipients, tally.countries) == (7, 1, Counter({"+39 IT": 1}))


async def test_what_is_about_her_own_account_needs_no_consent(crowd: Crowd) -> None:
    await crowd.template("account_news", "Your balance is {available:points} now.", "utility")
    await crowd.fan(wants=False)
    said = {"id": "news", "category": "utility", "message": {"template": "account_news"}}
    assert (await crowd.counts(a_design(**said))).recipients == 1
    await crowd.templates(category="marketing")
    with pytest.raises(Refused, match="counts account_news as marketing"):
        await crowd.counts(a_design(**said))


async def test_who_was_imported_and_never_wrote_is_reached_by_her_phone(crowd: Crowd) -> None:
    member = await crowd.shop.member(phone="+393401234567")
    await crowd.shop.do(lambda session: set_marketing(
        session, session.get_one(Member, member), given=True, words="", evidence="form", now=crowd.shop.now
    ))  # fmt: skip
    assert await crowd.audience() == {member}


async def test_a_member_of_whom_something_is_not_known_is_left_out_unless_there_is_something_instead(
    crowd: Crowd,
) -> None:
    await crowd.template("hello", "Dear {who}, come by.")
    await crowd.fan(name="Gilda")
    await crowd.fan(name=None)
    strict: dict[str, Any] = {"template": "hello", "values": {"who": {"field": "name"}}}
    kind: dict[str, Any] = {"template": "hello", "values": {"who": {"field": "name", "else": "friend"}}}
    assert (await crowd.counts(a_design(message=strict))).excluded == {"something_unknown": 1}
    await crowd.plans(a_design(message=kind))
    assert sorted(row.params["who"] for row in await crowd.recipients()) == ["Gilda", "friend"]


async def test_what_a_message_says_is_frozen_when_it_is_planned(crowd: Crowd) -> None:
    member = await crowd.fan(earned=30)
    await crowd.plans(a_design())
    await crowd.shop.buys(member, "40.00")
    [row] = await crowd.recipients()
    assert row.params == {"programme": crowd.shop.programme.name, "available": 30}


async def test_a_template_that_is_not_approved_and_a_gap_of_which_nothing_is_said_are_refused(crowd: Crowd) -> None:
    with pytest.raises(Refused, match="the template nothing is not approved"):
        await crowd.plans(a_design(message={"template": "nothing"}))
    await crowd.template("prize", "You won {prize} today!")
    with pytest.raises(Refused, match=r"nothing is said of the gap \{prize\}"):
        await crowd.plans(a_design(message={"template": "prize"}))


# ---- variants and cost


async def test_variants_are_split_evenly_and_the_same_way_however_often_it_is_planned(crowd: Crowd) -> None:
    await crowd.template("other")
    await crowd.fans(60)
    arms = [{"id": name, "message": {"template": name}} for name in ("we_miss_you", "other")]
    design = a_design(variants=arms, control_share=0.3)
    first = await crowd.plans(design)
    before = {row.member_id: row.arm for row in await crowd.recipients()}
    again = await crowd.plans(design)
    assert (first.new, again.new) == (True, False)
    assert {row.member_id: row.arm for row in await crowd.recipients()} == before
    assert again.tally.arms == Counter(before.values()) == first.tally.arms
    assert set(before.values()) == {"we_miss_you", "other", "control"}


async def test_the_cost_is_estimated_by_country_and_category(crowd: Crowd) -> None:
    await crowd.fans(3)
    tally = await crowd.counts(a_design(), card=rates("0.0600"))
    assert (tally.total, tally.unpriced) == ({"EUR": Decimal("0.1800")}, 0)
    assert (await crowd.counts(a_design(), card=rates(prefix="44"))).unpriced == 3
    assert (await crowd.counts(a_design(), card=rates(category="utility"))).unpriced == 3


async def test_with_a_limit_of_money_who_has_no_rate_is_left_out_and_what_is_too_dear_does_not_start(
    crowd: Crowd,
) -> None:
    await crowd.fans(3)
    limit = {"max_cost": {"amount": "0.17", "currency": "EUR"}}
    assert (await crowd.counts(a_design(**limit), card=rates(prefix="44"))).excluded == {"no_rate": 3}
    await crowd.plans(a_design(**limit), card=rates("0.06"))
    with pytest.raises(Refused, match=r"comes to 0\.18 EUR, max_cost is 0\.17"):
        await crowd.does_to(desk.start)


# ---- once, whatever happens


async def test_a_dry_run_writes_nothing(crowd: Crowd) -> None:
    await crowd.fans(5)
    tally = await crowd.counts(a_design())
    assert tally.recipients == 5
    assert await crowd.shop.ask(lambda session: list(session.scalars(select(Campaign)))) == []


class Cut(Exception):
    """The process ends here."""


async def test_a_plan_that_was_cut_off_goes_on_where_it_stopped(crowd: Crowd) -> None:
    members = await crowd.fans(10)

    def cut(seen: int) -> None:
        if seen >= 4:
            raise Cut

    with pytest.raises(Cut):
        await crowd.planner(a_design(), size=2).plan(progress=cut)
    assert (await crowd.campaign()).state == "planning"
    with pytest.raises(Refused, match="not finished"):
        await crowd.does_to(desk.start)
    planned = await crowd.plans(a_design(), size=3)
    assert {row.member_id for row in await crowd.recipients()} == set(members)
    assert (planned.tally.recipients, planned.tally.audience) == (10, 10)
    assert (await crowd.campaign()).state == "planned"


async def test_of_two_who_plan_at_once_one_writes_and_the_other_is_told(crowd: Crowd) -> None:
    await crowd.fans(6)
    slow = crowd.planner(a_design(), size=2)
    number, _, after, tally, _ = await crowd.shop.do(slow._begin)
    await crowd.plans(a_design(), size=6)
    with pytest.raises(Conflict, match="planned by somebody else"):
        await crowd.shop.do(lambda session: slow._keep(session, number, [], after, "x", tally))
    assert len(await crowd.recipients()) == 6
    assert (await crowd.campaign()).plan["recipients"] == 6


async def test_another_file_under_the_same_name_is_refused_unless_planned_anew(crowd: Crowd) -> None:
    await crowd.fans(3)
    await crowd.plans(a_design())
    changed = a_design(audience={"points": {"from": 10}})
    with pytest.raises(Conflict, match="another file was planned as winter"):
        await crowd.plans(changed)
    await crowd.planner(changed).plan(anew=True)
    assert await crowd.recipients() == []
    await crowd.planner(a_design()).plan(anew=True)
    await crowd.does_to(desk.start)
    with pytest.raises(Conflict, match=r"give this one an id of its own$"):
        await crowd.planner(changed).plan(anew=True)
    assert len(await crowd.recipients()) == 3


async def test_somebody_who_is_erased_between_reading_and_writing_is_not_planned(crowd: Crowd) -> None:
    kept, gone = await crowd.fans(2)
    planner = crowd.planner(a_design(), size=10)
    number, salt, after, tally, _ = await crowd.shop.do(planner._begin)
    gaps = await crowd.shop.ask(planner._gaps)
    found = await crowd.shop.ask(lambda session: planner._chunk(session, gaps.fields, after))
    rows = [row for one in found if (row := planner._row(one, gaps, salt, tally)) is not None]
    assert len(rows) == 2
    await crowd.changes(gone, erased_at=crowd.shop.now)
    await crowd.shop.do(lambda session: planner._keep(session, number, rows, after, found[-1].id, tally))
    assert [row.member_id for row in await crowd.recipients()] == [kept]


async def test_a_time_of_day_is_by_the_clock_where_each_member_lives(crowd: Crowd) -> None:
    italian = await crowd.fan()
    indian = await crowd.fan()

    def work(session: Session) -> None:
        conversation = conversation_of(session, indian)
        assert conversation is not None
        conversation.phone = "+919812345678"

    await crowd.shop.do(work)
    await crowd.plans(a_design(schedule={"day": "2026-12-01", "time": "10:00"}))
    at = {row.member_id: row.at for row in await crowd.recipients()}
    assert at[italian] == datetime.fromisoformat("2026-12-01T10:00:00+01:00")
    assert at[indian] == datetime.fromisoformat("2026-12-01T10:00:00+05:30")


async def test_members_are_read_by_the_chunk_in_order(crowd: Crowd) -> None:
    members = sorted(await crowd.fans(5))
    design = a_design()

    def work(session: Session) -> list[str]:
        found = chunk(
            session, crowd.shop.programme, design.audience, ("available",), after=members[1], limit=2,
            now=crowd.shop.now,
        )  # fmt: skip
        return [one.id for one in found]

    assert await crowd.shop.ask(work) == members[2:4]


async def test_the_merged_are_one_recipient(crowd: Crowd) -> None:
    keep, other = await crowd.fans(2)
    await crowd.plans(a_design())
    await crowd.shop.do(lambda session: merge(
        session, crowd.shop.programme, MemberId(keep), MemberId(other), author="a", reason="r", now=crowd.shop.now
    ))  # fmt: skip
    assert [row.member_id for row in await crowd.recipients()] == [keep]
