"""News in any order, as often as one likes, ends where a recomputation from scratch says."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from loyalty.books.overview import points_of
from loyalty.books.points import open_books
from loyalty.due import run_due
from loyalty.ids import Cause, MemberId
from loyalty.programme import Programme
from tests.made_up import NOW, in_any_order, news, plain_programmes, programmes
from tests.recomputed import Told, recompute
from tests.store.helpers import Shop, points
from tests.store.telling import balance, is_as_recomputed, known, tell


def patiently(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@given(data=st.data())
@patiently(15)
async def test_a_plain_programme_ends_as_recomputed(shop: Shop, cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(plain_programmes(cafe))
    told = data.draw(news(programme))
    mixed = data.draw(in_any_order(told))
    await shop.do(lambda session: ends_as_recomputed(session, known(session, [programme], NOW), told, mixed))


@given(data=st.data())
@patiently(40)
async def test_a_programme_that_looks_back_ends_as_recomputed(shop: Shop, cafe: Programme, data: st.DataObject) -> None:
    programme = data.draw(programmes(cafe))
    told = data.draw(news(programme))
    mixed = data.draw(in_any_order(told))
    await shop.do(lambda session: ends_as_recomputed(session, known(session, [programme], NOW), told, mixed))


def ends_as_recomputed(session: Session, member: MemberId, told: list[Told], mixed: list[Told]) -> None:
    for one in mixed:
        tell(session, member, one, NOW)
    is_as_recomputed(session, member, told, NOW)
    available, pending = balance(told, NOW)
    assert points_of(session, member) == points(available, pending=pending)


@given(data=st.data())
@patiently(30)
async def test_other_rules_change_what_comes_and_never_the_past(
    shop: Shop, cafe: Programme, data: st.DataObject
) -> None:
    """What is told later of an order is judged by the rules under which the order was recorded, beside new ones."""
    rules = [data.draw(st.one_of(plain_programmes(cafe), programmes(cafe))) for _ in range(2)]
    before = data.draw(news(rules[0], prefix="x"))
    orders = [one.key for one in before if one.kind == "purchase"]
    after = data.draw(news(rules[1], prefix="y", orders=orders))
    first, then = data.draw(in_any_order(before)), data.draw(in_any_order([*before, *after]))

    def work(session: Session) -> None:
        member = known(session, rules, NOW)
        for one in (*first, *(replace(one, rules=rules[1]) for one in then)):
            tell(session, member, one, NOW)
        is_as_recomputed(session, member, [*before, *after], NOW)

    await shop.do(work)


@given(data=st.data())
@patiently(20)
async def test_points_that_were_spent_become_the_same_debt_in_any_order(
    shop: Shop, cafe: Programme, data: st.DataObject
) -> None:
    programme = data.draw(programmes(cafe))
    told = data.draw(news(programme))
    early = [one for one in told if one.kind == "purchase" and data.draw(st.booleans())]
    rest = data.draw(in_any_order(told))

    def work(session: Session) -> None:
        member = known(session, [programme], NOW)
        for one in early:
            tell(session, member, one, NOW)
        spent = points_of(session, member).available
        if spent:
            books = open_books(session, programme.id, member, now=NOW)
            books.hold(spent, cause=Cause(f"hold:{member}"), memo={})
            books.settle(Cause(f"hold:{member}"), cause=Cause(f"spend:{member}"), spent=True, memo={})
        for one in rest:
            tell(session, member, one, NOW)
        is_as_recomputed(session, member, told, NOW)
        available, pending = balance(told, NOW)
        owed = max(spent - available, 0)
        wanted = points(max(available - spent, 0), pending=pending, debt=owed, lifetime=available + pending)
        assert points_of(session, member) == wanted

    await shop.do(work)


@given(data=st.data())
@patiently(12)
async def test_news_that_comes_over_weeks_ends_where_it_would_have_at_once(
    shop: Shop, cafe: Programme, data: st.DataObject
) -> None:
    """Points become available meanwhile, and what the last news changes is settled with what is there."""
    programme = data.draw(programmes(cafe))
    told = data.draw(news(programme))
    mixed = data.draw(in_any_order(told))
    pauses = [timedelta(hours=hours) for hours in data.draw(st.lists(st.integers(0, 200), min_size=len(mixed)))]
    member, now = await shop.do(lambda session: known(session, [programme], NOW)), NOW
    for one, pause in zip(mixed, pauses, strict=False):
        now += pause
        await shop.do(lambda session, one=one, now=now: tell(session, member, one, now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        if pause > timedelta(hours=100):
            await run_due(shop.store, programme, now=now)
    now += timedelta(days=30)
    await run_due(shop.store, programme, now=now)
    await shop.do(lambda session: is_as_recomputed(session, member, told, now))
    assert await shop.points(member) == points(sum(worth for worth, _ in recompute(told).values()))
