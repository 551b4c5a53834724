"""Stock and budget: exactly as many are given as there are, whoever takes however many at once."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty.rewards import stock
from loyalty.rewards.stock import UNITS, Taken
from tests.store.helpers import Shop

NOTHING = Decimal(0)


@dataclass
class Shelf:
    """One item of a shop, with its limits."""

    shop: Shop
    stock: int | None = None
    cost: Decimal = NOTHING
    budget: Decimal | None = None
    item: str = "reward:mug"

    async def take(self) -> bool:
        return await self.shop.do(
            lambda session: stock.take(
                session, self.shop.programme.id, self.item, stock=self.stock, cost=self.cost, budget=self.budget
            )
        )

    async def give_back(self) -> None:
        await self.shop.do(lambda session: stock.give_back(session, self.shop.programme.id, self.item, cost=self.cost))

    async def left(self) -> int | None:
        return await self.shop.ask(
            lambda session: stock.left(session, self.shop.programme.id, self.item, self.stock, self.cost, self.budget)
        )

    async def taken(self) -> Taken:
        found = await self.shop.ask(lambda session: stock.taken(session, self.shop.programme.id, [self.item]))
        return found.get(self.item, Taken())


@pytest.fixture
async def shelf(shop: Shop) -> Shelf:
    await shop.member()  # the programme is written down with its first member
    return Shelf(shop)


async def test_what_is_in_stock_can_be_taken_and_then_no_more(shelf: Shelf) -> None:
    shelf.stock = 2
    assert await shelf.left() == 2
    assert [await shelf.take() for _ in range(4)] == [True, True, False, False]
    assert await shelf.left() == 0
    assert await shelf.taken() == Taken(2)


async def test_nothing_in_stock_is_nothing_to_take(shelf: Shelf) -> None:
    shelf.stock = 0
    assert not await shelf.take()
    assert await shelf.taken() == Taken()


async def test_without_a_limit_any_number_can_be_taken_and_is_counted(shelf: Shelf) -> None:
    assert [await shelf.take() for _ in range(5)] == [True] * 5
    assert await shelf.left() is None
    assert await shelf.taken() == Taken(5)


async def test_a_budget_ends_before_it_is_exceeded(shelf: Shelf) -> None:
    shelf.cost, shelf.budget = Decimal("3.10"), Decimal("10.00")
    assert [await shelf.take() for _ in range(4)] == [True, True, True, False]
    assert await shelf.taken() == Taken(3, 93_000)
    shelf.budget = Decimal("12.40")
    assert await shelf.left() == 1
    assert await shelf.take()
    assert not await shelf.take()


async def test_the_narrower_of_stock_and_budget_decides(shelf: Shelf) -> None:
    shelf.stock, shelf.cost, shelf.budget = 5, Decimal(1), Decimal(2)
    assert await shelf.left() == 2
    shelf.stock = 1
    assert await shelf.left() == 1
    assert [await shelf.take() for _ in range(2)] == [True, False]


async def test_a_cost_finer_than_the_smallest_unit_counts_as_one_unit(shelf: Shelf) -> None:
    shelf.cost, shelf.budget = Decimal("0.00001"), Decimal("0.00025")
    assert [await shelf.take() for _ in range(3)] == [True, True, False]
    assert await shelf.taken() == Taken(2, 2)


async def test_what_is_given_back_can_be_taken_again(shelf: Shelf) -> None:
    shelf.stock, shelf.cost, shelf.budget = 1, Decimal("2.50"), Decimal("2.50")
    assert await shelf.take()
    await shelf.give_back()
    assert await shelf.taken() == Taken()
    assert [await shelf.take() for _ in range(2)] == [True, False]


async def test_nothing_can_be_given_back_that_was_not_taken(shelf: Shelf) -> None:
    with pytest.raises(LookupError, match="reward:mug"):
        await shelf.give_back()
    assert await shelf.take()
    await shelf.give_back()
    with pytest.raises(IntegrityError, match="not_negative"):
        await shelf.give_back()
    assert await shelf.taken() == Taken()


async def test_a_limit_that_is_set_later_counts_what_was_taken_before(shelf: Shelf) -> None:
    for _ in range(3):
        await shelf.take()
    shelf.stock = 4
    assert await shelf.left() == 1
    shelf.stock = 2  # fewer than were taken
    assert await shelf.left() == 0
    assert not await shelf.take()


async def test_items_and_programmes_have_stocks_of_their_own(shelf: Shelf) -> None:
    gym = Shop(shelf.shop.store, shelf.shop.programme.model_copy(update={"id": "gym"}), shelf.shop.clock)
    await gym.member()
    shelves = [Shelf(shelf.shop, 1), Shelf(shelf.shop, 1, item="reward:cup"), Shelf(gym, 1)]
    assert [await one.take() for one in shelves] == [True] * 3
    assert [await one.take() for one in shelves] == [False] * 3


@pytest.mark.parametrize(("limit", "cost", "budget"), [(7, "0", None), (None, "1.50", "10.60"), (9, "1.50", "10.60")])
async def test_of_fifty_who_take_at_once_exactly_as_many_win_as_there_are(
    shelf: Shelf, limit: int | None, cost: str, budget: str | None
) -> None:
    shelf.stock, shelf.cost = limit, Decimal(cost)
    shelf.budget = None if budget is None else Decimal(budget)
    won = await asyncio.gather(*(shelf.take() for _ in range(50)))
    assert won.count(True) == 7
    assert await shelf.taken() == Taken(7, 7 * int(Decimal(cost) * UNITS))


async def test_taking_and_giving_back_at_once_loses_nothing(shelf: Shelf) -> None:
    shelf.stock = 3
    assert [await shelf.take() for _ in range(2)] == [True] * 2

    async def borrow() -> bool:
        won = await shelf.take()
        if won:
            await shelf.give_back()
        return won

    assert any(await asyncio.gather(*(borrow() for _ in range(30))))
    assert await shelf.taken() == Taken(2)


async def test_what_a_transaction_took_that_fails_is_there_again(shelf: Shelf) -> None:
    shelf.stock = 1

    def take_and_die(session: Session) -> None:
        assert stock.take(session, shelf.shop.programme.id, shelf.item, stock=1, cost=NOTHING, budget=None)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await shelf.shop.do(take_and_die)
    assert await shelf.left() == 1
    assert await shelf.take()
