"""What orders and activities earn where it depends on others: corrections, dry runs, many reports at once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.overview import movements
from loyalty.books.points import open_books
from loyalty.errors import Conflict, Invalid
from loyalty.games import quizzes
from loyalty.ids import Cause, MemberId
from loyalty.merging import merge
from loyalty.money import Money
from loyalty.orders.bills import Bill, Line
from loyalty.orders.earned import dry_run, settle_level
from loyalty.orders.purchases import FUTURE, OLDEST, Outcome
from loyalty.orders.subscriptions import record_subscription
from loyalty.orders.worth import Worth
from loyalty.people.members import join
from loyalty.programme import Programme
from loyalty.referral import referrals
from loyalty.revisions import ensure_programme
from loyalty.rules.earning import Bonus, Condition, Earning
from loyalty.rules.games import Games
from loyalty.rules.tiers import Tiers
from loyalty.tables import Base, Member, Purchase
from tests.made_up import NAMES, NOW, in_any_order, news, only_earning, programmes
from tests.recomputed import Told
from tests.store.helpers import Shop, points, set_up_member
from tests.store.telling import is_as_recomputed, tell

WELCOME = Bonus(id="welcome", name=NAMES, when=Condition(order=1), points=100)
ON_SATURDAYS = Bonus(id="saturdays", name=NAMES, when=Condition(days=frozenset({"sat"})), factor=Decimal(2))


def levels(measure: str, start: int, **said: object) -> Tiers:
    gold = {"id": "gold", "name": NAMES, "from": start, "factor": 3}
    return Tiers.model_validate({"measure": measure, "levels": [gold], **said})


def with_rules(shop: Shop, *, tiers: Tiers | None = None, **earning: object) -> None:
    """A point for every euro, and these rules besides."""
    rules = Earning.model_validate({"activities": shop.programme.earning.activities, **earning})
    shop.programme = only_earning(shop.programme).model_copy(update={"earning": rules, "tiers": tiers})


async def told(
    shop: Shop, member: MemberId, kind: str, key: str, at: datetime, amount: str = "0", **more: Any
) -> Outcome:
    """Report something; keys are the member's own."""
    one = Told(kind, key, at, shop.programme, amount=Decimal(amount), **more)
    return await shop.do(lambda session: tell(session, member, one, shop.now))


async def counts(shop: Shop) -> dict[str, int]:
    """How many rows every table has."""

    def work(session: Session) -> dict[str, int]:
        tables = Base.metadata.sorted_tables
        return {str(table.name): session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}

    return await shop.ask(work)


async def kinds(shop: Shop, member: MemberId) -> list[tuple[str, int]]:
    """A member's movements, oldest first."""
    found = await shop.ask(lambda session: movements(session, member, limit=50))
    return [(one.kind, one.points) for one in reversed(found)]


# What happened before changes what is earned after it


async def test_the_first_order_is_the_one_placed_first_not_the_one_told_first(shop: Shop) -> None:
    with_rules(shop, bonuses=(WELCOME,))
    member = await shop.member()
    assert (await told(shop, member, "purchase", "b", shop.now, "20.00")).points == 120
    assert (await told(shop, member, "purchase", "a", shop.now - timedelta(days=1), "10.00")).points == 110
    assert await kinds(shop, member) == [("purchase", 120), ("purchase", 110), ("correction", -100)]
    assert await shop.points(member) == points(130)
    assert await shop.is_sound()


async def test_when_the_first_order_is_refunded_the_second_becomes_the_first(shop: Shop) -> None:
    with_rules(shop, bonuses=(WELCOME,))
    member = await shop.member()
    for day, key in enumerate("abc"):
        await told(shop, member, "purchase", key, shop.now - timedelta(days=3 - day), "10.00")
    assert (await told(shop, member, "refund", "r", shop.now, "10.00", order="a")).points == -110
    assert (await kinds(shop, member))[-2:] == [("refund", -110), ("correction", 100)]
    assert await shop.points(member) == points(120)


