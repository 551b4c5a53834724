"""Referrals that wait for a person: the queue, decisions that may be overruled, appeals, and the trail of it all."""

import asyncio
from datetime import timedelta
from typing import Any, Literal

import pytest
from sqlalchemy import select

from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId
from loyalty.referral import reviews
from loyalty.referral.giving import Settled
from loyalty.referral.reviews import Review
from loyalty.referral.signals import remember
from loyalty.tables import Trail
from tests.store.helpers import Shop
from tests.store.referring import Club

DAY = timedelta(days=1)


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)


async def a_held_friend(shop: Shop, club: Club, referrer: MemberId, *, device: str = "phone") -> MemberId:
    """Somebody who shares a device with her referrer and has ordered."""
    friend = await club.a_friend_of(referrer)
    for member in (referrer, friend):
        await shop.do(
            lambda session, member=member: remember(session, shop.programme, member, "device", device, now=shop.now)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
    await club.buys(friend, "3.00", key=f"order of {friend}")
    assert await club.state(friend) == "held"
    return friend


async def decides(
    shop: Shop, club: Club, friend: MemberId, decision: Literal["accept", "reject"], *, author: str = "Vera"
) -> Settled:
    referral = (await club.referral(friend)).id
    return await shop.do(
        lambda session: reviews.decide(
            session, shop.programme, referral, decision=decision, author=author, reason="asked her", now=shop.now
        )
    )


async def appeals(shop: Shop, club: Club, friend: MemberId) -> Settled:
    referral = (await club.referral(friend)).id
    return await shop.do(
        lambda session: reviews.appeal(
            session, shop.programme, referral, author="Mario", reason="she called", now=shop.now
        )
    )


async def queue(shop: Shop, *, limit: int = 10, after: str | None = None) -> list[Review]:
    return await shop.ask(
        lambda session: reviews.open_reviews(session, shop.programme, shop.now, limit=limit, after=after)
    )


async def trail(shop: Shop) -> list[tuple[str, str, dict[str, Any]]]:
    query = select(Trail.actor, Trail.action, Trail.detail).order_by(Trail.id)
    return await shop.ask(lambda session: [(actor, action, detail) for actor, action, detail in session.execute(query)])


async def test_what_is_held_waits_in_the_queue_with_its_findings(shop: Shop, club: Club) -> None:
    await club.has_rule(review_days=7)
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    (review,) = await queue(shop)
    assert (review.referrer, review.friend, review.state, review.verdict) == (anna, bruno, "held", "hold")
    assert (review.decided_by, review.due_at, review.overdue) == (None, shop.now + 7 * DAY, False)
    (found,) = review.findings
    assert (found.finding.name, found.finding.reaction, found.at) == ("shared_device", "hold", shop.now)
    assert "the same device as the referrer" in found.finding.explanation
    assert found.finding.facts == {"with_referrer": True, "with_friends": 0}
    assert await club.available(anna, bruno) == [0, 3]


async def test_an_overdue_decision_changes_nothing(shop: Shop, club: Club) -> None:
    await club.has_rule(review_days=7)
    bruno = await a_held_friend(shop, club, await shop.member())
    due = (await club.referral(bruno)).review_due_at
    shop.clock.forward(7 * DAY)
    assert [review.overdue for review in await queue(shop)] == [True]
    shop.clock.forward(365 * DAY)
    await shop.tick()
    await club.buys(bruno, "3.00", at=due)
    assert await club.state(bruno) == "held"
    assert [(review.overdue, review.due_at) for review in await queue(shop)] == [(True, due)]


async def test_the_queue_comes_in_pages_oldest_first(shop: Shop, club: Club) -> None:
    await club.has_rule()
    friends = [await a_held_friend(shop, club, await shop.member(), device=str(number)) for number in range(5)]
    first = await queue(shop, limit=2)
    second = await queue(shop, limit=2, after=first[-1].referral)
    third = await queue(shop, limit=2, after=second[-1].referral)
    assert [review.friend for review in (*first, *second, *third)] == friends
    assert await queue(shop, limit=2, after=third[-1].referral) == []


async def test_all_referrals_can_be_listed_or_those_in_one_state(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    held, joined = await a_held_friend(shop, club, anna), await club.a_friend_of(anna)

    async def friends(**which: Any) -> list[MemberId]:
        found = await shop.ask(
            lambda session: reviews.list_referrals(session, shop.programme, shop.now, limit=10, **which)
        )
        return [review.friend for review in found]

    assert await friends() == [held, joined]
    assert await friends(state="joined") == [joined]
    referral = (await club.referral(joined)).id
    one = await shop.ask(lambda session: reviews.get_review(session, shop.programme, referral, shop.now))
    assert (one.friend, one.findings, one.verdict) == (joined, (), None)


async def test_who_accepts_has_both_sides_rewarded(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    settled = await decides(shop, club, bruno, "accept")
    assert (settled.before, settled.after) == ("held", "rewarded")
    assert settled.referrer is not None
    assert settled.referrer.points == 100
    assert await club.available(anna, bruno) == [100, 43]
    assert await queue(shop) == []
    assert await trail(shop) == [("Vera", "referral.accepted", {"was": "hold", "by": "checks", "reason": "asked her"})]
    assert await club.state(bruno) == "rewarded"  # however often it is looked at


async def test_the_same_decision_again_changes_nothing(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    await decides(shop, club, bruno, "accept")
    again = await decides(shop, club, bruno, "accept", author="Mario")
    assert (again.before, again.after, again.referrer, again.friend) == ("rewarded", "rewarded", None, None)
    assert (await club.referral(bruno)).decided_by == "Vera"
    assert len(await trail(shop)) == 1
    assert await club.available(anna, bruno) == [100, 43]


async def test_a_later_decision_overrules(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    balances = []
    for decision, author in (("accept", "Vera"), ("reject", "Mario"), ("accept", "Vera"), ("reject", "Vera")):
        await decides(shop, club, bruno, decision, author=author)  # type: ignore[arg-type]  # one of the two
        balances.append(await club.available(anna, bruno))
    assert balances == [[100, 43], [0, 3], [100, 43], [0, 3]]
    assert [(actor, action, detail["was"], detail["by"]) for actor, action, detail in await trail(shop)] == [
        ("Vera", "referral.accepted", "hold", "checks"),
        ("Mario", "referral.rejected", "accept", "Vera"),
        ("Vera", "referral.accepted", "reject", "Mario"),
        ("Vera", "referral.rejected", "accept", "Vera"),
    ]
    assert await shop.is_sound()


async def test_what_the_checks_accepted_can_be_rejected_too(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "3.00")
    assert await club.state(bruno) == "rewarded"
    settled = await decides(shop, club, bruno, "reject")
    assert (settled.after, sorted(settled.taken_back)) == ("rejected", ["friend", "referrer"])
    assert await club.available(anna, bruno) == [0, 3]


async def test_a_decision_outlives_a_refund_and_new_findings(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    await decides(shop, club, bruno, "accept")
    await club.refunds(f"order of {bruno}", "3.00")
    assert await club.state(bruno) == "undone"
    assert await club.available(anna, bruno) == [0, 0]
    for member in (anna, bruno):
        await shop.do(
            lambda session, member=member: remember(session, shop.programme, member, "email", "a@b.c", now=shop.now)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
    await club.buys(bruno, "4.00")
    assert await club.state(bruno) == "rewarded"
    assert await club.available(anna, bruno) == [100, 44]


async def test_what_was_rejected_can_be_appealed_against_and_is_held_anew(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    with pytest.raises(Refused) as refused:
        await appeals(shop, club, bruno)
    assert refused.value.reason == "not_rejected"
    await decides(shop, club, bruno, "reject")
    shop.clock.forward(30 * DAY)
    settled = await appeals(shop, club, bruno)
    assert (settled.before, settled.after) == ("rejected", "held")
    (review,) = await queue(shop)
    assert (review.decided_by, review.due_at, review.overdue) == ("Mario", shop.now + 14 * DAY, False)
    assert (await appeals(shop, club, bruno)).after == "held"  # again: nothing new
    await decides(shop, club, bruno, "accept")
    assert await club.available(anna, bruno) == [100, 43]
    assert [action for _, action, _ in await trail(shop)] == [
        "referral.rejected", "referral.appealed", "referral.accepted",
    ]  # fmt: skip


async def test_what_the_checks_rejected_can_be_appealed_against(shop: Shop, club: Club) -> None:
    await club.has_rule(checks={"shared_device": "reject", "an_hour": 100, "a_day": 100})
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    for member in (anna, bruno):
        await shop.do(
            lambda session, member=member: remember(session, shop.programme, member, "device", "d", now=shop.now)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
    await club.buys(bruno, "3.00")
    assert await club.state(bruno) == "rejected"
    await appeals(shop, club, bruno)
    assert await club.state(bruno) == "held"  # and the checks do not reject it again
    await decides(shop, club, bruno, "accept")
    assert await club.available(anna, bruno) == [100, 43]


async def test_about_a_friend_who_has_not_qualified_there_is_nothing_to_decide(shop: Shop, club: Club) -> None:
    await club.has_rule()
    bruno = await club.a_friend_of(await shop.member())
    await club.settles()
    with pytest.raises(Refused) as refused:
        await decides(shop, club, bruno, "accept")
    assert refused.value.reason == "nothing_to_decide"
    assert await trail(shop) == []


async def test_another_programmes_referral_is_not_found(shop: Shop, club: Club) -> None:
    await club.has_rule()
    bruno = await a_held_friend(shop, club, await shop.member())
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    with pytest.raises(NotFound):
        await decides(gym, club, bruno, "accept")
    with pytest.raises(NotFound):
        await gym.ask(lambda session: reviews.get_review(session, gym.programme, "nothing", gym.now))
    assert await queue(gym) == []


async def test_many_who_decide_at_once_leave_one_decision(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    work = [
        decides(shop, club, bruno, "accept" if number % 2 else "reject", author=str(number)) for number in range(10)
    ]
    await asyncio.gather(*work, club.settles(), club.settles())
    await club.settles()
    referral = await club.referral(bruno)
    expected = [100, 43] if referral.verdict == "accept" else [0, 3]
    assert await club.available(anna, bruno) == expected
    *_, last = await trail(shop)
    assert last[1] == {"accept": "referral.accepted", "reject": "referral.rejected"}[referral.verdict or ""]
    assert await shop.is_sound()


async def test_a_decision_about_one_friend_moves_the_months_limit(shop: Shop, club: Club) -> None:
    await club.has_rule(a_month=1)
    anna = await shop.member()
    bruno = await a_held_friend(shop, club, anna)
    shop.clock.forward(DAY)
    carla = await club.a_friend_of(anna)
    await club.buys(carla, "3.00")
    await club.settles()
    assert await club.available(anna, bruno, carla) == [100, 3, 43]
    await decides(shop, club, bruno, "accept")
    await club.settles()
    assert [(await club.referral(one)).referrer_given for one in (bruno, carla)] == [True, False]
    assert await club.available(anna, bruno, carla) == [100, 43, 43]
