"""Makes and ends discount codes in one shop: a queue that claims its own rows.

A claim holds a row for `LEASE`, longer than a call can take. Whoever is killed in between leaves it to the next, who
finds the code made and sees to it that it is as it should be: making and ending are things that can be done twice. A
row that turns while a call is under way (the voucher was used that moment) is done next, never at the same time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import ColumnElement, bindparam, literal_column, select, update
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from loyalty.clock import Clock
from loyalty.store import Store
from loyalty.store.sql import execute, table_of
from loyalty.tables import Voucher
from service.shops.apis import watching
from service.shops.apis.api import ShopApi, Terms
from service.shops.apis.codes import ENDED, ENDING, FAILED, MADE, WANTED, astray, put_right, terms_of
from service.shops.apis.errors import NotAllowed, Rejected, ShopApiError, Wait
from service.shops.apis.tables import ShopCode

log = structlog.get_logger()

LEASE = timedelta(minutes=6)
FIRST, LONGEST = timedelta(seconds=15), timedelta(hours=1)
BATCH = 50
REFUSED = "shop_code"
"""An alarm: a shop refuses a discount code."""

_ROW = table_of(ShopCode)
_TO_DO: ColumnElement[bool] = literal_column("state IN ('wanted', 'ending')")
_DUE = (
    select(_ROW.c.id)
    .where(
        _TO_DO, _ROW.c.next_try_at <= bindparam("now"),
        _ROW.c.source == bindparam("source"), _ROW.c.shop == bindparam("shop"),
    )
    .order_by(_ROW.c.next_try_at)
    .limit(BATCH)
)  # fmt: skip
_CLAIM = (
    update(_ROW)
    .where(_ROW.c.id == bindparam("row"), _ROW.c.next_try_at <= bindparam("now"), _TO_DO)
    .values(next_try_at=bindparam("until"), attempts=_ROW.c.attempts + 1)
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is ours for a while, and what to do: make the code, or end it."""

    id: str
    attempts: int
    state: str
    terms: Terms


class Coder:
    """Does what is to be done in one shop."""

    def __init__(self, store: Store, clock: Clock, api: ShopApi) -> None:
        self._store, self._clock, self._api = store, clock, api

    async def work(self, now: datetime) -> str:
        """Make and end what is due as of a moment. Returns what was done, in a few words."""
        done = 0
        if await self._idle(now):
            return ""
        async with self._api:
            while ids := await self._store.look(partial(self._due, now=self._later(now))):
                for id_ in ids:
                    claim = await self._store.write(partial(_claim, id_=id_, now=self._later(now)))
                    if claim is None:
                        continue
                    if (error := await self._do(claim, now)) is not None and not isinstance(error, Rejected):
                        why = await watching.leave_alone(self._store, self._api, error, self._later(now))
                        return f"{done} codes seen to, then left alone: {why}"
                    done += 1
        return f"{done} codes seen to in {self._api.shop}" if done else ""

    async def _idle(self, now: datetime) -> bool:
        if await self._store.read(partial(watching.paused, api=self._api, now=now)):
            return True
        return not await self._store.look(partial(self._due, now=now))

    async def _do(self, claim: Claim, now: datetime) -> ShopApiError | None:
        """Do one, and note what came of it. Returns the error there was."""
        error: ShopApiError | None = None
        try:
            if claim.state == WANTED:
                await self._api.put_code(claim.terms)
            else:
                await self._api.end_code(claim.terms.code)
        except ShopApiError as problem:
            error = problem
        await self._store.write(partial(self._settle, claim=claim, error=error, now=self._later(now)))
        return error

    def _later(self, now: datetime) -> datetime:
        return max(now, self._clock.now())

    def _due(self, session: Session, now: datetime) -> list[str]:
        values = {"now": now, "source": self._api.source, "shop": self._api.shop}
        return execute(session, _DUE, values).scalars()

    def _settle(self, session: Session, claim: Claim, error: ShopApiError | None, now: datetime) -> None:
        row = session.get(ShopCode, claim.id, with_for_update=True, populate_existing=True)
        if row is None or row.attempts != claim.attempts:
            return  # we took too long, and somebody else has it
        row.updated_at, row.error = now, None if error is None else str(error)
        row.next_try_at = now if error is None else now + _wait(claim.attempts, error)
        if row.state == claim.state:  # else it turned meanwhile, and is done next
            if error is None:
                row.state = MADE if claim.state == WANTED else ENDED
            elif isinstance(error, Rejected):
                row.state = FAILED
        if isinstance(error, Rejected):
            log.error("a shop refuses a discount code", source=row.source, shop=row.shop, code=row.id, why=str(error))
            what = "make" if claim.state == WANTED else "end"
            raise_alarm(
                session, REFUSED,
                f"{row.shop} did not {what} the discount code of voucher {row.voucher_id}: {error}; see to it there, "
                "then `passaparola shops retry`",
                subject=watching.subject(self._api), now=now,
            )  # fmt: skip
        session.flush()


def _wait(attempts: int, error: ShopApiError) -> timedelta:
    if isinstance(error, Wait):
        return error.after
    return LONGEST / 4 if isinstance(error, NotAllowed) else min(FIRST * 2 ** min(attempts - 1, 10), LONGEST)


def _claim(session: Session, id_: str, now: datetime) -> Claim | None:
    if execute(session, _CLAIM, {"row": id_, "now": now, "until": now + LEASE}).rowcount != 1:
        return None
    row = session.get_one(ShopCode, id_, populate_existing=True)
    code = session.get_one(Voucher, row.voucher_id).code
    return Claim(row.id, row.attempts, row.state, terms_of(row, code))


def retry(session: Session, now: datetime) -> int:
    """Let codes be tried again that a shop refused: they are ended, and those are wanted again that are still good."""
    statement = (
        update(_ROW).where(_ROW.c.state == FAILED).values(state=ENDING, next_try_at=now, updated_at=now, error=None)
    )
    return execute(session, statement).rowcount


async def sweep_all(store: Store, now: datetime) -> str:
    """Put right all that nothing told of. Returns how much that was, in a few words."""
    changed = 0
    while ids := await store.read(partial(astray, now=now)):
        some = await store.write(partial(put_right, ids=ids, now=now))
        changed += some
        if not some:
            break
    return f"{changed} codes of shops were not as their vouchers" if changed else ""