async def test_a_level_that_rested_on_a_refunded_order_takes_its_points_with_it(shop: Shop) -> None:
    with_rules(shop, tiers=levels("spend", 100))
    member = await shop.member()
    for day, amount in enumerate(("100.00", "10.00", "10.00")):
        await told(shop, member, "purchase", f"o{day}", shop.now - timedelta(days=3 - day), amount)
    assert await shop.points(member) == points(100 + 30 + 30)
    await told(shop, member, "refund", "r", shop.now, "0.01", order="o0")
    assert await shop.points(member) == points(99 + 10 + 30)
    await told(shop, member, "edit", "e", shop.now, "100.00", order="o0")
    await told(shop, member, "edit", "f", shop.now + timedelta(hours=1), "100.01", order="o0")
    assert await shop.points(member) == points(100 + 30 + 30)
    assert await shop.is_sound()


async def test_a_cap_that_was_used_up_leaves_room_again_after_a_cancellation(shop: Shop) -> None:
    with_rules(shop, caps={"day": 25})
    member = await shop.member()
    for hour, key in enumerate("abc"):
        await told(shop, member, "purchase", key, shop.now - timedelta(hours=3 - hour), "20.00")
    assert await shop.points(member) == points(25)
    assert (await told(shop, member, "cancellation", "x", shop.now, order="a")).points == -20
    assert await shop.points(member) == points(25)
    kept = select(Purchase.points).where(Purchase.member_id == member).order_by(Purchase.occurred_at)
    assert list(await shop.ask(lambda session: session.scalars(kept).all())) == [0, 20, 5]


async def test_edits_and_cancellations_told_before_their_order_wait_for_it(shop: Shop) -> None:
    with_rules(shop, bonuses=(WELCOME,))
    member = await shop.member()
    assert await told(shop, member, "edit", "e", shop.now, "30.00", order="a") == Outcome(None, 0)
    assert await told(shop, member, "cancellation", "x", shop.now, order="b") == Outcome(None, 0)
    assert (await told(shop, member, "purchase", "b", shop.now - timedelta(days=2), "10.00")).points == 0
    assert (await told(shop, member, "purchase", "a", shop.now - timedelta(days=1), "10.00")).points == 130
    assert await shop.points(member) == points(130)


async def test_an_edit_up_and_down_ends_at_the_newest_one(shop: Shop) -> None:
    with_rules(shop)
    member = await shop.member()
    await told(shop, member, "purchase", "a", shop.now, "20.00")
    changes = [("e1", 3, "50.00", 30), ("e2", 1, "5.00", 0), ("e3", 2, "90.00", 0), ("e4", 4, "8.00", -42)]
    for key, hours, amount, change in changes:
        at = shop.now + timedelta(hours=hours)
        assert (await told(shop, member, "edit", key, at, amount, order="a")).points == change
    assert await shop.points(member) == points(8)


async def test_a_friend_who_qualified_makes_a_level_for_the_orders_after_it_though_it_was_settled_later(
    shop: Shop,
) -> None:
    with_rules(shop, tiers=levels("referrals", 1))
    terms = shop.programme.referral.model_copy(update={"referrer": None, "friend": None, "minimum": Decimal(0)})
    shop.programme = shop.programme.model_copy(update={"referral": terms})
    member, friend = await shop.member(), await shop.member(joined=False)

    def joins(session: Session) -> None:
        referrer, newcomer = (session.get_one(Member, one) for one in (member, friend))
        referrals.enter_code(session, shop.programme, newcomer, referrer.referral_code, now=shop.now)
        join(session, shop.programme, newcomer, now=shop.now)

    await shop.do(joins)
    shop.clock.forward(timedelta(days=1))
    for key, days in (("before", 2), ("at", 0.5), ("after", 0)):
        await told(shop, member, "purchase", key, shop.now - timedelta(days=days), "10.00")
    await told(shop, friend, "purchase", "theirs", shop.now - timedelta(days=0.5), "10.00")
    settle = partial(referrals.settle, programme=shop.programme, now=shop.now)
    await shop.do(settle)
    assert await shop.points(member) == points(10 + 10 + 30)
    await told(shop, friend, "refund", "theirs-r", shop.now, "10.00", order="theirs")
    await shop.do(settle)
    assert await shop.points(member) == points(30)
    await told(shop, friend, "purchase", "again", shop.now - timedelta(hours=1), "10.00")
    await shop.do(settle)
    assert await shop.points(member) == points(50)
    assert await shop.is_sound()


