"""Members of whom there is news, as a queue of each system: marked, claimed under a lease, settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from crm.card import GONE, Card
from crm.errors import told
from crm.states import backoff
from crm.system import Missing, Rejected, Result
from crm.tables import CrmContact
from loyalty.ids import MemberId, new_id
from loyalty.store.sql import insert_once

WAITING, DONE, ASIDE = "waiting", "done", "aside"
ALARM = "crm_aside"
LEASE = timedelta(minutes=5)
"""After that somebody else may push what a process took and did not bring to an end."""
MOST_TRIES = 10
"""Of a contact with which calls fail while others go through; then it is set aside."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours to push until its lease is over."""

    member: MemberId
    remote_id: str | None
    wanted: str
    tries: int
    """How often it was tried before."""


def wanted_of(session: Session, system: str, members: Sequence[MemberId]) -> dict[MemberId, str]:
    """The fingerprints that members are to have in a system."""
    query = select(CrmContact.member_id, CrmContact.wanted)
    rows = session.execute(query.where(CrmContact.system == system, CrmContact.member_id.in_(members)))
    return {MemberId(member): wanted for member, wanted in rows}


def mark(session: Session, system: str, news: Mapping[MemberId, Card | None], *, now: datetime) -> int:
    """Note that there is news of members. Who is no member and was never told of is left alone. Returns how many."""
    mine = (CrmContact.system == system) & CrmContact.member_id.in_(list(news))
    query = select(CrmContact).where(mine).order_by(CrmContact.member_id).with_for_update()
    rows = {row.member_id: row for row in session.scalars(query.execution_options(populate_existing=True))}
    count = 0
    for member, card in sorted(news.items()):
        wanted, row = card.fingerprint() if card is not None else GONE, rows.get(member)
        if row is None:
            count += card is not None and _add(session, system, card, wanted, now)
        elif row.wanted != wanted:
            _change(row, wanted, now)
            count += 1
    session.flush()
    return count


def _add(session: Session, system: str, card: Card, wanted: str, now: datetime) -> bool:
    values = {
        "system": system, "member_id": card.member, "programme_id": card.programme, "remote_id": None,
        "state": WAITING, "wanted": wanted, "fingerprint": None, "dirty_since": now, "next_try_at": now, "attempts": 0,
        "lease": None, "error": None, "pushed_at": None,
    }  # fmt: skip
    return insert_once(session, CrmContact, values)


def _change(row: CrmContact, wanted: str, now: datetime) -> None:
    if wanted == GONE and row.fingerprint is None and not row.attempts and row.remote_id is None:
        row.wanted = row.fingerprint = GONE  # the system never heard of her
        row.state, row.dirty_since = DONE, None
        return
    if row.state == ASIDE:
        row.attempts = 0
    if row.attempts == 0:  # else it is being pushed, or waits for a reason
        row.next_try_at = now
    row.wanted, row.state, row.error, row.dirty_since = wanted, WAITING, None, row.dirty_since or now


def claim(session: Session, system: str, lease: str, *, limit: int, now: datetime) -> list[Claimed]:
    """Take rows that are due, those that wait longest first. Others cannot have them until the lease is over."""
    query = (
        select(CrmContact)
        .where(CrmContact.system == system, CrmContact.state == WAITING, CrmContact.next_try_at <= now)
        .order_by(CrmContact.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    found = []
    for row in session.scalars(query):
        found.append(Claimed(MemberId(row.member_id), row.remote_id, row.wanted, row.attempts))
        row.lease, row.next_try_at, row.attempts = lease, now + LEASE, row.attempts + 1
    session.flush()
    return found


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a row: the result, if one is known, and the fingerprint of what was pushed."""

    claimed: Claimed
    pushed: str
    result: Result | None


@dataclass(frozen=True, slots=True)
class Blame:
    """Why rows have no result. `hers` counts as a try of the contact: it may be the contact itself that fails."""

    why: str
    hers: bool = True
    least: timedelta = timedelta(0)
    proven: bool = False
    """That other contacts went through meanwhile."""


def settle(session: Session, system: str, lease: str, fates: Sequence[Fate], blame: Blame, *, now: datetime) -> int:
    """Write down what became of rows of a lease; those that were lost to somebody else are left. How many are aside."""
    by_member = {fate.claimed.member: fate for fate in fates}
    query = select(CrmContact).where(
        CrmContact.system == system, CrmContact.member_id.in_(list(by_member)), CrmContact.lease == lease
    )
    aside = 0
    rows = session.scalars(
        query.order_by(CrmContact.member_id).with_for_update().execution_options(populate_existing=True)
    )
    for row in rows.all():
        fate = by_member[MemberId(row.member_id)]
        row.lease = None
        match fate.result:
            case None:
                aside += _again(row, fate, blame, now)
            case Rejected(reason):
                aside += _set_aside(row, reason)
            case Missing():
                row.remote_id = None
                aside += _again(row, fate, Blame("the contact is not there any more", proven=blame.proven), now)
            case written:
                _done(row, fate, written.remote_id, now)
    session.flush()
    if aside:
        raise_alarm(
            session, ALARM, f"{system} refuses contacts; `passaparola crm status` says which and why", subject=system,
            now=now,
        )  # fmt: skip
    return aside


def _done(row: CrmContact, fate: Fate, remote_id: str | None, now: datetime) -> None:
    row.fingerprint, row.pushed_at, row.attempts, row.error, row.next_try_at = fate.pushed, now, 0, None, now
    row.remote_id = None if fate.pushed == GONE else remote_id
    if row.wanted in {fate.claimed.wanted, fate.pushed}:
        row.wanted, row.state, row.dirty_since = fate.pushed, DONE, None


def _again(row: CrmContact, fate: Fate, blame: Blame, now: datetime) -> bool:
    if not blame.hers:
        row.attempts, row.next_try_at = fate.claimed.tries, now + blame.least
        return False
    if row.attempts >= MOST_TRIES and blame.proven:
        return _set_aside(row, blame.why)
    row.error, row.next_try_at = told(blame.why), now + max(backoff(row.attempts), blame.least)
    return False


def _set_aside(row: CrmContact, reason: str) -> bool:
    row.state, row.error = ASIDE, told(reason)
    return True


def retry(session: Session, system: str, *, now: datetime) -> int:
    """Let contacts that were set aside be tried again. Returns how many."""
    changed = session.connection().execute(
        update(CrmContact)
        .where(CrmContact.system == system, CrmContact.state == ASIDE)
        .values(state=WAITING, attempts=0, next_try_at=now, error=None)
    )
    close_alarm(session, ALARM, now=now, subject=system)
    return changed.rowcount


def counts(session: Session, system: str) -> dict[str, int]:
    """How many rows there are in each state."""
    query = select(CrmContact.state, func.count()).where(CrmContact.system == system).group_by(CrmContact.state)
    return {state: count for state, count in session.execute(query)}  # noqa: C416 -- rows are no tuples to the type checker


def new_lease() -> str:
    """A name for one taking."""
    return new_id()
