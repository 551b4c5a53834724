"""What came of a campaign: counted for each variant, and a verdict only where one is due."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import desk
from campaigns.design import CONTROL, Design
from campaigns.outcomes import Figures
from campaigns.report import ArmReport, Report, report, sample_of, verdict
from campaigns.showing import as_json, plan_lines, report_lines
from campaigns.statistics import Count, wilson
from campaigns.testing import send_test
from campaigns.wording import Voice
from conversation.arriving import inbox
from conversation.arriving.incoming import Incoming, Sender, Tap, Text
from conversation.tables import OutboxRow
from loyalty.errors import Invalid, Refused
from loyalty.ids import MemberId
from loyalty.people.imports import import_row, read_rows
from loyalty.people.tags import tag_member, tags_of
from loyalty.tables import Member, MemberTag, Recipient
from tests.store.campaigning import SENTENCES, Crowd, a_design
from tests.store.helpers import Shop
from tests.store.sending import NUMBER


@pytest.fixture
async def crowd(shop: Shop) -> Crowd:
    crowd = Crowd(shop)
    await crowd.template()
    return crowd


async def reported(crowd: Crowd, name: str = "winter") -> Report:
    now = crowd.shop.now
    return await crowd.shop.ask(
        lambda session: report(session, desk.find(session, crowd.shop.programme.id, name), now=now)
    )


async def hears(crowd: Crowd, member: str, content: Text | Tap) -> None:
    """A message of hers comes in."""

    def work(session: Session) -> None:
        phone = session.scalars(select(OutboxRow.phone).where(OutboxRow.member_id == member)).first()
        assert phone is not None
        sender = Sender(phone.removeprefix("+"), None)
        incoming = Incoming(f"wamid.{member}.{content}"[:200], NUMBER, sender, crowd.shop.now, content)
        inbox.accept(session, [incoming], now=crowd.shop.now)

    await crowd.shop.do(work)


def only(found: Report) -> Figures:
    [arm] = found.arms
    return arm.figures


async def test_what_became_of_messages_is_counted(crowd: Crowd) -> None:
    await crowd.fans(7)
    await crowd.starts(a_design(rate_per_second=50))
    await crowd.feeds()
    states = ["sent", "delivered", "read", "failed", "withheld", "unsure", "waiting"]

    def work(session: Session) -> None:
        for row, state in zip(session.scalars(select(OutboxRow)).all(), states, strict=True):
            row.state = state
            if state == "read":
                row.cost, row.currency = Decimal("0.06"), "EUR"

    await crowd.shop.do(work)
    found = await reported(crowd)
    made = only(found)
    assert (made.assigned, made.sent, made.delivered, made.read) == (7, 3, 2, 1)
    assert (made.failed, made.withheld, made.unsure, made.waiting) == (1, 1, 1, 1)
    assert found.billed == {"EUR": Decimal("0.06")}


async def test_what_people_did_within_the_days_is_counted_and_nothing_else(crowd: Crowd) -> None:
    buys, gives_back, redeems, replies, taps, stops, late, early = await crowd.fans(8)
    await crowd.shop.buys(redeems, "60.00", at=crowd.shop.now - timedelta(days=9))
    await crowd.shop.buys(early, "10.00", at=crowd.shop.now - timedelta(minutes=1))
    await crowd.starts(a_design(rate_per_second=50))
    await crowd.feeds()
    await crowd.sends()
    crowd.shop.clock.forward(timedelta(hours=1))
    await crowd.shop.buys(buys, "10.00")
    await crowd.shop.buys(gives_back, "10.00", key="back")
    await crowd.shop.refunds("back", "10.00")
    await crowd.shop.redeems(redeems, "espresso")
    await hears(crowd, replies, Text("grazie"))
    offers = {row.member_id: row.offer_id for row in await crowd.recipients()}
    await hears(crowd, taps, Tap(f"{offers[taps]}-0", "Ok"))
    await hears(crowd, stops, Tap(f"{offers[taps]}-0", "Ok"))  # not the choices she was sent
    await crowd.opts_out(stops)
    crowd.shop.clock.forward(timedelta(days=8))
    await crowd.shop.buys(late, "10.00")
    await hears(crowd, late, Text("late"))
    made = only(await reported(crowd))
    assert (made.ordered, made.redeemed, made.replied, made.clicked, made.opted_out) == (1, 1, 3, 1, 1)


async def test_who_was_erased_is_counted_as_she_was(crowd: Crowd) -> None:
    member = await crowd.fan()
    await crowd.starts()
    await crowd.feeds()
    await crowd.sends(state="read")
    await crowd.erases(member)
    made = only(await reported(crowd))
    assert (made.assigned, made.sent, made.delivered, made.read) == (1, 1, 1, 1)


async def test_who_was_left_out_at_her_turn_is_told_with_the_reason(crowd: Crowd) -> None:
    member = await crowd.fan()
    await crowd.plans(a_design())
    await crowd.opts_out(member)
    await crowd.does_to(desk.start)
    await crowd.feeds()
    found = await reported(crowd)
    assert found.arms[0].skipped == {"no_consent": 1}
    assert found.arms[0].figures.assigned == 0


TWO = [{"id": name, "message": {"template": "we_miss_you"}} for name in ("a", "b")]


async def test_no_verdict_before_the_sample_and_its_days_then_one_about_the_first_of_each(crowd: Crowd) -> None:
    await crowd.fans(60)
    measure = {"metric": "order", "within_days": 3, "sample": {"per_variant": 10}}
    await crowd.starts(a_design(variants=TWO, measure=measure, rate_per_second=50))
    await crowd.feeds()
    await crowd.sends()
    await crowd.runs()
    crowd.shop.clock.forward(timedelta(days=1))
    for row in await crowd.recipients():
        if row.arm == "a":
            await crowd.shop.buys(MemberId(row.member_id), "10.00")
    found = await reported(crowd)
    assert not found.verdict.given
    assert found.verdict.said.startswith("no verdict before 10 of each: a has 0, b has 0; for some the 3 days")
    crowd.shop.clock.forward(timedelta(days=3))
    found = await reported(crowd)
    assert found.verdict.given
    assert found.verdict.said.startswith("a does better than b by 100.00%")
    assert [(arm.figures.tested, arm.figures.tested_hits) for arm in found.arms] == [(10, 10), (10, 0)]
    again = await reported(crowd)
    assert again.verdict == found.verdict
    lines = "\n".join(report_lines(found))
    assert "a less b: +100.00%" in lines
    assert as_json(found)["verdict"]["given"] is True


async def test_the_control_group_is_compared_though_it_got_nothing(crowd: Crowd) -> None:
    await crowd.fans(50)
    measure = {"metric": "order", "within_days": 1, "sample": {"per_variant": 10}}
    await crowd.starts(a_design(control_share=0.5, measure=measure, rate_per_second=50))
    await crowd.feeds()
    await crowd.runs(timedelta(days=2))
    found = await reported(crowd)
    assert {arm.id: arm.figures.sent for arm in found.arms} == {"message": 0, CONTROL: 0}
    assert found.verdict.given
    assert found.verdict.said == "no difference was found that chance would not make as well"


async def test_a_broken_split_blocks_the_verdict(crowd: Crowd) -> None:
    await crowd.fans(60)
    measure = {"metric": "order", "within_days": 1, "sample": {"per_variant": 10}}
    await crowd.plans(a_design(variants=TWO, measure=measure, rate_per_second=50))

    def work(session: Session) -> None:
        rows = session.scalars(select(Recipient).order_by(Recipient.member_id)).all()
        for number, row in enumerate(rows):
            row.arm = "a" if number >= 12 else "b"

    await crowd.shop.do(work)
    await crowd.does_to(desk.start)
    await crowd.feeds()
    await crowd.runs(timedelta(days=2))
    found = await reported(crowd)
    assert found.split is not None
    assert found.split < 0.001
    assert found.verdict.said.startswith("no verdict: people were not split as they should have been")
    assert not found.verdict.given


# ---- the verdict, pure


def an_arm(name: str, hits: int, people: int) -> ArmReport:
    count = Count(hits, people)
    made = Figures(assigned=people, ordered=hits, tested=people, tested_hits=hits)
    return ArmReport(name, made, count.share, wilson(count), {})


def three(metric: str = "order") -> Design:
    arms = [{"id": name, "message": {"template": "x"}} for name in ("a", "b")]
    measure = {"metric": metric, "sample": {"per_variant": 1000}}
    return a_design(variants=arms, control_share=0.2, measure=measure)


def test_three_arms_are_compared_by_pairs_and_paid_for() -> None:
    arms = (an_arm("a", 80, 1000), an_arm("b", 52, 1000), an_arm(CONTROL, 50, 1000))
    found = verdict(three(), arms, 0.4, 1000)
    assert [(one.one, one.other, one.differs) for one in found.comparisons] == [
        ("a", "b", True), ("a", CONTROL, True), ("b", CONTROL, False),
    ]  # fmt: skip
    assert found.overall is not None
    assert found.overall < 0.05
    assert found.comparisons[0].p > 0.0117  # its bare value


def test_what_a_control_group_cannot_do_is_compared_without_it() -> None:
    arms = (an_arm("a", 80, 1000), an_arm("b", 52, 1000), an_arm(CONTROL, 0, 1000))
    assert [(one.one, one.other) for one in verdict(three("reply"), arms, None, 1000).comparisons] == [("a", "b")]


def test_without_a_sample_or_something_to_compare_there_is_no_verdict() -> None:
    arms = (an_arm("a", 80, 1000), an_arm("b", 52, 1000))
    assert verdict(a_design(variants=TWO), arms, None, None).said == "no verdict: no sample size was fixed"
    alone = a_design(measure={"sample": {"per_variant": 10}})
    assert sample_of(alone) is None
    assert verdict(alone, arms[:1], None, None).said == "no verdict: there is nothing to compare with"


def test_the_sample_is_worked_out_beforehand_for_as_many_comparisons_as_there_are() -> None:
    sample = {"sample": {"baseline": 0.05, "effect": 0.01}}
    two = sample_of(a_design(variants=TWO, measure=sample))
    more = sample_of(a_design(variants=TWO, control_share=0.2, measure=sample))
    assert two == 8158
    assert more is not None
    assert more > 8158


# ---- test sends, tags, lines


async def test_a_test_goes_to_one_member_past_rate_and_schedule_and_counts_for_nothing(crowd: Crowd) -> None:
    member = await crowd.fan(earned=5)
    voice = Voice(crowd.shop.programme, SENTENCES)
    design = a_design(schedule={"at": "2027-12-01T10:00:00+01:00"})

    async def test(arm: str | None = None) -> str:
        return await crowd.shop.do(lambda session: send_test(
            session, session.get_one(Member, member), design, arm, voice, number_id=NUMBER, now=crowd.shop.now
        ))  # fmt: skip

    assert await test() == "message"
    assert await test() == "message"
    assert len(await crowd.rows()) == 2
    with pytest.raises(Refused, match="there is no variant z; there is: message"):
        await test("z")
    await crowd.opts_out(member)
    with pytest.raises(Refused, match="she cannot be written to: opted out"):
        await test()


async def test_tags_are_given_and_taken_and_found_again(crowd: Crowd) -> None:
    member = await crowd.fan()

    def work(session: Session, **change: Any) -> list[str]:
        return tag_member(session, session.get_one(Member, member), now=crowd.shop.now, **change)

    assert await crowd.shop.do(lambda session: work(session, add=["VIP", "vip", "gluten-free"])) == [
        "gluten-free", "vip",
    ]  # fmt: skip
    assert await crowd.shop.do(lambda session: work(session, remove=["vip", "never"])) == ["gluten-free"]
    with pytest.raises(Exception, match="is no tag"):
        await crowd.shop.do(lambda session: work(session, add=["två ord"]))
    with pytest.raises(Exception, match="at most 50"):
        await crowd.shop.do(lambda session: work(session, add=[f"tag-{number}" for number in range(60)]))
    assert await crowd.shop.ask(lambda session: tags_of(session, member)) == ["gluten-free"]


async def test_tags_come_with_imported_customers(crowd: Crowd, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    head = "phone,name,language,opt_in_evidence,points,tags\n"
    file.write_text(f"{head}+393331234567,Gilda,it,form,0,VIP; gluten-free\n+393331234568,Ugo,it,,0,\n", "utf-8")
    for row in [*read_rows(file), *read_rows(file)]:
        await crowd.shop.do(lambda session, row=row: import_row(session, crowd.shop.programme, row, now=crowd.shop.now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    found = await crowd.shop.ask(lambda session: list(session.scalars(select(MemberTag.tag).order_by(MemberTag.tag))))
    assert found == ["gluten-free", "vip"]
    file.write_text(f"{head}+393331234567,Gilda,it,form,0,so many words\n", "utf-8")
    with pytest.raises(Invalid, match=r"members\.csv:2: 'so many words' is no tag"):
        list(read_rows(file))


async def test_a_plan_is_shown_in_lines(crowd: Crowd) -> None:
    await crowd.fans(3)
    await crowd.fan(wants=False)
    design = a_design()
    lines = "\n".join(plan_lines(await crowd.counts(design), design))
    assert "audience      4 members" in lines
    assert "left out    1  no consent" in lines
    assert "cost          unknown as marketing, and 3 without a rate" in lines


async def test_campaigns_are_listed_newest_first(crowd: Crowd) -> None:
    await crowd.fans(2)
    await crowd.plans(a_design())
    await crowd.plans(a_design(id="spring"))
    found = await crowd.shop.ask(desk.overviews)
    assert [(one.name, one.state, one.recipients) for one in found] == [
        ("spring", "planned", {"planned": 2}), ("winter", "planned", {"planned": 2}),
    ]  # fmt: skip
    assert as_json(found)[0]["spent"] == "0"
