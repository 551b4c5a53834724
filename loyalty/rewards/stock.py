"""What is left of rewards and prizes: how many were taken and what they cost, kept by conditional updates.

`stock` and `budget` are limits of the rules, counted from the first one that was ever taken; only what was taken is
stored, so that a limit may be set, raised or lowered at any time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from loyalty.ids import ProgrammeId, RewardId
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Stock

UNITS = 10_000
"""The database counts money in ten-thousandths of the currency, in whole numbers."""
_MOST = 2**62
"""No limit, as a number that a database can compare."""

_STOCK = table_of(Stock)
_THIS = (_STOCK.c.programme_id == bindparam("in_programme")) & (_STOCK.c.item == bindparam("of_item"))
_TAKE = (
    update(_STOCK)
    .where(_THIS, _STOCK.c.taken < bindparam("stock"), _STOCK.c.spent <= bindparam("most_spent"))
    .values(taken=_STOCK.c.taken + 1, spent=_STOCK.c.spent + bindparam("cost"))
)
_GIVE_BACK = update(_STOCK).where(_THIS).values(taken=_STOCK.c.taken - 1, spent=_STOCK.c.spent - bindparam("cost"))
_COLUMNS = (_STOCK.c.item, _STOCK.c.taken, _STOCK.c.spent)
_TAKEN = select(*_COLUMNS).where(
    _STOCK.c.programme_id == bindparam("programme"), _STOCK.c.item.in_(bindparam("items", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Taken:
    """So many of something were taken; `spent` is what they cost, in ten-thousandths of the currency."""

    taken: int = 0
    spent: int = 0

    def left(self, stock: int | None, cost: Decimal, budget: Decimal | None) -> int | None:
        """How many can still be taken under these limits; None: any number."""
        left = [] if stock is None else [stock - self.taken]
        if budget is not None and cost:
            left.append((_floor(budget) - self.spent) // _ceil(cost))
        return max(min(left), 0) if left else None


def reward_item(reward: RewardId) -> str:
    """The name under which a reward's stock is kept."""
    return f"reward:{reward}"


def take(
    session: Session, programme_id: ProgrammeId, item: str, *, stock: int | None, cost: Decimal, budget: Decimal | None
) -> bool:
    """Take one, in one conditional update. False, without any effect, if stock or budget do not allow it."""
    values = {
        "in_programme": programme_id, "of_item": item, "cost": _ceil(cost), "stock": _MOST if stock is None else stock,
        "most_spent": _MOST if budget is None else _floor(budget) - _ceil(cost),
    }  # fmt: skip
    if execute(session, _TAKE, values).rowcount == 1:
        return True
    insert_once(session, Stock, {"programme_id": programme_id, "item": item, "taken": 0, "spent": 0})
    return execute(session, _TAKE, values).rowcount == 1


def give_back(session: Session, programme_id: ProgrammeId, item: str, *, cost: Decimal) -> None:
    """Give one back that was taken at this cost. Raises `LookupError` if none was ever taken."""
    values = {"in_programme": programme_id, "of_item": item, "cost": _ceil(cost)}
    if execute(session, _GIVE_BACK, values).rowcount != 1:
        raise LookupError(f"nothing was taken of {item}")


def left(
    session: Session, programme_id: ProgrammeId, item: str, stock: int | None, cost: Decimal, budget: Decimal | None
) -> int | None:
    """How many can still be taken; None: any number."""
    return taken(session, programme_id, [item]).get(item, Taken()).left(stock, cost, budget)


def taken(session: Session, programme_id: ProgrammeId, items: Collection[str]) -> Mapping[str, Taken]:
    """What was taken of several items, in one read; what was never taken is left out."""
    rows = execute(session, _TAKEN, {"programme": programme_id, "items": sorted(items)})
    return {row.item: Taken(row.taken, row.spent) for row in rows}


def _ceil(amount: Decimal) -> int:
    return int((amount * UNITS).to_integral_value(ROUND_CEILING))


def _floor(amount: Decimal) -> int:
    return int((amount * UNITS).to_integral_value(ROUND_FLOOR))
