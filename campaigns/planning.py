"""Planning: who gets the campaign, in which variant, with what in its gaps. A row for each, written in chunks.

A chunk is read in one transaction and written in another, with the place up to which the plan goes. So memory stays
flat, nobody else waits for long, and a plan that was cut off goes on where it stopped. Planning again changes nothing.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import Any

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from campaigns.assigning import arm_of
from campaigns.counts import Tally
from campaigns.design import CONTROL, Design
from campaigns.people import Somebody, chunk
from campaigns.wording import category_now, fields_for, freeze, gaps_in
from conversation.leaving.costs import Price, RateCard
from conversation.saying.zones import zone_of
from loyalty.errors import Conflict, Refused
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.store import Store
from loyalty.store.sql import insert_once, table_of
from loyalty.tables import Campaign, Member, Recipient

CHUNK = 2000
_INSERT = insert(table_of(Recipient))


def _still_there(members: list[str]) -> Select[str]:
    """Those who were not erased or merged since they were read; nobody can be until the rows are written."""
    query = select(Member.id).where(Member.id.in_(members), Member.erased_at.is_(None), Member.merged_into.is_(None))
    return query.order_by(Member.id).with_for_update(read=True)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: what it counted, and whether this call made it (a dry run makes none)."""

    tally: Tally
    new: bool


@dataclass(frozen=True, slots=True)
class _Gaps:
    """The gaps of each variant, and all fields that any of them needs."""

    of: dict[str, frozenset[str]]
    fields: frozenset[str]


