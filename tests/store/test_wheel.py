"""The wheel: offered with a promise, drawn once, paid out of stock, fair, and provable afterwards."""

import asyncio
from collections import Counter
from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from loyalty.errors import Conflict, Invalid, NotFound, Refused
from loyalty.games import draw
from loyalty.games.fairness import Fairness, fairness, replay
from loyalty.games.spins import fields_of
from loyalty.games.wheel import Proof
from loyalty.ids import MemberId, SpinId, new_id
from loyalty.merging.merge import merge
from loyalty.rights.erasure import erase
from loyalty.tables import Member, Spin
from tests.store.games import COFFEE, ESPRESSO, MUG, NOTHING, Arcade, a_wheel, fail_everywhere, prize, with_reward
from tests.store.helpers import Shop, a_key, points, reasons

OFTEN = {"count": 10_000, "every": "ever"}
TOTAL = 1000


@pytest.fixture
async def arcade(shop: Shop) -> Arcade:
    """A café with a wheel that members may spin as often as they like."""
    arcade = Arcade(shop)
    await arcade.puts_up(wheel=a_wheel(spins=OFTEN))
    return arcade


async def refusal(arcade: Arcade, member: MemberId) -> Refused:
    with pytest.raises(Refused) as refused:
        await arcade.offers(member)
    return refused.value


async def refused_draw(arcade: Arcade, spin: SpinId) -> str:
    with pytest.raises(Refused) as refused:
        await arcade.draws(spin)
    return refused.value.reason


# Offering


async def test_a_programme_has_no_wheel_unless_it_says_so(shop: Shop) -> None:
    assert (await refusal(Arcade(shop), await shop.member())).reason == "gone"


async def test_the_odds_are_published_before_each_spin(arcade: Arcade) -> None:
    offered = await arcade.offers(await arcade.shop.member())
    assert [(one.prize.id, one.chance) for one in offered.odds] == [
        ("coffee", Fraction(3, 10)), ("nothing", Fraction(1, 2)), ("voucher", Fraction(3, 20)),
        ("mug", Fraction(1, 20)),
    ]  # fmt: skip
    assert [(one.weight, one.total, one.left, one.instead and one.instead.id) for one in offered.odds] == [
        (300, TOTAL, None, None), (500, TOTAL, None, None), (150, TOTAL, None, None), (50, TOTAL, 3, "coffee"),
    ]  # fmt: skip
    assert offered.price == 0


async def test_the_odds_say_how_many_the_budget_still_allows(arcade: Arcade) -> None:
    cake = prize("cake", 1, gift={"points": 9}, cost="2.50", budget="7.60", instead="coffee")
    await arcade.puts_up(wheel=a_wheel(cake, prize("coffee", 1, gift={"points": 20}), spins=OFTEN, chance=False))
    member = await arcade.shop.member()
    lefts = []
    for _ in range(8):
        offered = await arcade.offers(member)
        lefts.append(offered.odds[0].left)
        await arcade.draws(offered.spin)
    assert lefts == [3, 2, 2, 1, 1, 0, 0, 0]
    assert await arcade.taken("cake") == 3
    assert await arcade.shop.points(member) == points(3 * 9 + 5 * 20)


async def test_a_spin_is_offered_with_the_hash_of_a_seed_that_nobody_is_told(arcade: Arcade) -> None:
    offered = await arcade.offers(await arcade.shop.member())
    row = await arcade.shop.ask(lambda session: session.get_one(Spin, offered.spin))
    assert offered.commitment == draw.commit(row.seed)
    assert row.seed not in repr(offered)
    proof = await arcade.proof(offered.spin)
    assert row.seed not in repr(proof)
    assert (proof.commitment, proof.seed, proof.number, proof.drawn) == (offered.commitment, None, None, None)
    assert not proof.holds


