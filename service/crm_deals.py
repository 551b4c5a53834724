"""Deals that CRMs told of: fetched, and a purchase once they are won, once by their id.

What happens to a deal after it became a purchase is told by other ways (`/v1/events`: refund, edit, cancellation).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import phonenumbers
from babel.numbers import get_currency_precision
from pydantic import ValidationError
from sqlalchemy.orm import Session

from crm import deals, queue, states
from crm.deals import ClaimedDeal
from crm.errors import CrmError, Down
from crm.pausing import leave_alone
from crm.system import Deal, Known, System
from loyalty.errors import LoyaltyError, NotFound, Refused, StoreUnavailable
from loyalty.ids import MemberId
from loyalty.orders import parked
from loyalty.people.members import Ref, find_member
from loyalty.programme import Programme
from loyalty.tables import Member
from service.context import Context
from service.ingest import Ingest, read_event
from service.middleware import ERASED, told
from service.parking import member_ref
from service.settling import settle_referrals
from service.shops.phones import read_phone

BATCH, ROUNDS = 20, 25
"""What one run of the job does at most."""


@dataclass(frozen=True, slots=True)
class _Person:
    """Whom a deal is about: a member, or at least a phone, and her programme."""

    programme: Programme
    ref: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DealTaker:
    """Makes purchases of the deals of one system."""

    context: Context
    system: System

    async def work(self, now: datetime) -> str:
        """Look at every deal that is due. Returns what was done, in words."""
        store, name = self.context.store, self.system.name
        if await store.look(partial(states.paused, system=name, now=now)):
            return ""
        taken = 0
        for _ in range(ROUNDS):
            lease, at = queue.new_lease(), max(now, self.context.clock.now())
            claimed = await store.write(partial(deals.claim, system=name, lease=lease, limit=BATCH, now=at))
            if not claimed:
                break
            try:
                async with self.system:
                    taken += await self._take(claimed, lease, at)
            except CrmError as error:
                await leave_alone(store, name, error, at)
                break
        if taken:
            for programme in self.context.programmes.values():
                await settle_referrals(self.context, programme)
        return f"{taken} deals became purchases" if taken else ""

    async def _take(self, claimed: list[ClaimedDeal], lease: str, now: datetime) -> int:
        taken = 0
        for number, one in enumerate(claimed):
            try:
                taken += await self._one(one, lease, now)
            except CrmError as error:
                store, name = self.context.store, self.system.name
                for later, left in enumerate(claimed[number:]):  # this one, and those that were not looked at
                    hers = later == 0 and isinstance(error, Down)
                    await store.write(
                        partial(deals.again, system=name, lease=lease, deal=left, why=str(error), hers=hers, now=now)
                    )
                raise
        return taken

    async def _one(self, one: ClaimedDeal, lease: str, now: datetime) -> bool:
        store, name = self.context.store, self.system.name

        async def end(state: str, why: str) -> bool:
            await store.write(partial(deals.settle, system=name, lease=lease, deal=one, state=state, now=now, why=why))
            return False

        deal = await self.system.deal(one.id)
        if deal is None:
            return await end(deals.ASIDE, "there is no such deal")
        if not deal.won:
            return await end(deals.OPEN, "it is not won")
        if deal.amount is None or deal.amount <= 0:
            return await end(deals.ASIDE, "it is won, but has no amount")
        person = await self._person(deal)
        if person is None:
            return await end(deals.ASIDE, "it is won, but names nobody with a phone")
        body = _purchase(name, deal, person, now)
        try:
            return await store.write(partial(self._apply, one=one, lease=lease, body=body, person=person, now=now))
        except StoreUnavailable:
            raise
        except (LoyaltyError, ValidationError) as problem:
            await store.write(
                partial(self._refuse, one=one, lease=lease, body=body, person=person, problem=problem, now=now)
            )
            return False

    async def _person(self, deal: Deal) -> _Person | None:
        """The member whom we wrote the contact for; else who the contact is by our key, or by phone."""
        store, name = self.context.store, self.system.name
        for contact in deal.contacts:
            member = await store.read(partial(deals.member_of, system=name, remote_id=contact))
            known = Known(member) if member is not None else await self.system.contact(contact)
            found = await store.read(partial(self._known, known=known))
            if found is not None:
                return found
        return None

    def _known(self, session: Session, known: Known) -> _Person | None:
        programmes = self.context.programmes
        row = session.get(Member, MemberId(known.member)) if known.member else None
        if row is not None:
            programme = next((one for one in programmes.values() if one.id == row.programme_id), None)
            if programme is not None:
                return _Person(programme, {"id": row.id})
        readings = [(programme, _phone(programme, known.phone)) for programme in programmes.values()]
        phones = [(programme, phone) for programme, phone in readings if phone is not None]
        if len(programmes) == 1 and phones:
            return _Person(phones[0][0], {"phone": phones[0][1]})
        hers = [(programme, phone) for programme, phone in phones if _is_member(session, programme, phone)]
        return _Person(hers[0][0], {"phone": hers[0][1]}) if len(hers) == 1 else None

    def _apply(
        self, session: Session, one: ClaimedDeal, lease: str, body: dict[str, Any], person: _Person, now: datetime
    ) -> bool:
        if not deals.settle(session, self.system.name, lease, one, deals.DONE, now=now):
            return False  # somebody else has it
        Ingest().apply(session, person.programme, read_event(body), now)
        parked.settle(session, person.programme.id, f"purchase:{body['id']}", state=parked.DONE, now=now)
        return True

    def _refuse(
        self, session: Session, one: ClaimedDeal, lease: str, body: dict[str, Any], person: _Person,
        problem: LoyaltyError | ValidationError, now: datetime,
    ) -> None:  # fmt: skip
        """Keep what cannot be taken: of somebody unknown it is taken when she joins."""
        code = problem.code if isinstance(problem, LoyaltyError) else "invalid"
        reason = (
            str(problem) if isinstance(problem, LoyaltyError) else ": ".join(part for part in told(problem) if part)
        )
        gone = isinstance(problem, Refused) and problem.reason == ERASED
        waits = isinstance(problem, NotFound)
        state = deals.DONE if gone or waits else deals.ASIDE
        if not deals.settle(session, self.system.name, lease, one, state, now=now, why=reason) or gone:
            return
        parked.park(
            session, person.programme.id, key=f"purchase:{body['id']}", member_ref=member_ref(body), body=body,
            code=code, reason=reason, now=now,
        )  # fmt: skip


def _purchase(system: str, deal: Deal, person: _Person, now: datetime) -> dict[str, Any]:
    """The deal as `/v1/events` takes it. Where the system keeps no currency, it is the programme's."""
    assert deal.amount is not None
    currency = (deal.currency or person.programme.currency).upper()
    amount = deal.amount.quantize(Decimal(1).scaleb(-get_currency_precision(currency)))
    at = deal.at if deal.at is not None and deal.at <= now else now
    return {
        "type": "purchase", "id": f"{system}:{deal.id}", "member": dict(person.ref), "amount": f"{amount:f}",
        "currency": currency, "occurred_at": at.isoformat(),
    }  # fmt: skip


def _phone(programme: Programme, typed: str | None) -> str | None:
    """A phone as somebody typed it into a CRM, in the programme's country if it names none."""
    here = phonenumbers.region_code_for_number(phonenumbers.parse(programme.whatsapp.phone))
    found = read_phone(typed, [here])
    return found.value if found is not None else None


def _is_member(session: Session, programme: Programme, phone: str) -> bool:
    return find_member(session, programme.id, (Ref.phone(phone),)) is not None
