"""The checks in the store: rings, friends by the dozen, shared signals; each with what it looked at."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from loyalty.ids import MemberId
from loyalty.referral.signals import remember
from loyalty.tables import Finding, Identity, Member, Referral
from tests.store.helpers import Shop
from tests.store.referring import Club

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ON_JOINING = {"on": "registration"}


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)


async def findings(shop: Shop, club: Club, friend: MemberId) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What was found about a friend's referral: name, reaction, facts."""
    referral = (await club.referral(friend)).id
    query = select(Finding.name, Finding.reaction, Finding.facts).where(Finding.referral_id == referral)
    return await shop.ask(lambda session: [(n, r, f) for n, r, f in session.execute(query.order_by(Finding.id))])


async def is_seen(shop: Shop, kind: str, value: str, *members: MemberId) -> None:
    for member in members:
        await shop.do(
            lambda session, member=member: remember(session, shop.programme, member, kind, value, now=shop.now)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )


async def a_line(club: Club, shop: Shop, length: int) -> list[MemberId]:
    """Members each of whom brought the next."""
    line = [await shop.member(joined=False)]
    for _ in range(length - 1):
        line.append(await club.a_friend_of(line[-1], joined=False))
        shop.clock.forward(MINUTE)
    return line


@pytest.mark.parametrize("length", [2, 3, 5, 21])
async def test_the_code_that_closes_a_ring_is_rejected_and_the_others_stand(
    shop: Shop, club: Club, length: int
) -> None:
    await club.has_rule()
    line = await a_line(club, shop, length)
    await club.brings(line[-1], line[0])
    for number, member in enumerate(line):
        await club.buys(member, "3.00", key=str(number))
    await club.settles()
    assert [(await club.referral(member)).state for member in line] == ["rejected"] + ["rewarded"] * (length - 1)
    assert await findings(shop, club, line[0]) == [("circle", "reject", {"members": line})]
    assert await club.available(line[0], line[-1]) == [100 + 3, 40 + 3]
    assert await shop.is_sound()


async def test_a_ring_is_looked_for_up_to_twenty_steps(shop: Shop, club: Club) -> None:
    await club.has_rule()
    line = await a_line(club, shop, 22)
    await club.brings(line[-1], line[0])
    await club.buys(line[0], "3.00")
    assert await club.state(line[0]) == "rewarded"


async def test_who_closes_a_ring_does_not_depend_on_when_it_is_settled(shop: Shop, club: Club) -> None:
    await club.has_rule()
    anna = await shop.member(joined=False)
    bruno = await club.a_friend_of(anna)
    await club.buys(bruno, "3.00")
    assert await club.state(bruno) == "rewarded"
    shop.clock.forward(MINUTE)
    await club.brings(bruno, anna)
    await club.buys(anna, "3.00")
    assert [await club.state(friend) for friend in (anna, bruno)] == ["rejected", "rewarded"]


async def test_more_friends_in_an_hour_than_usual_are_held(shop: Shop, club: Club) -> None:
    await club.has_rule(**ON_JOINING, checks={"an_hour": 2, "a_day": 3})
    anna = await shop.member()
    friends = []
    for pause in (0, 20, 20, 25, 1):  # minutes
        shop.clock.forward(pause * MINUTE)
        friends.append(await club.a_friend_of(anna))
    await club.settles()
    assert [(await club.referral(friend)).state for friend in friends] == [
        "rewarded", "rewarded", "held", "held", "held",
    ]  # fmt: skip
    assert await findings(shop, club, friends[2]) == [("an_hour", "hold", {"friends": 3, "most": 2})]
    assert await findings(shop, club, friends[3]) == [
        ("an_hour", "hold", {"friends": 3, "most": 2}), ("a_day", "hold", {"friends": 4, "most": 3}),
    ]  # fmt: skip
    shop.clock.forward(DAY)
    assert await club.state(await club.a_friend_of(anna)) == "rewarded"
    assert (await club.available(anna)) == [300]


async def test_friends_of_others_are_not_counted(shop: Shop, club: Club) -> None:
    await club.has_rule(**ON_JOINING, checks={"an_hour": 1, "a_day": 1})
    for _ in range(3):
        assert await club.state(await club.a_friend_of(await shop.member())) == "rewarded"


@pytest.mark.parametrize(
    ("kind", "state"), [("payment", "held"), ("device", "held"), ("address", "held"), ("email", "rejected")]
)
async def test_something_shared_with_the_referrer(shop: Shop, club: Club, kind: str, state: str) -> None:
    await club.has_rule(**ON_JOINING)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await is_seen(shop, kind, "Anna.Rossi+x@gmail.com", anna)
    await is_seen(shop, kind, "Anna.Rossi+x@gmail.com", bruno)
    assert await club.state(bruno) == state
    reaction = "reject" if state == "rejected" else "hold"
    assert await findings(shop, club, bruno) == [
        (f"shared_{kind}", reaction, {"with_referrer": True, "with_friends": 0})
    ]
    assert await club.available(anna, bruno) == [0, 0]