class Planner:
    """Plans one campaign."""

    def __init__(
        self, store: Store, programme: Programme, design: Design, rates: RateCard, *, now: datetime, size: int = CHUNK
    ) -> None:
        """`now` decides ages, windows and birthdays; `size` is how many members are looked at at a time."""
        self._store = store
        self._programme = programme
        self._design = design
        self._rates = rates
        self._now = now
        self._size = size
        self._zones: dict[str | None, datetime] = {}

    async def dry_run(self) -> Tally:
        """Count, and write nothing. Raises `Refused` if the message cannot be written at all."""
        gaps, salt, tally, after = await self._store.read(self._gaps), secrets.token_hex(16), Tally(), ""
        while True:
            found = await self._store.read(partial(self._chunk, fields=gaps.fields, after=after))
            if not found:
                return tally
            for one in found:
                self._row(one, gaps, salt, tally)
            after = found[-1].id

    async def plan(self, *, anew: bool = False, progress: Callable[[int], None] | None = None) -> Planned:
        """Write the plan down, or go on with one that was cut off. `anew` drops one that was not started.

        Raises `Conflict` if another file was planned under this name, and as `dry_run`.
        """
        gaps = await self._store.read(self._gaps)
        if anew:
            while await self._store.write(self._drop):
                pass
        number, salt, after, tally, planned = await self._store.write(self._begin)
        if planned:
            return Planned(tally, new=False)
        while True:
            found = await self._store.read(partial(self._chunk, fields=gaps.fields, after=after))
            more = Tally()
            rows = [row for one in found if (row := self._row(one, gaps, salt, more)) is not None]
            tally = tally.plus(more)
            last = found[-1].id if found else None
            await self._store.write(partial(self._keep, number=number, rows=rows, before=after, last=last, tally=tally))
            if last is None:
                return Planned(tally, new=True)
            after = last
            if progress is not None:
                progress(tally.audience)

    # ---- the store

    def _gaps(self, session: Session) -> _Gaps:
        gaps = {arm: gaps_in(session, saying) for arm, saying in self._design.arms.items()}
        for saying in self._design.arms.values():
            if self._design.category == "utility" and category_now(session, saying) == "marketing":
                said = f"WhatsApp counts {saying.template} as marketing; set category: marketing"
                raise Refused("category", said)
        fields = {name for arm, saying in self._design.arms.items() for name in fields_for(saying, gaps[arm])}
        return _Gaps(gaps, frozenset(fields))

    def _chunk(self, session: Session, fields: frozenset[str], after: str) -> list[Somebody]:
        return chunk(
            session, self._programme, self._design.audience, fields, after=after, limit=self._size, now=self._now,
            marketing=self._design.category == "marketing",
        )  # fmt: skip

    def _begin(self, session: Session) -> tuple[int, str, str, Tally, bool]:
        ensure_programme(session, self._programme, now=self._now)
        row = {
            "programme_id": self._programme.id, "name": self._design.id, "document": self._design.document(),
            "digest": self._design.digest, "salt": secrets.token_hex(16), "state": "planning", "reason": None,
            "planned_after": "", "plan": Tally().to_json(), "next_at": 0.0, "spent": 0, "looked_at": None,
            "created_at": self._now, "started_at": None, "ended_at": None, "updated_at": self._now,
        }  # fmt: skip
        insert_once(session, Campaign, row)
        found = self._locked(session)
        assert found is not None
        if found.digest != self._design.digest:
            said = f"another file was planned as {self._design.id} ({found.state}); give this one an id of its own"
            hint = ", or plan it --anew" if found.started_at is None else ""
            raise Conflict(said + hint)
        tally = Tally.from_json(found.plan)
        return found.id, found.salt, found.planned_after or "", tally, found.state != "planning"

    def _drop(self, session: Session) -> bool:
        """Take a piece of a plan away that was not started. True if there may be more of it."""
        found = self._locked(session)
        if found is None or found.started_at is not None:
            return False
        found.state = "planning"
        some = select(Recipient.member_id).where(Recipient.campaign_id == found.id).limit(5000)
        members = list(session.scalars(some))
        if not members:
            session.delete(found)
            session.flush()
            return False
        session.execute(
            delete(Recipient)
            .where(Recipient.campaign_id == found.id, Recipient.member_id.in_(members))
            .execution_options(synchronize_session=False)
        )
        return True

    def _keep(
        self, session: Session, number: int, rows: list[dict[str, Any]], before: str, last: str | None, tally: Tally
    ) -> None:
        found = session.get(Campaign, number, with_for_update=True, populate_existing=True)
        if found is None or found.state != "planning" or (found.planned_after or "") != before:
            raise Conflict(f"{self._design.id} is being planned by somebody else; look at `passaparola campaign list`")
        if rows:
            there = set(session.scalars(_still_there([row["member_id"] for row in rows])))
            kept = [{**row, "campaign_id": number} for row in rows if row["member_id"] in there]
            if kept:
                session.connection().execute(_INSERT, kept)
        if last is None:
            found.state = "planned"
        else:
            found.planned_after = last
        found.plan, found.updated_at = tally.to_json(), self._now
        session.flush()

    def _locked(self, session: Session) -> Campaign | None:
        query = select(Campaign).where(
            Campaign.programme_id == self._programme.id, Campaign.name == self._design.id
        )  # fmt: skip
        return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()

    # ---- one member

    def _row(self, one: Somebody, gaps: _Gaps, salt: str, tally: Tally) -> dict[str, Any] | None:
        """Her row; None if she is left out. Either way she is counted."""
        tally.seen()
        if one.excluded is not None:
            tally.leave_out(one.excluded)
            return None
        arms = self._design.arms
        arm = arm_of(salt, one.id, tuple(arms), self._design.control_share)
        params: dict[str, str | int] | None = {}
        for name in arms:  # who could not get one variant gets none: else the variants would have other people
            hers = freeze(arms[name], gaps.of[name], one.known)
            if hers is None:
                tally.leave_out("something_unknown")
                return None
            if name == arm:
                params = hers
        price = self._price(one)
        if price is None and self._design.max_cost is not None:
            tally.leave_out("no_rate")
            return None
        tally.take(
            arm, one.language, one.phone, one.user_id, None if arm == CONTROL else price,
            capped=one.promoted >= self._programme.notices.promotions_per_week,
        )  # fmt: skip
        return {
            "member_id": one.id, "arm": arm, "language": one.language, "params": params,
            "price": price.amount if price is not None else None, "state": "planned", "reason": None,
            "at": self._turn(one.phone), "outbox_id": None, "offer_id": None, "outcome": None,
        }  # fmt: skip

    def _price(self, one: Somebody) -> Price | None:
        price = self._rates.price(self._design.category, None, one.phone, one.user_id, self._now)
        limit = self._design.max_cost
        return price if price is None or limit is None or price.currency == limit.currency else None

    def _turn(self, phone: str | None) -> datetime:
        """When it is her turn: an instant for all, or a time of day where she lives."""
        schedule = self._design.schedule
        if schedule.day is None or schedule.time is None:
            return schedule.at or self._now
        zone = zone_of(self._programme, phone, self._now)
        key = str(zone)
        if key not in self._zones:
            self._zones[key] = datetime.combine(schedule.day, time.fromisoformat(schedule.time), tzinfo=zone)
        return self._zones[key]
