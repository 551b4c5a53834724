"""Businesses with the ready-made programmes, each in its own currency and zone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from loyalty.clock import FixedClock
from loyalty.errors import Refused
from loyalty.files.reading import read_programme
from loyalty.ids import MemberId
from loyalty.levels.status import Status, status
from loyalty.money import Money
from loyalty.orders.bills import Line
from loyalty.orders.purchases import Outcome, PurchaseReport
from loyalty.revisions import ensure_programme
from loyalty.store import Store
from loyalty.tables import Voucher
from tests.store.helpers import Shop, a_key

PROGRAMMES = Path(__file__).parents[2] / "programmes"


@dataclass
class Business(Shop):
    """A business with a ready-made programme, in its own currency."""

    async def sells(self, member: MemberId, amount: str, *lines: Line, at: datetime | None = None) -> Outcome:
        """An order is placed."""
        total = Money.parse(amount, self.programme.currency)
        return await self.report(member, PurchaseReport(a_key(), total, at or self.now, lines))

    async def buys(
        self, member: MemberId, amount: str | Decimal, *, key: str | None = None, at: datetime | None = None
    ) -> Outcome:
        total = Money.parse(str(amount), self.programme.currency)
        return await self.report(member, PurchaseReport(key or a_key(), total, at or self.now))

    async def days_later(self, days: int) -> None:
        """Days go by, and what falls due in them is done."""
        self.clock.forward(timedelta(days=days))
        await self.tick()

    async def stands(self, member: MemberId) -> Status:
        """A member's level and goals."""
        return await self.ask(lambda session: status(session, self.programme, member, now=self.now))

    async def has(self, member: MemberId) -> list[str]:
        """The rewards a member has vouchers for that can be used."""
        query = select(Voucher.reward_id).where(Voucher.member_id == member, Voucher.status == "issued")
        return await self.ask(lambda session: sorted(session.scalars(query)))

    async def available(self, member: MemberId) -> int:
        """A member's points."""
        return (await self.points(member)).available


async def business(store: Store, clock: FixedClock, name: str, *, at: str | None = None) -> Business:
    """One of the ready-made businesses; `at` is a time of its own zone."""
    programme = read_programme(PROGRAMMES / f"{name}.yml")
    if at is not None:
        clock.instant = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(programme.timezone))
    found = Business(store, programme, clock)
    await found.do(lambda session: ensure_programme(session, programme, now=found.now))
    return found


async def refused(redeeming: object) -> str:
    """Why a rule said no."""
    with pytest.raises(Refused) as error:
        await redeeming  # type: ignore[misc]  # any awaitable
    return error.value.reason