async def test_a_quiz_makes_a_level_for_the_orders_after_it_though_they_were_told_before(shop: Shop) -> None:
    """An attempt whose time is over ended when it was over, not when that was noticed."""
    question = {
        "text": NAMES,
        "answers": (NAMES, {language: f"not {name}" for language, name in NAMES.items()}),
        "right": 1,
    }
    quiz = {"id": "coffee", "name": NAMES, "questions": [question], "minutes": 10}
    with_rules(shop, tiers=levels("quizzes", 1))
    shop.programme = shop.programme.model_copy(update={"games": Games.model_validate({"quizzes": [quiz]})})
    member = await shop.member()
    await shop.do(
        lambda session: quizzes.start(session, shop.programme, session.get_one(Member, member), "coffee", now=shop.now)
    )
    shop.clock.forward(timedelta(hours=1))
    for key, minutes in (("during", 55), ("after", 30)):
        await told(shop, member, "purchase", key, shop.now - timedelta(minutes=minutes), "10.00")
    assert await shop.points(member) == points(20)
    await shop.tick()
    assert await shop.points(member) == points(10 + 30)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_level_that_counts_something_else_is_left_alone(shop: Shop) -> None:
    with_rules(shop, tiers=levels("spend", 1000))
    member = await shop.member()
    await told(shop, member, "purchase", "a", shop.now, "10.00")

    def work(session: Session) -> int:
        books = open_books(session, shop.programme.id, member, now=shop.now)
        return statements_of(session, lambda: settle_level(books, shop.programme, "quizzes", NOW, cause=Cause("no")))

    assert await shop.do(work) <= 2


async def test_a_subscription_that_is_told_late_makes_a_level_for_the_orders_within_it(shop: Shop) -> None:
    with_rules(shop, tiers=levels("subscription_months", 2))
    member = await shop.member()
    for day in (100, 50, 10):
        await told(shop, member, "purchase", f"o{day}", shop.now - timedelta(days=day), "10.00")
    began, ended = shop.now - timedelta(days=130), shop.now - timedelta(days=30)
    await shop.do(
        lambda session: record_subscription(
            session, shop.programme, member, key="s", started_at=began, ended_at=ended, told_at=shop.now, now=shop.now
        )
    )
    assert await shop.points(member) == points(10 + 30 + 10)
    assert (await told(shop, member, "purchase", "o40", shop.now - timedelta(days=40), "10.00")).points == 30


# Once


async def test_a_report_told_twenty_times_at_once_has_one_effect(shop: Shop) -> None:
    with_rules(shop, bonuses=(WELCOME,), caps={"month": 1000}, tiers=levels("points", 10, months=1))
    member = await shop.member()
    reports: list[tuple[str, str, str, dict[str, Any], int]] = [
        ("purchase", "a", "10.00", {}, 110),
        ("activity", "v", "0", {"name": "review"}, 15),
        ("refund", "r", "4.00", {"order": "a"}, -4),
        ("edit", "e", "20.00", {"order": "a"}, 10),
        ("cancellation", "x", "0", {"order": "a"}, -116),
    ]
    for kind, key, amount, more, effect in reports:
        before = (await shop.points(member)).available
        at = shop.now + timedelta(hours=kind != "purchase")
        found = await asyncio.gather(*(told(shop, member, kind, key, at, amount, **more) for _ in range(20)))
        assert Counter(outcome.repeated for outcome in found) == {False: 1, True: 19}
        assert (await shop.points(member)).available - before == effect
        first = next(outcome for outcome in found if not outcome.repeated)
        assert (first.member, first.points) == (member, effect)
        assert len({(outcome.member, outcome.points) for outcome in found if outcome.repeated}) == 1
        if kind in {"purchase", "activity"}:
            assert {outcome.points for outcome in found} == {effect}
    assert await shop.is_sound()


async def test_an_activity_told_at_once_for_several_members_is_one_members_and_a_conflict_for_the_others(
    shop: Shop,
) -> None:
    members = [await shop.member() for _ in range(6)]
    for round_ in range(5):
        outcomes = await asyncio.gather(
            *(shop.does(member, "review", key=f"r{round_}") for member in members), return_exceptions=True
        )
        assert Counter(type(outcome) for outcome in outcomes) == {Outcome: 1, Conflict: 5}
    assert sum([(await shop.points(member)).available for member in members]) == 5 * 15


