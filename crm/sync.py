"""Telling a system what there is to tell: in batches, resumable, and whatever it answers only its own queue waits.

Killed anywhere, what was taken is pushed again once its lease is over. That is the same card to the contact that has
our key, so there is neither a loss nor a second contact.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm import queue, states
from crm.card import GONE, Card
from crm.changes import Finder
from crm.errors import BadBatch, CrmError, Down, Nonsense, NotAllowed
from crm.gathering import cards_of
from crm.pausing import leave_alone
from crm.queue import Blame, Claimed, Fate
from crm.system import Contact, Missing, Rejected, Results, System, Written
from crm.tables import CrmContact, CrmSystem
from loyalty.clock import Clock
from loyalty.ids import MemberId, ProgrammeId
from loyalty.programme import Programme
from loyalty.store import Store

log = structlog.get_logger()

BATCHES, PAGES = 200, 40
"""What one run of the job does at most, so that others get their turn."""
PATIENCE = (queue.LEASE - timedelta(minutes=1)).total_seconds()
"""Seconds a batch may take: it must be over before its lease is."""
ALONE_FROM = 2
"""A contact that was in so many failed calls is pushed by itself, so that it spoils none for others."""


_UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError)
"""What reading an answer raises that no adapter expected."""


@dataclass
class Pushed:
    """What a run did."""

    written: int = 0
    aside: int = 0
    why: str = ""
    """Why it stopped before everything was told."""

    def __str__(self) -> str:
        parts = [f"{self.written} contacts written"] if self.written else []
        parts += [f"{self.aside} set aside"] if self.aside else []
        return ", ".join([*parts, *([self.why] if self.why else [])])


@dataclass
class Sync:
    """Keeps one system up to date. One of these may run in several processes at once."""

    store: Store
    system: System
    programmes: Mapping[ProgrammeId, Programme]
    clock: Clock
    public_url: str
    _ready: bool = field(default=False, init=False)

    @property
    def finder(self) -> Finder:
        """Finds news for the system."""
        return Finder(self.store, self.system.name, self.programmes, self.public_url)

    async def run(self, now: datetime, *, batches: int | None = BATCHES, pages: int | None = PAGES) -> Pushed:
        """Find what changed, tell it. `None`: until nothing is left. Never raises a `CrmError`."""
        await self.finder.touched(now)
        await self.finder.sweep(now, pages=pages)
        return await self.push(now, batches=batches)

    async def push(self, now: datetime, *, batches: int | None = BATCHES) -> Pushed:
        """Tell what is marked and due."""
        done, count = Pushed(), 0
        name = self.system.name
        if await self.store.look(partial(states.paused, system=name, now=now)):
            return done
        if not await self.store.look(partial(_any_due, system=name, now=now)):
            return done
        async with self.system:
            if not await self._prepared(done, now):
                return done
            while batches is None or count < batches:
                count += 1
                if not await self._batch(done, max(now, self.clock.now())):
                    break
        return done

    async def _prepared(self, done: Pushed, now: datetime) -> bool:
        if self._ready:
            return True
        try:
            await self.system.prepare()
        except CrmError as error:
            done.why = await self._stop(error, now)
            return False
        self._ready = True
        return True

    async def _batch(self, done: Pushed, now: datetime) -> bool:
        """Push one batch. False if there was none, or the system is to be left alone."""
        name, lease = self.system.name, queue.new_lease()
        failures = await self.store.look(partial(_failures, system=name))
        size = max(1, self.system.batch >> min(failures, 8))
        claimed = await self.store.write(lambda session: queue.claim(session, name, lease, limit=size, now=now))
        if not claimed:
            return False
        members = [one.member for one in claimed]
        cards = await self.store.read(lambda session: cards_of(session, self.programmes, members, self.public_url))
        results: Results = {}
        error = await self._deliver(claimed, cards, results)
        await self._settle(lease, claimed, cards, results, error, done, now)
        return error is None

    async def _deliver(
        self, claimed: Sequence[Claimed], cards: Mapping[MemberId, Card | None], results: Results
    ) -> CrmError | None:
        contacts = [
            Contact(one.member, one.remote_id, cards.get(one.member), one.tries > 0) for one in claimed
            if one.member in cards
        ]  # fmt: skip
        often = {one.member for one in claimed if one.tries >= ALONE_FROM}
        groups = [[contact for contact in contacts if contact.member not in often]]
        groups += [[contact] for contact in contacts if contact.member in often]
        try:
            async with asyncio.timeout(PATIENCE):
                for group in groups:
                    await self._halving(group, results)
        except TimeoutError:
            return Down(f"{self.system.name} is too slow")
        except CrmError as error:
            return error
        except _UNREADABLE:
            log.exception("an answer of a CRM could not be read", system=self.system.name)
            return Nonsense(f"{self.system.name} answered something that cannot be read")
        if contacts and not results:
            return Nonsense(f"{self.system.name} answered without saying what became of any contact")
        return None

    async def _halving(self, contacts: Sequence[Contact], results: Results) -> None:
        if not contacts:
            return
        try:
            await self.system.push(contacts, results)
        except BadBatch as error:
            left = [contact for contact in contacts if contact.member not in results]
            if len(left) == 1:
                results[left[0].member] = Rejected(str(error))
            elif left:
                for part in (left[: len(left) // 2], left[len(left) // 2 :]):
                    await self._halving(part, results)

    async def _settle(
        self, lease: str, claimed: Sequence[Claimed], cards: Mapping[MemberId, Card | None], results: Results,
        error: CrmError | None, done: Pushed, now: datetime,
    ) -> None:  # fmt: skip
        fates = [Fate(one, _fingerprint(cards.get(one.member)), results.get(one.member)) for one in claimed]
        written = sum(isinstance(result, Written) for result in results.values())
        known = any(not isinstance(result, Missing) for result in results.values())
        at = max(now, self.clock.now())

        def work(session: Session) -> int:
            if known:
                states.succeeded(session, self.system.name, at)
            blame = _blame(error, proven=known or _goes_through(session, self.system.name, at))
            return queue.settle(session, self.system.name, lease, fates, blame, now=at)

        done.aside += await self.store.write(work)
        done.written += written
        if error is not None:
            done.why = await self._stop(error, at)

    async def _stop(self, error: CrmError, now: datetime) -> str:
        """Leave the system alone for as long as the error asks for. Returns why, in words."""
        if isinstance(error, NotAllowed):
            self._ready = False  # what is wrong may be the fields: they are looked at again
        return await leave_alone(self.store, self.system.name, error, now)


def _blame(error: CrmError | None, *, proven: bool) -> Blame:
    match error:
        case None:
            return Blame("it was not in the system's answer", proven=proven)
        case Down(least=least):
            return Blame(str(error), least=least, proven=proven)
        case _:
            return Blame(str(error), hers=False)


def _fingerprint(card: Card | None) -> str:
    return card.fingerprint() if card is not None else GONE


def _goes_through(session: Session, system: str, now: datetime) -> bool:
    """Whether the system took something just now, so that a failure is the contact's and no outage."""
    row = session.get(CrmSystem, system)
    return row is not None and row.succeeded_at is not None and row.succeeded_at > now - timedelta(minutes=10)


def _failures(session: Session, system: str) -> int:
    return session.scalar(select(CrmSystem.failures).where(CrmSystem.name == system)) or 0


def _any_due(session: Session, system: str, now: datetime) -> bool:
    due = (CrmContact.system == system) & (CrmContact.state == queue.WAITING) & (CrmContact.next_try_at <= now)
    return bool(
        session.scalar(select(func.count()).select_from(select(CrmContact.member_id).where(due).limit(1).subquery()))
    )