async def test_of_friends_who_share_something_the_first_is_rewarded(shop: Shop, club: Club) -> None:
    await club.has_rule(**ON_JOINING)
    anna, stranger = await shop.member(), await shop.member()
    friends = []
    for _ in range(3):
        friends.append(await club.a_friend_of(anna))
        shop.clock.forward(MINUTE)
    await is_seen(shop, "payment", "card", stranger, *reversed(friends))
    await club.settles()
    assert [(await club.referral(friend)).state for friend in friends] == ["rewarded", "held", "held"]
    last = ("shared_payment", "hold", {"with_referrer": False, "with_friends": 2})
    assert (await findings(shop, club, friends[2]))[-1] == last


async def test_a_signal_that_comes_to_light_takes_back_what_was_given(shop: Shop, club: Club) -> None:
    await club.has_rule(pending_days=7)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await is_seen(shop, "device", "phone", bruno)
    await club.buys(bruno, "3.00")
    assert await club.state(bruno) == "rewarded"
    shop.clock.forward(6 * DAY)
    await is_seen(shop, "device", "phone", anna)
    assert await club.state(bruno) == "held"
    assert [one.pending for one in await club.points(anna, bruno)] == [0, 0]
    assert (await club.referral(bruno)).review_due_at == shop.now + 14 * DAY


async def test_a_reward_is_not_in_doubt_for_ever(shop: Shop, club: Club) -> None:
    await club.has_rule(pending_days=7)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await is_seen(shop, "device", "phone", bruno)
    await club.buys(bruno, "3.00")
    assert await club.state(bruno) == "rewarded"
    shop.clock.forward(8 * DAY + MINUTE)
    await is_seen(shop, "device", "phone", anna)
    assert await club.state(bruno) == "rewarded"


async def test_two_spellings_of_one_identity_are_one_person(shop: Shop, club: Club) -> None:
    await club.has_rule(**ON_JOINING)
    anna = await shop.member(phone="+525512345678")
    bruno = await club.a_friend_of(anna)
    row = {
        "programme_id": shop.programme.id, "member_id": bruno, "kind": "phone", "value": "+5215512345678",
        "created_at": shop.now,
    }  # fmt: skip
    await shop.do(lambda session: session.execute(insert(Identity).values(**row)).close())
    assert await club.state(bruno) == "rejected"
    assert await findings(shop, club, bruno) == [("self", "reject", {"member": anna, "kinds": ["phone"]})]


async def test_members_who_turn_out_to_be_one_person_have_brought_nobody(shop: Shop, club: Club) -> None:
    await club.has_rule(**ON_JOINING)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    assert await club.state(bruno) == "rewarded"
    merged = update(Referral).values(referrer_id=bruno, unsettled=True)
    await shop.do(lambda session: session.execute(merged).close())
    assert await club.state(bruno) == "rejected"
    assert await findings(shop, club, bruno) == [("self", "reject", {"member": bruno})]


async def test_a_finding_is_kept_once_however_often_it_is_made(shop: Shop, club: Club) -> None:
    await club.has_rule(**ON_JOINING)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await is_seen(shop, "device", "phone", anna, bruno)
    await club.settles()
    for _ in range(3):
        await shop.do(lambda session: session.execute(update(Referral).values(unsettled=True)).close())
        await club.settles()
    assert len(await findings(shop, club, bruno)) == 1
    await is_seen(shop, "address", "Via Roma 1", anna, bruno)
    await club.settles()
    assert [name for name, _, _ in await findings(shop, club, bruno)] == ["shared_device", "shared_address"]


async def test_what_was_found_about_somebody_who_was_erased_holds(shop: Shop, club: Club) -> None:
    """With her, what it was found by is gone."""
    await club.has_rule(**ON_JOINING)
    anna = await shop.member()
    bruno = await club.a_friend_of(anna)
    await is_seen(shop, "device", "phone", anna, bruno)
    assert await club.state(bruno) == "held"

    def erased(session: Any) -> None:
        session.execute(update(Member).where(Member.id == bruno).values(erased_at=shop.now))
        for table in ("signal", "identity"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
        session.execute(update(Referral).values(unsettled=True))

    await shop.do(erased)
    assert await club.state(bruno) == "held"
    assert await club.available(anna) == [0]