async def test_a_change_told_at_once_of_several_orders_is_one_orders_and_a_conflict_for_the_others(shop: Shop) -> None:
    members = [await shop.member() for _ in range(6)]
    for number, member in enumerate(members):
        await shop.buys(member, "10.00", key=f"o{number}")
    outcomes = await asyncio.gather(
        *(shop.refunds(f"o{number}", "10.00", key="r") for number in range(6)), return_exceptions=True
    )
    assert Counter(type(outcome) for outcome in outcomes) == {Outcome: 1, Conflict: 5}
    assert sorted([(await shop.points(member)).available for member in members]) == [0, 10, 10, 10, 10, 10]


async def test_the_key_of_one_kind_of_change_cannot_be_used_for_another(shop: Shop) -> None:
    member = await shop.member()
    await told(shop, member, "purchase", "a", shop.now, "20.00")
    await told(shop, member, "refund", "r", shop.now, "4.00", order="a")
    for kind, amount in (("edit", "4.00"), ("cancellation", "0")):
        with pytest.raises(Conflict, match="reported before with other content"):
            await told(shop, member, kind, "r", shop.now, amount, order="a")
    assert await shop.points(member) == points(16)


async def test_the_amount_of_a_cancellation_counts_for_nothing(shop: Shop) -> None:
    member = await shop.member()
    await told(shop, member, "purchase", "a", shop.now, "20.00")
    await told(shop, member, "cancellation", "x", shop.now, "20.00", order="a")
    assert (await told(shop, member, "cancellation", "x", shop.now, "0.00", order="a")).repeated
    assert await shop.points(member) == points(0)