async def test_the_same_key_offers_the_same_spin(arcade: Arcade) -> None:
    member, other = await arcade.shop.member(), await arcade.shop.member()
    first = await arcade.offers(member, key="chat:1")
    assert await arcade.offers(member, key="chat:1") == first
    await arcade.draws(first.spin)
    assert (await arcade.offers(member, key="chat:1")).spin == first.spin
    with pytest.raises(Conflict, match="used for somebody else"):
        await arcade.offers(other, key="chat:1")


async def test_a_spin_that_was_not_drawn_is_offered_again_so_nobody_can_shop_for_promises(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    first = await arcade.offers(member)
    assert await arcade.offers(member) == first
    await arcade.draws(first.spin)
    second = await arcade.offers(member)
    assert second.spin != first.spin
    assert second.commitment != first.commitment


async def test_somebody_who_has_not_joined_cannot_spin(arcade: Arcade) -> None:
    assert (await refusal(arcade, await arcade.shop.member(joined=False))).reason == "not_joined"


async def test_the_wheel_can_be_spun_within_its_dates(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(spins=OFTEN, dates={"from": "2026-11-22", "until": "2026-11-22"}))
    member = await arcade.shop.member()
    assert (await refusal(arcade, member)).reason == "not_now"  # it is the 21st
    arcade.shop.clock.forward(timedelta(hours=13))  # midnight in Rome
    await arcade.spins(member)
    last = await arcade.offers(member)
    arcade.shop.clock.forward(timedelta(hours=24))
    assert (await refusal(arcade, member)).reason == "not_now"
    assert await refused_draw(arcade, last.spin) == "not_now"


async def test_a_member_has_so_many_spins_in_a_period(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(spins={"count": 2, "every": "week"}))
    member = await arcade.shop.member()  # on a Saturday
    await arcade.spins(member)
    await arcade.spins(member)
    refused = await refusal(arcade, member)
    assert (refused.reason, refused.facts) == ("limit", {"count": 2, "every": "week"})
    arcade.shop.clock.forward(timedelta(days=2))
    await arcade.spins(member)
    assert await arcade.drawn() == 3


async def test_an_offer_ends_with_its_period_and_a_new_one_can_be_had(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(spins={"count": 1, "every": "day"}))
    member = await arcade.shop.member()
    old = await arcade.offers(member)
    arcade.shop.clock.forward(timedelta(hours=13))
    assert await refused_draw(arcade, old.spin) == "over"
    new = await arcade.offers(member)
    assert new.spin != old.spin
    await arcade.draws(new.spin)
    assert await refused_draw(arcade, old.spin) == "over"
    assert await arcade.drawn() == 1


async def test_an_offer_ends_when_another_wheel_is_put_up(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    generous = await arcade.offers(member)
    await arcade.puts_up(wheel=a_wheel(NOTHING, prize("coffee", 1, gift={"points": 1}), spins={"count": 1}))
    assert await refused_draw(arcade, generous.spin) == "changed"
    new = await arcade.offers(member)
    assert [one.weight for one in new.odds] == [500, 1]
    await arcade.puts_up(wheel=a_wheel(spins=OFTEN))  # the first wheel again: what was offered then is good
    assert (await arcade.offers(member)).spin == generous.spin
    await arcade.puts_up()
    assert await refused_draw(arcade, generous.spin) == "gone"
    assert await arcade.drawn() == 0


async def test_two_offers_of_one_period_do_not_make_two_spins_of_one(arcade: Arcade) -> None:
    small, large = a_wheel(spins={"count": 1}), a_wheel(COFFEE, NOTHING, spins={"count": 1})
    await arcade.puts_up(wheel=small)
    member = await arcade.shop.member()
    first = await arcade.offers(member)
    await arcade.puts_up(wheel=large)
    await arcade.spins(member)
    await arcade.puts_up(wheel=small)
    assert await refused_draw(arcade, first.spin) == "limit"


async def test_an_offer_outlives_changes_that_leave_the_wheel_alone(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    offered = await arcade.offers(member)
    await arcade.changes_to(arcade.shop.programme.model_copy(update={"name": "Caffè Boreale"}))
    assert await arcade.offers(member) == offered
    assert (await arcade.draws(offered.spin)).spin == offered.spin


# Drawing


async def test_the_draw_is_what_seed_and_nonce_say(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    offered = await arcade.offers(member)
    drawn = await arcade.draws(offered.spin, nonce="buona fortuna")
    assert drawn.seed is not None
    assert drawn.nonce == "buona fortuna"
    assert draw.commit(drawn.seed) == offered.commitment
    assert drawn.number == draw.number(drawn.seed, offered.spin, "buona fortuna", TOTAL)
    fields = [draw.Field(one.prize.id, one.weight) for one in offered.odds]
    assert drawn.drawn.id == draw.prize_at(drawn.number, fields)
    assert drawn.given == drawn.drawn


async def test_a_second_draw_answers_the_same_whatever_the_nonce(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(COFFEE, ESPRESSO, spins=OFTEN))
    member = await arcade.shop.member()
    for _ in range(5):
        offered = await arcade.offers(member)
        first = await arcade.draws(offered.spin, nonce="one")
        before = await arcade.shop.points(member), await arcade.vouchers(member)
        for nonce in ("one", "two", ""):
            assert await arcade.draws(offered.spin, nonce=nonce) == first
        arcade.shop.clock.forward(timedelta(days=400))
        assert await arcade.draws(offered.spin) == first
        assert (await arcade.shop.points(member), await arcade.vouchers(member)) == before
    assert await arcade.shop.is_sound()


async def test_a_prize_of_points_is_earned_and_a_prize_of_a_reward_is_a_voucher(arcade: Arcade) -> None:
    await arcade.puts_up(
        wheel=a_wheel(prize("a", 1, gift={"points": 20}), MUG | {"instead": "a"}, chance=False, spins=OFTEN)
    )
    member = await arcade.shop.member()
    assert ((drawn := await arcade.spins(member)).points, drawn.code) == (20, None)
    assert await arcade.shop.points(member) == points(20)
    drawn = await arcade.spins(member)
    assert drawn.points == 5
    assert drawn.code is not None
    assert await arcade.shop.points(member) == points(25)
    assert await arcade.vouchers(member) == ["mug"]


async def test_a_field_without_a_gift_gives_nothing(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(NOTHING, prize("sorry", 1)))
    member = await arcade.shop.member()
    drawn = await arcade.spins(member)
    assert (drawn.points, drawn.code) == (0, None)
    assert await arcade.shop.points(member) == points(0)


async def test_a_reward_that_has_run_out_is_paid_in_points_never_a_loss(arcade: Arcade) -> None:
    await arcade.changes_to(with_reward(arcade.shop.programme, "espresso", stock=0))
    await arcade.puts_up(wheel=a_wheel(ESPRESSO, ESPRESSO | {"id": "other"}))
    member = await arcade.shop.member()
    drawn = await arcade.spins(member)
    assert (drawn.points, drawn.code) == (20, None)


async def test_a_nonce_must_be_something_one_can_type_again(arcade: Arcade) -> None:
    offered = await arcade.offers(await arcade.shop.member())
    for nonce in ("", "x" * 65, "two\nlines"):
        with pytest.raises(Invalid, match="1 to 64 printable signs"):
            await arcade.draws(offered.spin, nonce=nonce)
    assert await arcade.drawn() == 0


async def test_a_spin_that_is_not_there_or_another_programmes_cannot_be_drawn(arcade: Arcade) -> None:
    offered = await arcade.offers(await arcade.shop.member())
    with pytest.raises(NotFound, match="no such spin"):
        await arcade.draws(SpinId(new_id()))
    await arcade.changes_to(arcade.shop.programme.model_copy(update={"id": "bar"}))
    with pytest.raises(NotFound, match="no such spin"):
        await arcade.draws(offered.spin)


# The price


async def test_the_price_is_paid_with_the_draw_not_with_the_offer(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(NOTHING, prize("sorry", 1), price=30, spins=OFTEN))
    member = await arcade.shop.member()
    await arcade.shop.buys(member, "50.00")
    offered = await arcade.offers(member)
    assert offered.price == 30
    assert await arcade.shop.points(member) == points(50)
    await arcade.draws(offered.spin)
    await arcade.draws(offered.spin)
    assert await arcade.shop.points(member) == points(20, lifetime=50)
    refused = await refusal(arcade, member)
    assert (refused.reason, refused.facts) == ("points", {"missing": 10})
    assert await arcade.shop.is_sound()


async def test_a_draw_that_cannot_be_paid_leaves_nothing_even_if_its_caller_goes_on(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(MUG, COFFEE | {"weight": 1}, price=30))
    member = await arcade.shop.member()
    await arcade.shop.buys(member, "30.00")
    offered = await arcade.offers(member)
    await arcade.shop.redeems(member, "espresso")

    def as_the_chat_does(session: Session) -> str:
        try:
            arcade.drawing(offered.spin)(session)
        except Refused as refusal:
            return refusal.reason
        return "drawn"

    assert await arcade.shop.do(as_the_chat_does) == "points"
    assert (await arcade.proof(offered.spin)).nonce is None
    assert await arcade.taken("mug") == 0
    assert await arcade.shop.points(member) == points(10, lifetime=30)
    await arcade.shop.buys(member, "20.00")
    await arcade.draws(offered.spin)
    assert (await arcade.shop.points(member)).available in {5, 20}


# Stock


async def test_fifty_members_race_for_a_prize_of_which_there_are_three(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(MUG | {"weight": 10**6}, COFFEE | {"weight": 1}))
    members = [await arcade.shop.member() for _ in range(50)]
    spins = [(await arcade.offers(member)).spin for member in members]
    drawn = await asyncio.gather(*(arcade.draws(spin) for spin in spins))
    assert Counter(one.given.id for one in drawn) == {"mug": 3, "coffee": 47}
    assert await arcade.taken("mug") == 3
    for member, one in zip(members, drawn, strict=True):
        won = one.given.id == "mug"
        assert await arcade.shop.points(member) == points(5 if won else 20)
        assert await arcade.vouchers(member) == (["mug"] if won else [])
        assert one.points == (5 if won else 20)
    assert (await arcade.offers(await arcade.shop.member())).odds[0].left == 0
    assert await arcade.shop.is_sound()


async def test_of_many_draws_of_one_spin_at_once_one_counts(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(MUG, ESPRESSO, COFFEE, spins=OFTEN, price=1))
    member = await arcade.shop.member()
    await arcade.shop.buys(member, "10.00")
    for number in range(1, 4):
        offered = await arcade.offers(member)
        before = await arcade.shop.points(member)
        drawn = await asyncio.gather(*(arcade.draws(offered.spin, nonce=f"n{n}") for n in range(20)))
        assert len(set(map(repr, drawn))) == 1
        assert await arcade.drawn() == number
        after = await arcade.shop.points(member)
        assert after.available - before.available == drawn[0].points - 1
    assert await arcade.shop.is_sound()


async def test_of_many_offers_at_once_there_is_one_spin(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    offered = await asyncio.gather(*(arcade.offers(member) for _ in range(20)))
    assert len({one.spin for one in offered}) == 1
    assert await arcade.shop.ask(lambda session: session.scalar(select(func.count()).select_from(Spin))) == 1


async def test_members_who_never_stop_asking_stay_within_the_limit(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(spins={"count": 5, "every": "day"}))
    member = await arcade.shop.member()

    async def insists() -> None:
        while True:
            await arcade.spins(member)

    results = await asyncio.gather(*(insists() for _ in range(20)), return_exceptions=True)
    assert reasons(results) == ["limit"] * 20
    assert await arcade.drawn() == 5


async def test_a_failure_at_any_point_loses_and_doubles_nothing(arcade: Arcade) -> None:
    """The transaction is broken off at each statement in turn, then it is let through."""
    await arcade.puts_up(wheel=a_wheel(MUG, MUG | {"id": "cup"}, COFFEE, price=7))
    shop, member = arcade.shop, await arcade.shop.member()
    await shop.buys(member, "10.00")

    async def look() -> object:
        spins = await shop.ask(lambda session: session.execute(select(Spin.id, Spin.drawn, Spin.nonce)).all())
        stock = [await arcade.taken(one) for one in ("mug", "cup")]
        return spins, stock, await shop.points(member), await arcade.vouchers(member), await shop.audit()

    offered = await fail_everywhere(shop, arcade.offering(member, key=a_key()), look)
    drawn = await fail_everywhere(shop, arcade.drawing(offered.spin), look)
    assert await arcade.draws(offered.spin, nonce="another") == drawn
    assert await shop.points(member) == points(3 + drawn.points, lifetime=10 + drawn.points)
    assert await arcade.taken(drawn.drawn.id) == (drawn.drawn.id != "coffee")
    assert len(await arcade.vouchers(member)) == (drawn.drawn.id != "coffee")
    assert await shop.is_sound()


# Without chance


async def test_without_chance_prizes_come_in_the_published_order_the_same_for_everybody(arcade: Arcade) -> None:
    cake = prize("cake", 2, gift={"points": 3})
    await arcade.puts_up(wheel=a_wheel(cake, prize("nothing", 1), prize("pie", 1), chance=False, spins=OFTEN))
    for _ in range(2):
        member = await arcade.shop.member()
        drawn = [await arcade.spins(member) for _ in range(9)]
        assert [one.drawn.id for one in drawn] == ["cake", "cake", "nothing", "pie"] * 2 + ["cake"]
        assert [one.number for one in drawn] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
        assert {(one.seed, one.nonce) for one in drawn} == {(None, None)}
        proofs = [await arcade.proof(one.spin) for one in drawn]
        assert [proof.place for proof in proofs] == list(range(1, 10))
        assert all(proof.holds and proof.commitment is None for proof in proofs)


async def test_without_chance_an_offer_that_is_over_costs_nobody_her_turn(arcade: Arcade) -> None:
    one = {"chance": False, "spins": {"count": 1, "every": "day"}}
    await arcade.puts_up(wheel=a_wheel(prize("a", 1), prize("b", 1), **one))
    member = await arcade.shop.member()
    await arcade.offers(member)
    arcade.shop.clock.forward(timedelta(days=1))
    assert (await arcade.spins(member)).drawn.id == "a"
    arcade.shop.clock.forward(timedelta(days=1))
    assert (await arcade.spins(member)).drawn.id == "b"


async def test_without_chance_the_same_rules_of_stock_hold(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(MUG | {"weight": 1, "stock": 1}, COFFEE | {"weight": 1}, chance=False))
    first, second = await arcade.spins(await arcade.shop.member()), await arcade.spins(await arcade.shop.member())
    assert (first.drawn.id, first.given.id) == ("mug", "mug")
    assert (second.drawn.id, second.given.id) == ("mug", "coffee")


async def test_switching_chance_off_ends_what_was_offered_with_chance(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    await arcade.spins(member)
    offered = await arcade.offers(member)
    await arcade.puts_up(wheel=a_wheel(spins=OFTEN, chance=False))
    assert await refused_draw(arcade, offered.spin) == "changed"
    drawn = await arcade.spins(member)
    assert (drawn.number, drawn.seed) == (0, None)


# Proof


async def test_a_drawn_spin_can_be_verified_for_ever_with_the_wheel_as_it_was(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    offered = await arcade.offers(member)
    drawn = await arcade.draws(offered.spin)
    await arcade.puts_up()
    arcade.shop.clock.forward(timedelta(days=1000))
    proof = await arcade.proof(offered.spin)
    assert proof.holds
    assert (proof.seed, proof.nonce, proof.number, proof.drawn) == (drawn.seed, "ciao", drawn.number, drawn.drawn)
    assert draw.verify(
        spin=proof.spin, commitment=str(offered.commitment), seed=str(proof.seed), nonce=str(proof.nonce),
        fields=fields_of(proof.wheel), prize=drawn.drawn.id,
    )  # fmt: skip
    assert drawn.code is None or drawn.code not in repr(proof)


async def test_an_altered_spin_is_found(arcade: Arcade) -> None:
    shop, member = arcade.shop, await arcade.shop.member()
    spins = [(await arcade.spins(member)).spin for _ in range(5)]
    await arcade.puts_up(wheel=a_wheel(MUG | {"weight": 1}, COFFEE | {"weight": 1}, chance=False))
    spins.append((await arcade.spins(member)).spin)
    assert await findings(shop) == []
    proofs = [await arcade.proof(spin) for spin in spins]
    seed, hash_, nonce, both, given, place = proofs
    changes: list[dict[str, object]] = [
        {"seed": draw.commit(str(seed.seed))}, {"commitment": draw.commit(str(hash_.commitment))},
        {"nonce": other_nonce(nonce)}, {"drawn": other_prize(both), "prize": other_prize(both)},
        {"prize": other_prize(given)}, {"place": place.place and place.place + 1},
    ]  # fmt: skip
    for number, (proof, change) in enumerate(zip(proofs, changes, strict=True), 1):
        await shop.do(lambda session, proof=proof, change=change: _alter(session, proof.spin, change))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        found = await findings(shop)
        assert len(found) == number
        assert any(proof.spin in line for line in found)


async def test_the_spins_of_somebody_who_was_erased_count_but_cannot_be_proved_any_more(arcade: Arcade) -> None:
    shop, member = arcade.shop, await arcade.shop.member()
    drawn, offered = await arcade.spins(member), await arcade.offers(member)
    await shop.do(lambda session: erase(session, shop.programme, member, shop.now))
    proof = await arcade.proof(drawn.spin)
    assert (proof.nonce, proof.number, proof.drawn, proof.holds) == (None, None, drawn.drawn, False)
    with pytest.raises(NotFound, match="was erased"):
        await arcade.draws(drawn.spin)
    assert await refused_draw(arcade, offered.spin) == "not_joined"
    assert await findings(shop) == []
    assert [one.draws for one in await fit(shop)] == [1]


async def test_a_spin_goes_over_to_the_member_who_turns_out_to_be_the_same_person(arcade: Arcade) -> None:
    await arcade.puts_up(wheel=a_wheel(prize("a", 1, gift={"points": 2}), prize("b", 1), chance=False, spins=OFTEN))
    shop, keep, other = arcade.shop, await arcade.shop.member(), await arcade.shop.member()
    for member in (keep, other):
        await arcade.spins(member)
    offered = await arcade.offers(other)
    await shop.do(
        lambda session: merge(session, shop.programme, keep, other, author="staff", reason="same phone", now=shop.now)
    )
    assert (await shop.points(keep)).available == 4
    assert await arcade.offers(other) == offered  # whoever still has the old member in mind
    assert (await arcade.offers(keep)).spin == offered.spin
    assert (await arcade.draws(offered.spin)).drawn.id == "b"
    assert (await arcade.offers(keep)).spin != offered.spin
    assert await findings(shop) == []


def other_prize(proof: Proof) -> str:
    """One that cannot have come out."""
    return "voucher" if proof.drawn is not None and proof.drawn.id == "nothing" else "nothing"


def other_nonce(proof: Proof) -> str:
    """One with which another prize would have come out."""
    assert proof.drawn is not None
    for nonce in map(str, range(1000)):
        number = draw.number(str(proof.seed), proof.spin, nonce, TOTAL)
        if draw.prize_at(number, fields_of(proof.wheel)) != proof.drawn.id:
            return nonce
    raise AssertionError("there is hardly such a wheel")


def _alter(session: Session, spin: SpinId, change: dict[str, object]) -> None:
    session.execute(update(Spin).where(Spin.id == spin).values(**change))


async def findings(shop: Shop) -> list[str]:
    return await shop.ask(lambda session: list(replay(session, shop.programme)))


async def fit(shop: Shop) -> tuple[Fairness, ...]:
    return await shop.ask(lambda session: fairness(session, shop.programme))


@pytest.mark.timeout(300)  # 20 seconds on a quiet machine
async def test_two_thousand_spins_through_the_store_fit_the_odds(arcade: Arcade) -> None:
    """Members choose the nonce; the seeds are the store's own. An honest wheel fails this once in a million runs."""
    shop, members = arcade.shop, [await arcade.shop.member() for _ in range(20)]

    def a_hundred(session: Session, member: MemberId) -> Counter[str]:
        row = session.get_one(Member, member)
        seen: Counter[str] = Counter()
        for number in range(100):
            offered = arcade.offering(MemberId(row.id), key=a_key())(session)
            seen[arcade.drawing(offered.spin, nonce=str(number))(session).drawn.id] += 1
        return seen

    seen: Counter[str] = Counter()
    for member in members:
        seen += await shop.do(lambda session, member=member: a_hundred(session, member))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    (found,) = await fit(shop)
    assert (found.wheel, found.draws, seen.total()) == ("wheel", 2000, 2000)
    expected = {"coffee": 600, "nothing": 1000, "voucher": 300, "mug": 100}
    assert found.statistic == pytest.approx(sum((seen[id_] - often) ** 2 / often for id_, often in expected.items()))
    assert found.p is not None
    assert not found.suspicious
    assert await arcade.taken("mug") == 3
    assert await findings(shop) == []
    assert await shop.is_sound()


async def test_a_wheel_that_spares_its_prizes_is_found_though_every_draw_replays(arcade: Arcade) -> None:
    """As if the business had chosen the seeds when it knew the nonces already."""
    shop, member = arcade.shop, await arcade.shop.member()
    fields = [draw.Field(one.prize.id, one.weight) for one in (await arcade.offers(member)).odds]

    def cheat(session: Session) -> None:
        for number in range(400):
            spin, drawn = new_id(), "voucher"
            while drawn == "voucher":
                seed = draw.new_seed()
                drawn = draw.prize_at(draw.number(seed, spin, "ciao", TOTAL), fields)
            session.add(
                Spin(
                    id=spin, programme_id=shop.programme.id, member_id=member, wheel="wheel", period="ever",
                    number=number + 2, key=spin, revision=shop.programme.revision, commitment=draw.commit(seed),
                    seed=seed, nonce="ciao", place=None, drawn=drawn, prize=drawn, created_at=shop.now,
                    drawn_at=shop.now,
                )
            )  # fmt: skip

    await shop.do(cheat)
    assert await findings(shop) == []
    (found,) = await fit(shop)
    assert found.suspicious


async def test_spins_are_held_against_the_odds_they_were_offered_with(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    await arcade.spins(member)
    await arcade.changes_to(arcade.shop.programme.model_copy(update={"name": "Caffè Boreale"}))
    await arcade.spins(member)
    await arcade.puts_up(wheel=a_wheel(COFFEE, NOTHING, spins=OFTEN))
    await arcade.spins(member)
    await arcade.puts_up(wheel=a_wheel(COFFEE, NOTHING, spins=OFTEN, chance=False))
    await arcade.spins(member)
    assert [(one.draws, one.p, one.suspicious) for one in await fit(arcade.shop)] == [
        (2, None, False),
        (1, None, False),
    ]
