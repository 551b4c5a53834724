"""Signals: kept as keyed hashes of what is the same, and what they change about referrals."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.referral.signals import normal, remember
from loyalty.tables import Secret, Signal
from tests.store.helpers import Shop
from tests.store.referring import Club
from tests.unit.helpers_hypothesis import patiently


async def is_seen(shop: Shop, member: MemberId, kind: str, value: str) -> bool:
    return await shop.do(
        lambda session: remember(session, shop.programme, member, kind, value, now=shop.now)
    )  # fmt: skip


async def hashes(shop: Shop, member: MemberId) -> list[str]:
    query = select(Signal.hash).where(Signal.member_id == member).order_by(Signal.kind, Signal.created_at)
    return await shop.ask(lambda session: list(session.scalars(query)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna.Rossi+shop@Gmail.com", " annarossi@googlemail.com "),
        ("ANNA@example.org", "anna@EXAMPLE.org"),
        ("ａｎｎａ@example.org", "anna@example.org"),
    ],
)
def test_two_spellings_of_a_mailbox_are_one(one: str, other: str) -> None:
    assert normal("email", one) == normal("email", other) != ""


def test_elsewhere_dots_and_pluses_make_another_mailbox() -> None:
    assert len({normal("email", f"{local}@example.org") for local in ("annarossi", "anna.rossi", "annarossi+a")}) == 3


def test_two_spellings_of_an_address_are_one() -> None:
    spellings = ("Via Giosuè Carducci, 1/b — 00187 ROMA", "via giosue' carducci 1 B\n00187 roma")
    assert {normal("address", text) for text in spellings} == {"via giosue carducci 1 b 00187 roma"}
    assert normal("address", "شارع الملك، 5") == normal("address", "شارع الملك 5") != ""


def test_what_holds_nothing_to_compare_is_nothing() -> None:
    assert [normal("email", text) for text in ("", "anna", "@gmail.com", "+a@gmail.com", "anna@")] == [""] * 5
    assert [normal("address", text) for text in ("", " - , .")] == ["", ""]
    assert [normal("payment", " "), normal("device", "\t")] == ["", ""]


def test_of_cards_and_devices_every_letter_counts() -> None:
    assert normal("payment", " fp_aB ") == "fp_aB" != normal("payment", "fp_ab")


@given(st.text(max_size=30), st.sampled_from(["email", "address", "payment", "device"]))
@patiently()
def test_what_is_normal_stays_so(value: str, kind: str) -> None:
    once = normal(kind, value)  # type: ignore[arg-type]  # one of the kinds
    assert normal(kind, once) == once  # type: ignore[arg-type]


async def test_a_signal_is_kept_once_as_a_keyed_hash(shop: Shop) -> None:
    anna, bruno = await shop.member(), await shop.member()
    assert await is_seen(shop, anna, "email", "Anna@Example.org")
    assert not await is_seen(shop, anna, "email", "anna@example.org")
    assert await is_seen(shop, bruno, "email", "anna@example.org")
    assert await is_seen(shop, bruno, "device", "anna@example.org")
    assert not await is_seen(shop, bruno, "address", "")
    (hers,) = await hashes(shop, anna)
    device, same = await hashes(shop, bruno)
    assert hers == same != device
    assert len(hers) == 64
    keys = await shop.ask(lambda session: list(session.scalars(select(Secret.value).where(Secret.name == "signals"))))
    assert [len(key) for key in keys] == [64]


async def test_another_business_has_other_hashes(shop: Shop) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    anna, again = await shop.member(), await gym.member()
    await is_seen(shop, anna, "email", "anna@example.org")
    await is_seen(gym, again, "email", "anna@example.org")
    assert await hashes(shop, anna) != await hashes(gym, again)


async def test_an_unknown_kind_is_a_mistake(shop: Shop) -> None:
    anna = await shop.member()
    with pytest.raises(Invalid, match="payment, device, address, email"):
        await is_seen(shop, anna, "iban", "IT60X0542811101000000123456")


async def test_the_first_time_something_was_seen_counts_whenever_it_is_told(shop: Shop) -> None:
    anna, now = await shop.member(), shop.now
    await is_seen(shop, anna, "device", "d")
    shop.clock.forward(timedelta(days=-1))
    assert await is_seen(shop, anna, "device", "d")
    shop.clock.forward(timedelta(days=2))
    assert not await is_seen(shop, anna, "device", "d")
    seen = await shop.ask(lambda session: session.scalars(select(Signal.created_at)).all())
    assert seen == [now - timedelta(days=1)]


async def test_a_shared_signal_has_those_referrals_looked_at_again_that_it_is_about(shop: Shop) -> None:
    club = Club(shop)
    await club.has_rule()
    anna, eva = await shop.member(), await shop.member()
    bruno, carla = await club.a_friend_of(anna), await club.a_friend_of(anna)
    dora = await club.a_friend_of(eva)
    await club.settles()

    async def opened(member: MemberId, value: str) -> set[MemberId]:
        await is_seen(shop, member, "device", value)
        return {one.friend_id for one in await club.settles()}

    assert await opened(bruno, "x") == {bruno}
    assert await opened(carla, "x") == {bruno, carla}
    assert await opened(dora, "x") == {dora}  # whom nobody of the others brought
    assert await opened(anna, "x") == {bruno, carla}
    assert await opened(anna, "x") == set()
    assert await opened(eva, "y") == set()