@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
async def test_news_that_comes_all_at_once_ends_as_recomputed(shop: Shop, cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(programmes(cafe))
    all_of_it = data.draw(news(programme))
    mixed = data.draw(in_any_order(all_of_it))
    member = await shop.do(lambda session: set_up_member(session, programme, NOW))
    await asyncio.gather(*(shop.do(lambda session, one=one: tell(session, member, one, NOW)) for one in mixed))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    await shop.do(lambda session: is_as_recomputed(session, member, all_of_it, NOW))


async def test_an_order_of_somebody_who_was_merged_is_her_own_and_known_again(shop: Shop) -> None:
    with_rules(shop, bonuses=(WELCOME,))
    keep, other = await shop.member(), await shop.member()
    await shop.buys(other, "10.00", key="a")
    await shop.do(
        lambda session: merge.merge(
            session, shop.programme, keep, other, author="a person", reason="the same one", now=shop.now
        )
    )
    assert await shop.buys(other, "10.00", key="a") == Outcome(keep, 110, repeated=True)
    assert await shop.buys(other, "10.00", key="b") == Outcome(keep, 10)
    assert (await shop.does(other, "review", key="v")).member == keep
    assert await shop.refunds("a", "10.00") == Outcome(keep, -110)
    assert await shop.points(keep) == points(110 + 15)


# Dry runs


def expected(shop: Shop, member: MemberId | None, order: Bill, at: datetime) -> Callable[[Session], Worth]:
    return lambda session: dry_run(session, shop.programme, member, order, at)


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_dry_run_says_what_the_order_then_earns(shop: Shop, cafe: Programme, data: st.DataObject) -> None:
    shop.programme = data.draw(programmes(cafe))
    others = data.draw(in_any_order(data.draw(news(shop.programme, prefix="before"))))
    order = next(one for one in data.draw(news(shop.programme, prefix="~")) if one.kind == "purchase")

    def work(session: Session) -> None:
        member = set_up_member(session, shop.programme, NOW)
        for one in others:
            tell(session, member, one, NOW)
        said = dry_run(session, shop.programme, member, Bill(order.amount, order.lines), order.at)
        assert tell(session, member, order, NOW).points == said.points

    await shop.do(work)


async def test_a_dry_run_names_every_rule_and_why_it_counts_or_not(shop: Shop) -> None:
    monday = Condition(days=frozenset({"mon"}), minimum=Decimal(20))
    bonuses = (WELCOME, ON_SATURDAYS, Bonus(id="mondays", name=NAMES, when=monday, points=5))
    with_rules(shop, bonuses=bonuses, tiers=levels("spend", 100), caps={"day": 50})
    member = await shop.member()
    await told(shop, member, "purchase", "a", shop.now - timedelta(days=1), "100.00")
    before = await counts(shop)
    said = await shop.ask(expected(shop, member, Bill(Decimal("15.50")), shop.now))
    assert [(one.rule, str(one.points), one.why) for one in said.applied] == [
        ("purchase", "15.50", "1 for each 1 of 15.50"),
        ("tier gold", "31.00", "3 times for gold"),
        ("bonus saturdays", "15.50", "2 times 15.50"),
        ("cap a day", "-12", "50 points a day at most"),
        ("bonus welcome", "0", "it is order 2, not 1"),
        ("bonus mondays", "0", "not on a Saturday; the order comes to 15.50, needs 20"),
    ]
    assert said.points == 50
    assert await counts(shop) == before
    assert (await told(shop, member, "purchase", "b", shop.now, "15.50")).points == 50


async def test_a_dry_run_for_somebody_new_begins_at_the_beginning(shop: Shop) -> None:
    with_rules(shop, bonuses=(WELCOME,), tiers=levels("spend", 0))
    assert (await shop.ask(expected(shop, None, Bill(Decimal(10)), shop.now))).points == 110


async def test_a_dry_run_of_a_moment_beyond_all_calendars_is_refused(shop: Shop) -> None:
    with_rules(shop, tiers=levels("spend", 0, months=120))
    member = await shop.member()
    for year in (1, 1900, 9999):
        with pytest.raises(Invalid, match="too far from today") as refused:
            await shop.ask(expected(shop, member, Bill(Decimal(10)), shop.now.replace(year=year)))
        assert refused.value.field == "occurred_at"


async def test_a_dry_run_shares_a_discount_among_the_lines_as_the_order_will(shop: Shop) -> None:
    with_rules(shop, purchase={"excluded": {"products": {"gift-card"}}})
    member = await shop.member()
    lines = (Line("gift-card", 1, Decimal("50.00")), Line("coffee", 1, Decimal("10.00")))
    said = await shop.ask(expected(shop, member, Bill(Decimal("30.00"), lines), shop.now))
    assert said.points == (await told(shop, member, "purchase", "a", shop.now, "30.00", lines=lines)).points == 5


# Bad input


MONTH = timedelta(days=30)
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("purchase", {"amount": "1000000000.01"}, "amount must be between 0 and", "amount"),
    ("purchase", {"amount": "NaN"}, "amount must be between 0 and", "amount"),
    ("purchase", {"amount": "Infinity"}, "amount must be between 0 and", "amount"),
    ("purchase", {"amount": "-0.01"}, "amount must be between 0 and", "amount"),
    ("refund", {"amount": "-5", "order": "a"}, "amount must be between 0 and", "amount"),
    ("edit", {"amount": "1e30", "order": "a"}, "amount must be between 0 and", "amount"),
    ("purchase", {"at": FUTURE + timedelta(seconds=1)}, "lies in the future", "occurred_at"),
    ("refund", {"at": 400 * MONTH, "order": "a"}, "lies in the future", "occurred_at"),
    ("activity", {"at": 90_000 * MONTH, "name": "review"}, "lies in the future", "occurred_at"),
    ("purchase", {"at": -OLDEST - timedelta(seconds=1)}, "more than ten years back", "occurred_at"),
    ("cancellation", {"at": -24_000 * MONTH, "order": "a"}, "more than ten years back", "occurred_at"),
    ("activity", {"at": -OLDEST - MONTH, "name": "review"}, "more than ten years back", "occurred_at"),
    ("activity", {"name": "dancing"}, "knows no activity 'dancing'; it has: newsletter, review", "activity"),
    ("activity", {"name": ""}, "knows no activity ''", "activity"),
    ("purchase", {"lines": (Line("mug", -1),)}, "'mug' has a quantity or an amount that cannot be", "lines"),
    ("purchase", {"lines": (Line("mug", 1, Decimal(-1)),)}, "an amount that cannot be", "lines"),
    ("edit", {"lines": (Line("mug", 1, Decimal("sNaN")),), "order": "a"}, "an amount that cannot be", "lines"),
    ("purchase", {"key": "x" * 200}, "id has 1 to 200 characters", "id"),
    ("activity", {"key": "a\0b", "name": "review"}, "id has 1 to 200 characters", "id"),
    ("refund", {"order": "x" * 200}, "purchase_id has 1 to 200 characters", "purchase_id"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "reason", "field"), BAD)
