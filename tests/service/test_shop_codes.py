"""Vouchers as discount codes: made once, ended when they are, used once, whatever goes wrong in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.points import open_books
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.news import TellingStore
from loyalty.programme import Programme
from loyalty.rewards import gifts
from loyalty.rights.erasure import erase
from loyalty.rules.parts import Gift
from loyalty.rules.rewards import Reward, ShopDiscount
from loyalty.store import Store
from loyalty.tables import Voucher
from service.shops.apis.codes import ShopCodes
from service.shops.apis.coding import REFUSED, Coder, retry, sweep_all
from service.shops.apis.tables import ShopCode
from service.shops.apis.watching import REFUSED as LOCKED_OUT
from simulator.shops import Trouble
from simulator.shops.base import Code
from tests.service.shop_asking import SOURCES, Asked, alarms, asked
from tests.store.helpers import Shop
from tests.store.rewards import a_reward, consumes, gives, offering, reverses, takes_away, undoes

TEN = {"percent": "10", "minimum": "20.00"}
LATER = timedelta(minutes=30)


@dataclass
class Coded:
    """A business whose vouchers are codes of its shop."""

    asked: Asked
    shop: Shop
    coder: Coder
    raw: Store

    async def issues(self, origin: str = "goal:1", member: MemberId | None = None, **more: Any) -> str:
        """The code of a voucher that is given now."""
        member = member or await self.shop.member()
        await gives(self.shop, member, Gift(reward="ten-off"), origin=origin, **more)
        return await self.code(origin)

    async def code(self, origin: str = "goal:1") -> str:
        query = select(Voucher.code).where(Voucher.origin.endswith(origin))
        return str(await self.shop.ask(lambda session: session.scalars(query).one()))

    async def works(self) -> str:
        """All that is to be done by now."""
        await sweep_all(self.shop.store, self.shop.now)
        return await self.coder.work(self.shop.now)

    async def states(self) -> list[str]:
        query = select(ShopCode.state).order_by(ShopCode.id)
        return await self.shop.ask(lambda session: list(session.scalars(query)))


@pytest.fixture
def rewarding(cafe: Programme) -> Programme:
    more = {"gift_only": True, "voucher_days": 30, "shop_code": TEN}
    names = dict.fromkeys(("en", "it", "es", "fr", "ar"), "Ten")
    return offering(cafe, {"id": "ten-off", "points": 20, "name": names, **more}, a_reward("coffee"))


@pytest.fixture(params=SOURCES)
async def coded(
    request: pytest.FixtureRequest, store: Store, rewarding: Programme, clock: FixedClock
) -> AsyncIterator[Coded]:
    async with asked(str(request.param)) as found:
        listener = ShopCodes({rewarding.id: rewarding}, [(found.api.source, found.api.shop)])
        telling = TellingStore(store, [listener])
        yield Coded(found, Shop(telling, rewarding, clock), Coder(telling, clock, found.api), store)


async def test_a_voucher_becomes_a_code_of_the_shop_on_its_terms(coded: Coded) -> None:
    code = await coded.issues()
    assert await coded.states() == ["wanted"]
    await coded.works()
    assert await coded.states() == ["made"]
    made = coded.asked.stand_in.codes[code]
    told = str(made.terms)
    assert "20.00" in told
    assert "2026-12-2" in told  # until the voucher expires
    assert made.terms.get("usageLimit", made.terms.get("usage_limit")) == 1
    calls = len(coded.asked.stand_in.calls)
    assert await coded.works() == ""
    assert len(coded.asked.stand_in.calls) == calls


async def test_what_is_written_down_is_undone_with_the_voucher(coded: Coded) -> None:
    member = await coded.shop.member()

    def fails(session: Session) -> None:
        books = open_books(session, coded.shop.programme.id, member, now=coded.shop.now)
        gifts.give(
            books, coded.shop.programme, Gift(reward="ten-off"), origin="goal:1", cause="goal:1", kind="goal",  # type: ignore[arg-type]  # as above
            occurred_at=coded.shop.now, activates_at=None, memo={},
        )  # fmt: skip
        session.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await coded.shop.do(fails)
    assert await coded.states() == []


async def test_it_is_ended_when_the_voucher_is_used_at_a_till_and_comes_back_with_it(coded: Coded) -> None:
    code = await coded.issues()
    await coded.works()
    await consumes(coded.shop, code, key="till-1/1", amount="50.00")
    assert await coded.states() == ["ending"]
    await coded.works()
    assert (await coded.states(), coded.asked.stand_in.live()) == (["ended"], set())
    await undoes(coded.shop, "till-1/1")
    await coded.works()
    assert (await coded.states(), coded.asked.stand_in.live()) == (["made"], {code})


async def test_it_is_ended_when_the_voucher_is_taken_back_and_comes_back_with_it(coded: Coded) -> None:
    member = await coded.shop.member()
    code = await coded.issues(member=member)
    await coded.works()
    await takes_away(coded.shop, member)
    await coded.works()
    assert coded.asked.stand_in.live() == set()
    coded.shop.clock.forward(timedelta(days=3))
    await gives(coded.shop, member, Gift(reward="ten-off"), cause="goal:again")
    await coded.works()
    assert coded.asked.stand_in.live() == {code}
    assert "2026-12-24" in str(coded.asked.stand_in.codes[code].terms)  # it has time of its own


async def test_one_that_expires_is_left_to_the_shop(coded: Coded) -> None:
    await coded.issues()
    await coded.works()
    calls = len(coded.asked.stand_in.calls)
    coded.shop.clock.forward(timedelta(days=40))
    await coded.shop.tick()
    await coded.works()
    assert (await coded.states(), len(coded.asked.stand_in.calls)) == (["ended"], calls)


async def test_one_that_begins_later_is_made_then(coded: Coded) -> None:
    begins = coded.shop.now + timedelta(days=2)
    code = await coded.issues(activates_at=begins)
    await coded.works()
    assert coded.asked.stand_in.live() == set()
    coded.shop.clock.forward(timedelta(days=2, minutes=1))
    await coded.works()
    assert coded.asked.stand_in.live() == {code}


async def test_used_before_it_was_made_it_is_not_made(coded: Coded) -> None:
    code = await coded.issues()
    await consumes(coded.shop, code, amount="50.00")
    await coded.works()
    assert (await coded.states(), coded.asked.stand_in.live()) == (["ended"], set())


async def test_used_while_it_is_made_it_is_ended_after(coded: Coded) -> None:
    code = await coded.issues()
    stand_in = coded.asked.stand_in
    stand_in.delay = 0.3
    stand_in.trouble(Trouble.SLOW)
    making = asyncio.create_task(coded.coder.work(coded.shop.now))
    async with asyncio.timeout(10):
        while not stand_in.calls:  # noqa: ASYNC110 -- the stand-in has no other way to say so
            await asyncio.sleep(0.01)
    await consumes(coded.shop, code, amount="50.00")
    await making
    await coded.coder.work(coded.shop.now)
    assert (await coded.states(), stand_in.live()) == (["ended"], set())


async def test_made_without_our_hearing_of_it_it_is_found_and_there_once(coded: Coded) -> None:
    code = await coded.issues()
    coded.asked.stand_in.trouble(Trouble.DONE_AND_CUT)
    assert "left alone" in await coded.coder.work(coded.shop.now)
    assert await coded.states() == ["wanted"]
    coded.shop.clock.forward(LATER)
    await coded.works()
    assert (await coded.states(), coded.asked.stand_in.live()) == (["made"], {code})
    assert len(coded.asked.stand_in.codes) == 1


async def test_whoever_is_cut_off_leaves_it_to_the_next(coded: Coded) -> None:
    code = await coded.issues()
    coded.asked.stand_in.delay = 5.0
    coded.asked.stand_in.trouble(Trouble.SLOW)
    making = asyncio.create_task(coded.coder.work(coded.shop.now))
    async with asyncio.timeout(10):
        while not coded.asked.stand_in.calls:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.01)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    assert await coded.works() == ""  # it is held for a while
    coded.shop.clock.forward(LATER)
    await coded.works()
    assert (await coded.states(), coded.asked.stand_in.live()) == (["made"], {code})


async def test_two_who_work_at_once_make_each_code_once(coded: Coded) -> None:
    codes = {await coded.issues(f"goal:{number}") for number in range(12)}
    async with asked(coded.asked.api.source) as other:
        other.stand_in.codes = coded.asked.stand_in.codes
        second = other.api
        second.shop = coded.asked.api.shop  # type: ignore[misc]  # the same shop on another port
        both = [coded.coder, Coder(coded.shop.store, coded.shop.clock, second)]
        await asyncio.gather(*(one.work(coded.shop.now) for one in both))
    assert coded.asked.stand_in.live() == codes
    assert {kept.made for kept in coded.asked.stand_in.codes.values()} == {1}
    assert set(await coded.states()) == {"made"}


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.HTML, Trouble.EMPTY, Trouble.STRANGE, Trouble.BUSY])
async def test_a_shop_in_trouble_is_asked_again_later(coded: Coded, trouble: Trouble) -> None:
    code = await coded.issues()
    coded.asked.stand_in.always(trouble)
    await coded.works()
    assert await coded.states() == ["wanted"]
    assert await alarms(coded.raw) == []
    coded.asked.stand_in.recover()
    coded.shop.clock.forward(LATER)
    await coded.works()
    assert coded.asked.stand_in.live() == {code}


@pytest.mark.parametrize("trouble", [Trouble.LOCKED_OUT, Trouble.FORBIDDEN])
async def test_a_shop_that_gives_us_no_right_is_an_alarm_and_nothing_is_lost(coded: Coded, trouble: Trouble) -> None:
    code = await coded.issues()
    coded.asked.stand_in.always(trouble)
    await coded.works()
    assert (await alarms(coded.raw), await coded.states()) == ([LOCKED_OUT], ["wanted"])
    coded.asked.stand_in.recover()
    coded.shop.clock.forward(LATER)
    await coded.works()
    assert coded.asked.stand_in.live() == {code}


async def test_a_code_that_the_shop_has_already_is_a_persons_business(coded: Coded) -> None:
    code = await coded.issues()
    coded.asked.stand_in.codes[code] = Code(1, "Somebody else's", {"code": code})
    await coded.works()
    assert (await coded.states(), await alarms(coded.raw)) == (["failed"], [REFUSED])
    del coded.asked.stand_in.codes[code]
    assert await coded.shop.do(lambda session: retry(session, coded.shop.now)) == 1
    await coded.works()
    await coded.works()
    assert (await coded.states(), coded.asked.stand_in.live()) == (["made"], {code})


async def test_a_reversed_redemption_takes_its_code_back(store: Store, cafe: Programme, clock: FixedClock) -> None:
    names = dict.fromkeys(("en", "it", "es", "fr", "ar"), "Ten")
    programme = offering(cafe, {"id": "ten-off", "points": 20, "name": names, "shop_code": TEN})
    async with asked("shopify") as found:
        telling = TellingStore(store, [ShopCodes({programme.id: programme}, [("shopify", found.api.shop)])])
        shop, coder = Shop(telling, programme, clock), Coder(telling, clock, found.api)
        member = await shop.member()
        await shop.buys(member, "100.00")
        redemption = await shop.holds(member, "ten-off")
        issued = await shop.confirms(redemption)
        await coder.work(clock.now())
        assert found.stand_in.live() == {issued.code}
        await reverses(shop, redemption)
        await sweep_all(telling, clock.now())
        await coder.work(clock.now())
        assert found.stand_in.live() == set()


async def test_who_is_erased_leaves_no_code_behind(coded: Coded) -> None:
    member = await coded.shop.member()
    await coded.issues(member=member)
    await coded.works()
    shop = coded.shop
    await shop.do(lambda session: erase(session, shop.programme, member, shop.now, actor="key:desk"))
    await coded.works()
    assert coded.asked.stand_in.live() == set()


# ---- what a file may say


def test_a_code_is_good_for_one_use_and_takes_one_thing_off() -> None:
    names = dict.fromkeys(("en", "it", "es", "fr", "ar"), "Ten")
    with pytest.raises(ValueError, match="uses: 1"):
        Reward(id="x", points=1, name=names, uses=2, shop_code=ShopDiscount(percent=Decimal(10)))
    for wrong in ({}, {"percent": "10", "amount": "5"}, {"percent": "0"}, {"percent": "101"}):
        with pytest.raises(ValueError, match=r"percent|amount"):
            ShopDiscount.model_validate(wrong)
