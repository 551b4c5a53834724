"""Vouchers at the till: each is used exactly as often as it can be, within its time, whoever asks how often at once."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from loyalty.codes import ALPHABET, show_code
from loyalty.due import Done, run_due
from loyalty.errors import Conflict, NotFound, Refused
from loyalty.ids import MemberId
from loyalty.rewards import vouchers
from loyalty.rewards.stock import Taken
from loyalty.rewards.vouchers import Use
from loyalty.rules.parts import Gift
from loyalty.tables import Trail, Voucher, VoucherUse
from tests.store.fragile import fail_everywhere
from tests.store.helpers import Shop, reasons
from tests.store.rewards import (
    a_reward,
    consumes,
    everything,
    gives,
    offers,
    reverses,
    stock_adds_up,
    taken,
    undoes,
    validity,
    voucher_of,
    with_points,
)

INSTANT = timedelta(microseconds=1)
FIVE_OFF = a_reward("five-off", kind="amount", value="5", minimum="20.00", uses=3, voucher_days=10, stock=40)
COFFEE = a_reward("coffee")
MIDNIGHT = datetime(2026, 12, 1, 23, tzinfo=UTC)
"""When a voucher for five off ends that was issued on 21 November: the day is over in Rome."""


@pytest.fixture
async def member(shop: Shop) -> MemberId:
    """A member of a shop with a discount that can be used three times, and coffee."""
    await offers(shop, FIVE_OFF, COFFEE)
    return await with_points(shop, 100)


async def issue(shop: Shop, member: MemberId, reward: str = "five-off", *, origin: str = "goal:1") -> str:
    """The code of a voucher that was given."""
    given = await gives(shop, member, Gift.model_validate({"reward": reward}), origin=origin)
    assert given.voucher is not None
    return given.voucher.code


async def uses(shop: Shop) -> list[VoucherUse]:
    return await shop.ask(lambda session: list(session.scalars(select(VoucherUse).order_by(VoucherUse.key))))


async def status(shop: Shop, origin: str = "goal:1") -> tuple[str, int]:
    voucher = await voucher_of(shop, origin)
    assert voucher is not None
    return voucher.status, voucher.used


async def refused(shop: Shop, code: str, amount: str | None = "50.00", *, key: str | None = None) -> str:
    """Why a voucher is refused at the till."""
    with pytest.raises(Refused) as refusal:
        await consumes(shop, code, amount=amount, key=key)
    return refusal.value.reason


# ---- codes


async def test_a_code_has_at_least_sixty_bits_of_entropy_and_a_check_character(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    assert (len(code) - 1) * math.log2(len(ALPHABET)) >= 60
    wrong = [sign for sign in ALPHABET if sign != code[3]]
    found = [await validity(shop, code[:3] + sign + code[4:]) for sign in wrong]
    assert {one.why_not for one in found} == {"unknown"}


async def test_a_code_may_be_typed_in_small_letters_with_spaces_and_dashes(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    for typed in (show_code(code), code.lower(), f"  {code[:3]} {code[3:]}", show_code(code).replace("-", "–")):
        assert (await validity(shop, typed)).why_not is None
    assert (await consumes(shop, show_code(code).lower(), amount="20")).reward == "five-off"


@pytest.mark.parametrize("typed", ["", "  ", "2" * 13, "O0I1", "2345-6789-ABCD-EF", "'; DROP TABLE voucher; --", "é"])
async def test_what_is_no_code_is_unknown(shop: Shop, member: MemberId, typed: str) -> None:
    await issue(shop, member)
    assert (await validity(shop, typed)) == vouchers.Validity("unknown", None)
    assert await refused(shop, typed) == "unknown"


async def test_a_code_of_another_programme_is_unknown(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    assert (await validity(gym, code)).why_not == "unknown"
    assert await refused(gym, code) == "unknown"


# ---- what a till is told


async def test_a_till_is_told_what_a_voucher_is_good_for(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    told = await validity(shop, code)
    assert told.why_not is None
    assert told.voucher is not None
    assert (told.voucher.kind, told.voucher.value, told.voucher.minimum) == ("amount", Decimal(5), Decimal("20.00"))
    assert (told.voucher.uses - told.voucher.used, told.voucher.expires_at) == (3, MIDNIGHT)


async def test_a_voucher_keeps_the_terms_it_was_issued_with(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    await offers(shop, a_reward("five-off", kind="amount", value="1", minimum="90.00"), COFFEE)
    told = await validity(shop, code)
    assert told.voucher is not None
    assert (told.voucher.value, told.voucher.uses) == (Decimal(5), 3)
    assert (await consumes(shop, code, amount="20")).value == Decimal(5)


async def test_an_order_below_the_minimum_is_refused(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    assert (await validity(shop, code, "19.99")).why_not == "minimum"
    assert (await validity(shop, code, "20.00")).why_not is None
    with pytest.raises(Refused) as refusal:
        await consumes(shop, code, amount="19.99")
    assert (refusal.value.reason, refusal.value.facts) == ("minimum", {"minimum": "20.00"})
    assert await refused(shop, code, None) == "minimum"  # an order that is not told is not large enough
    assert await status(shop) == ("issued", 0)
    assert await uses(shop) == []


async def test_without_a_minimum_the_order_need_not_be_told(shop: Shop, member: MemberId) -> None:
    await consumes(shop, await issue(shop, member, "coffee"))
    assert await status(shop) == ("used", 1)


# ---- using


async def test_a_voucher_is_used_as_often_as_it_can_be(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    for number in (1, 2):
        await consumes(shop, code, amount="20")
        assert await status(shop) == ("issued", number)
    await consumes(shop, code, amount="20")
    assert await status(shop) == ("used", 3)
    assert (await validity(shop, code)).why_not == "used"
    assert await refused(shop, code) == "used"
    assert [(one.place, one.order_amount, one.used_at) for one in await uses(shop)] == [
        ("till 1", Decimal(20), shop.now)
    ] * 3


async def test_the_same_key_gets_the_same_answer_and_uses_it_once(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member, "coffee")
    first = await consumes(shop, code, key="sale 1", amount="8.00")
    shop.clock.forward(timedelta(days=400))
    await shop.tick()
    assert await consumes(shop, code, key="sale 1", amount="8.00") == first
    assert await status(shop) == ("used", 1)


async def test_the_same_key_for_another_voucher_is_a_conflict(shop: Shop, member: MemberId) -> None:
    first, second = [await issue(shop, member, origin=f"goal:{number}") for number in (1, 2)]
    await consumes(shop, first, key="sale 1", amount="20")
    with pytest.raises(Conflict, match="used for another voucher"):
        await consumes(shop, second, key="sale 1", amount="20")
    assert await status(shop, "goal:2") == ("issued", 0)


async def test_keys_of_another_programme_are_others(shop: Shop, member: MemberId) -> None:
    await consumes(shop, await issue(shop, member), key="sale 1", amount="20")
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    code = await issue(gym, await with_points(gym, 100))
    await consumes(gym, code, key="sale 1", amount="20")
    assert len(await uses(shop)) == 2


@pytest.mark.parametrize(("reward", "times"), [("coffee", 1), ("five-off", 3)])
async def test_of_fifty_tills_at_once_exactly_as_many_win_as_there_are_uses(
    shop: Shop, member: MemberId, reward: str, times: int
) -> None:
    code = await issue(shop, member, reward)
    results = await asyncio.gather(
        *(consumes(shop, code, key=f"sale {number}", amount="20") for number in range(50)), return_exceptions=True
    )
    assert reasons(results) == ["used"] * (50 - times)
    assert await status(shop) == ("used", times)
    assert {one.key for one in await uses(shop)} == {one.key for one in results if isinstance(one, Use)}


async def test_of_fifty_calls_with_one_key_all_get_the_same_answer(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    answers = await asyncio.gather(*(consumes(shop, code, key="sale 1", amount="20") for _ in range(50)))
    assert set(answers) == {answers[0]}
    assert await status(shop) == ("issued", 1)


async def test_of_two_vouchers_at_once_with_one_key_one_wins(shop: Shop, member: MemberId) -> None:
    codes = [await issue(shop, member, origin=f"goal:{number}") for number in range(8)]
    results = await asyncio.gather(
        *(consumes(shop, code, key="sale 1", amount="20") for code in codes), return_exceptions=True
    )
    assert sum(isinstance(one, Conflict) for one in results) == 7
    assert len(await uses(shop)) == 1
    assert sum([(await status(shop, f"goal:{number}"))[1] for number in range(8)]) == 1


async def test_a_use_that_is_killed_anywhere_did_nothing(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member, "coffee")
    await fail_everywhere(
        shop,
        lambda session: vouchers.consume(
            session, shop.programme, code, key="sale 1", place=None, amount=None, now=shop.now
        ),
        lambda: everything(shop),
    )
    assert await status(shop) == ("used", 1)
    assert len(await uses(shop)) == 1


# ---- undoing


async def test_a_cancelled_sale_gives_the_use_back_once_and_leaves_a_trail(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member, "coffee")
    await consumes(shop, code, key="sale 1")
    assert await undoes(shop, "sale 1") == code
    assert await undoes(shop, "sale 1") == code
    assert await status(shop) == ("issued", 0)
    noted = await shop.ask(lambda session: session.scalars(select(Trail)).all())
    voucher = await voucher_of(shop, "goal:1")
    assert voucher is not None
    assert voucher.used_at is None
    assert [(one.actor, one.action, one.subject, one.detail) for one in noted] == [
        (
            "key:till", "voucher.use_undone", member,
            {"voucher": voucher.id, "key": "sale 1", "reason": "the sale was cancelled"},
        )
    ]  # fmt: skip
    await consumes(shop, code, key="sale 2")
    assert await refused(shop, code) == "used"


async def test_the_key_of_an_undone_use_is_worn_out(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    await consumes(shop, code, key="sale 1", amount="20")
    await undoes(shop, "sale 1")
    with pytest.raises(Conflict, match="was undone"):
        await consumes(shop, code, key="sale 1", amount="20")
    assert await status(shop) == ("issued", 0)


async def test_what_was_never_used_cannot_be_undone(shop: Shop, member: MemberId) -> None:
    await issue(shop, member)
    with pytest.raises(NotFound):
        await undoes(shop, "sale 1")


async def test_undoing_one_of_several_uses_leaves_the_others(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    for number in range(3):
        await consumes(shop, code, key=f"sale {number}", amount="20")
    await undoes(shop, "sale 1")
    assert await status(shop) == ("issued", 2)
    await consumes(shop, code, key="sale 3", amount="20")
    assert await status(shop) == ("used", 3)


async def test_a_use_that_is_undone_by_many_at_once_is_undone_once(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    for number in range(3):
        await consumes(shop, code, key=f"sale {number}", amount="20")
    await asyncio.gather(*(undoes(shop, "sale 1") for _ in range(20)))
    assert await status(shop) == ("issued", 2)
    assert len(await shop.ask(lambda session: session.scalars(select(Trail)).all())) == 1


async def test_using_and_undoing_at_once_ends_with_the_uses_that_stand(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    for number in range(3):
        await consumes(shop, code, key=f"sale {number}", amount="20")
    await asyncio.gather(
        *(undoes(shop, f"sale {number}") for number in range(3)),
        *(consumes(shop, code, key=f"late {number}", amount="20") for number in range(10)),
        return_exceptions=True,
    )
    stand = [one for one in await uses(shop) if one.undone_at is None]
    assert (await status(shop))[1] == len(stand) <= 3


async def test_an_undone_use_of_an_expired_voucher_brings_nothing_back_to_life(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member, "coffee")
    await consumes(shop, code, key="sale 1")
    shop.clock.forward(timedelta(days=60))
    await undoes(shop, "sale 1")
    assert await refused(shop, code) == "expired"
    assert (await shop.tick()).vouchers_expired == 1
    assert await status(shop) == ("expired", 0)


async def test_an_undone_use_of_a_revoked_voucher_brings_nothing_back_to_life(shop: Shop, member: MemberId) -> None:
    redemption = await shop.holds(member, "coffee")
    issued = await shop.confirms(redemption)
    await consumes(shop, issued.code, key="sale 1")
    await reverses(shop, redemption, allow_used=True)
    await undoes(shop, "sale 1")
    assert await refused(shop, issued.code) == "revoked"


async def test_an_undoing_that_is_killed_anywhere_did_nothing(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member, "coffee")
    await consumes(shop, code, key="sale 1")
    await fail_everywhere(
        shop,
        lambda session: vouchers.undo_use(
            session, shop.programme, key="sale 1", author="key:till", reason="", now=shop.now
        ),
        lambda: everything(shop),
    )
    assert await status(shop) == ("issued", 0)


# ---- time


async def test_a_voucher_can_be_used_until_its_day_is_over_in_the_programmes_zone(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)
    shop.clock.instant = MIDNIGHT - INSTANT
    await consumes(shop, code, amount="20")
    shop.clock.instant = MIDNIGHT
    assert (await validity(shop, code)).why_not == "expired"  # even before the due job ran
    assert await refused(shop, code) == "expired"
    assert (await shop.tick()).vouchers_expired == 1
    assert await status(shop) == ("expired", 1)
    assert await refused(shop, code) == "expired"


async def test_a_voucher_lives_through_the_night_in_which_clocks_change(shop: Shop, member: MemberId) -> None:
    shop.clock.instant = datetime(2027, 3, 25, 22, 30, tzinfo=UTC)  # 23:30 in Rome; on the 28th summer time begins
    await issue(shop, member)
    voucher = await voucher_of(shop, "goal:1")
    assert voucher is not None
    assert voucher.expires_at == datetime(2027, 4, 4, 22, tzinfo=UTC)


async def test_expiring_and_being_used_at_the_same_instant_one_wins(shop: Shop, member: MemberId) -> None:
    for round_ in range(6):
        shop.clock.instant = datetime(2026, 11, 21, 10, tzinfo=UTC)
        code = await issue(shop, member, "coffee", origin=f"goal:{round_}")
        voucher = await voucher_of(shop, f"goal:{round_}")
        assert voucher is not None
        assert voucher.expires_at is not None
        over, last = voucher.expires_at, voucher.expires_at - INSTANT

        async def expire(over: datetime = over) -> Done:
            return await run_due(shop.store, shop.programme, now=over)

        async def use(code: str = code, last: datetime = last) -> Use | Refused:
            try:
                return await consumes(shop, code, at=last)
            except Refused as refusal:
                return refusal

        jobs = [expire(), use(), expire()] if round_ % 2 else [use(), expire(), expire()]
        used = next(one for one in await asyncio.gather(*jobs) if not isinstance(one, Done))
        if isinstance(used, Use):
            assert await status(shop, f"goal:{round_}") == ("used", 1)
        else:
            assert used.reason == "expired"
            assert await status(shop, f"goal:{round_}") == ("expired", 0)


async def test_a_voucher_that_is_being_used_while_it_expires_stays_used(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member, "coffee")
    voucher = await voucher_of(shop, "goal:1")
    assert voucher is not None
    assert voucher.expires_at is not None
    over, loop, consumed = voucher.expires_at, asyncio.get_running_loop(), asyncio.Event()

    def use_slowly(session: Session) -> None:
        vouchers.consume(session, shop.programme, code, key="k", place=None, amount=None, now=over - INSTANT)
        loop.call_soon_threadsafe(consumed.set)
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_sleep(0.5)"))  # the due job comes now, and waits

    async def expire() -> int:
        await consumed.wait()
        return await shop.do(lambda session: vouchers.expire(session, shop.programme, over))

    _, expired = await asyncio.gather(shop.do(use_slowly), expire())
    assert expired == 0
    assert await status(shop) == ("used", 1)


async def test_a_waiting_voucher_can_be_used_from_its_instant_on(shop: Shop, member: MemberId) -> None:
    begins = shop.now + timedelta(days=14)
    given = await gives(shop, member, Gift.model_validate({"reward": "five-off"}), activates_at=begins)
    assert given.voucher is not None
    code = given.voucher.code
    assert (given.voucher.status, given.voucher.valid_from) == ("waiting", begins)
    assert given.voucher.expires_at == datetime(2026, 12, 15, 23, tzinfo=UTC)  # ten days from then
    shop.clock.instant = begins - INSTANT
    assert (await shop.tick()).vouchers_begun == 0
    assert (await validity(shop, code)).why_not == "waiting"
    assert await refused(shop, code) == "waiting"
    shop.clock.instant = begins
    assert (await validity(shop, code)).why_not is None  # even before the due job ran
    await consumes(shop, code, amount="20")
    assert await status(shop) == ("issued", 1)


async def test_the_due_job_notes_that_a_waiting_voucher_can_be_used_once(shop: Shop, member: MemberId) -> None:
    begins = shop.now + timedelta(days=14)
    await gives(shop, member, Gift.model_validate({"reward": "five-off"}), activates_at=begins)
    shop.clock.instant = begins
    assert [(await shop.tick()).vouchers_begun for _ in range(2)] == [1, 0]
    assert await status(shop) == ("issued", 0)


async def test_a_job_that_comes_very_late_expires_what_never_began(shop: Shop, member: MemberId) -> None:
    begins = shop.now + timedelta(days=14)
    await gives(shop, member, Gift.model_validate({"reward": "five-off"}), activates_at=begins)
    shop.clock.forward(timedelta(days=90))
    done = await shop.tick()
    assert (done.vouchers_begun, done.vouchers_expired) == (1, 1)
    assert await status(shop) == ("expired", 0)


# ---- the member's own


async def test_a_member_is_told_of_her_own_codes_and_of_no_others(shop: Shop, member: MemberId) -> None:
    other = await with_points(shop, 100)
    code = await issue(shop, member)
    theirs = [await issue(shop, other, "coffee", origin=f"goal:{number}") for number in range(2, 6)]
    await consumes(shop, theirs[1])
    await shop.do(lambda session: vouchers.revoke(session, shop.programme, "goal:4", now=shop.now))

    async def mine(typed: str) -> Voucher | None:
        return await shop.ask(lambda session: vouchers.mine(session, member, typed))

    found = await mine(show_code(code).lower())
    assert found is not None
    assert found.origin == "goal:1"
    assert [await mine(typed) for typed in (*theirs, "2" * 14, "no code", "")] == [None] * 7


async def test_used_expired_and_revoked_vouchers_are_still_the_members_own(shop: Shop, member: MemberId) -> None:
    codes = [await issue(shop, member, "coffee", origin=f"goal:{number}") for number in range(3)]
    await consumes(shop, codes[0])
    await shop.do(lambda session: vouchers.revoke(session, shop.programme, "goal:1", now=shop.now))
    shop.clock.forward(timedelta(days=60))
    await shop.tick()
    found = await shop.ask(lambda session: [vouchers.mine(session, member, code) for code in codes])
    assert [one.status for one in found if one is not None] == ["used", "revoked", "expired"]


async def test_what_can_be_used_is_listed_soonest_to_expire_first(shop: Shop, member: MemberId) -> None:
    await offers(shop, FIVE_OFF, COFFEE, a_reward("later"))
    later = shop.now + timedelta(days=3)
    await gives(shop, member, Gift.model_validate({"reward": "later"}), origin="goal:0", activates_at=later)
    await issue(shop, member, "coffee", origin="goal:1")
    await issue(shop, member, "five-off", origin="goal:2")
    await consumes(shop, await issue(shop, member, "coffee", origin="goal:3"))

    async def usable() -> list[str]:
        found = await shop.ask(lambda session: vouchers.usable(session, member, shop.now))
        return [voucher.reward_id for voucher in found]

    assert await usable() == ["five-off", "coffee"]
    shop.clock.instant = later
    assert await usable() == ["five-off", "coffee", "later"]
    shop.clock.instant = MIDNIGHT
    assert await usable() == ["coffee", "later"]


# ---- revoking


async def test_an_unused_voucher_is_revoked_once_and_its_stock_given_back(shop: Shop, member: MemberId) -> None:
    code = await issue(shop, member)

    async def revoke() -> bool:
        return await shop.do(lambda session: vouchers.revoke(session, shop.programme, "goal:1", now=shop.now))

    assert await taken(shop, "five-off") == Taken(1)
    assert (await asyncio.gather(*(revoke() for _ in range(10)))).count(True) == 1
    assert await taken(shop, "five-off") == Taken(0)
    assert await refused(shop, code) == "revoked"
    assert (await validity(shop, code)).why_not == "revoked"


@pytest.mark.parametrize("ended", ["used once", "expired", "not there"])
async def test_what_was_used_is_over_or_not_there_is_not_revoked(shop: Shop, member: MemberId, ended: str) -> None:
    code = await issue(shop, member)
    if ended == "used once":
        await consumes(shop, code, amount="20")
    if ended == "expired":
        shop.clock.instant = MIDNIGHT
    origin = "goal:2" if ended == "not there" else "goal:1"
    assert not await shop.do(lambda session: vouchers.revoke(session, shop.programme, origin, now=shop.now))
    assert await taken(shop, "five-off") == Taken(1)
    assert await stock_adds_up(shop)


async def test_revoking_and_using_at_once_one_wins(shop: Shop, member: MemberId) -> None:
    for round_ in range(6):
        code = await issue(shop, member, "coffee", origin=f"goal:{round_}")

        async def revoke(origin: str = f"goal:{round_}") -> bool:
            return await shop.do(lambda session: vouchers.revoke(session, shop.programme, origin, now=shop.now))

        calls = [revoke(), consumes(shop, code)]
        results = await asyncio.gather(*(calls if round_ % 2 else reversed(calls)), return_exceptions=True)
        used = any(isinstance(one, Use) for one in results)
        assert reasons(results) == ([] if used else ["revoked"])
        assert (True in results, False in results) == (not used, used)
    assert await stock_adds_up(shop)