async def test_what_cannot_be_is_refused_with_the_reason_and_changes_nothing(
    shop: Shop, kind: str, said: dict[str, Any], reason: str, field: str
) -> None:
    with_rules(shop, bonuses=(WELCOME,), caps={"day": 500})
    member = await shop.member()
    await told(shop, member, "purchase", "a", shop.now, "10.00")
    before, balance = await counts(shop), await shop.points(member)
    more = {"amount": "1.00", "key": "b", **said}
    at = shop.now + more.pop("at", timedelta(0))
    with pytest.raises(Invalid, match=reason) as refused:
        await told(shop, member, kind, more.pop("key"), at, more.pop("amount"), **more)
    assert refused.value.field == field
    assert (await counts(shop), await shop.points(member)) == (before, balance)


async def test_money_the_programme_does_not_count_in_is_refused_for_changes_too(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00", key="a")
    before = await counts(shop)
    one = Told("refund", "r", shop.now, shop.programme.model_copy(update={"currency": "JPY"}), order="a")
    with pytest.raises(Invalid, match="counts in JPY, not in EUR"):
        await shop.do(lambda session: tell(session, member, one, shop.now))
    with pytest.raises(Invalid, match="unknown currency 'EURO'"):
        Money.parse("1.00", "EURO")
    assert await counts(shop) == before


async def test_an_activity_told_again_is_known_though_the_programme_dropped_it(shop: Shop) -> None:
    member = await shop.member()
    await shop.does(member, "review", key="r")
    with_rules(shop, activities={})
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))
    assert await shop.does(member, "review", key="r") == Outcome(member, 15, repeated=True)
    with pytest.raises(Invalid, match="it has: none"):
        await shop.does(member, "review", key="s")


# What it costs


def statements_of(session: Session, work: Callable[[], object]) -> int:
    """How many statements some work sends to SQLite."""
    sent: list[str] = []
    driver: Any = session.connection().connection.dbapi_connection
    driver.set_trace_callback(sent.append)
    try:
        work()
    finally:
        driver.set_trace_callback(None)
    return len(sent)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("late", [False, True], ids=["told in order", "told before all others"])
async def test_the_number_of_questions_does_not_grow_with_what_happened(shop: Shop, late: bool) -> None:
    """However many orders there are. Only those whose worth changes are written, each with a posting."""
    with_rules(shop, tiers=levels("spend", 10**6, months=12), bonuses=(ON_SATURDAYS,), caps={"month": 10**6})
    member = await shop.member()
    sent = []
    for number in range(2):
        for other in range(3 if number == 0 else 40):
            key, at = f"{number}-{other}", shop.now - timedelta(days=2, minutes=number * 100 + other)
            await told(shop, member, "purchase", key, at, "1.00")
            await told(shop, member, "refund", f"{key}-r", at, "0.50", order=key)
        at = shop.now - timedelta(days=3 if late else 0)
        one = Told("purchase", f"last-{number}", at, shop.programme, amount=Decimal(10))
        sent.append(
            await shop.do(
                lambda session, one=one: statements_of(session, lambda: tell(session, member, one, shop.now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            )
        )
        kept = select(Purchase.points).where(Purchase.member_id == member, Purchase.key.endswith(f"last-{number}"))
        assert await shop.ask(lambda session, kept=kept: session.scalar(kept)) == (10 if late else 20)  # type: ignore[misc]  # as above
    assert sent[0] == sent[1]


async def test_what_lies_before_the_window_is_not_read(shop: Shop) -> None:
    """Orders of the year before last are counted by the database where they must be, and never fetched."""
    with_rules(shop, tiers=levels("spend", 50, months=1), bonuses=(WELCOME,), caps={"day": 500})
    member = await shop.member()
    for number in range(3):
        await told(shop, member, "purchase", f"old-{number}", shop.now - timedelta(days=600 + number), "60.00")

    def spoil(session: Session) -> None:
        for row in session.scalars(select(Purchase).where(Purchase.member_id == member)):
            row.lines = [{"nobody": "could read this"}]

    await shop.do(spoil)
    assert (await told(shop, member, "purchase", "new", shop.now, "60.00")).points == 60
    assert (await told(shop, member, "purchase", "newer", shop.now, "10.00")).points == 30
    with pytest.raises(KeyError):
        await told(shop, member, "refund", "r", shop.now, "1.00", order="old-1")
    assert await shop.ask(lambda session: session.get_one(Member, member).id) == member
