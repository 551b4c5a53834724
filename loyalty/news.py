"""What happened, written down in the transaction in which it did, for those who may want to hear of it.

Whoever changes something tells it here, once by its business key. Listeners (notices to the member, signed webhooks)
are put together outside: `TellingStore` lets them act in the very transaction; what they could not act on is caught
up with by a job (`tell_rest`). So nothing that happened goes unheard, and nothing is heard twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeVar

import structlog
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from loyalty.errors import StoreUnavailable
from loyalty.ids import MemberId, ProgrammeId, new_id
from loyalty.store import Store
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import News

T = TypeVar("T")
log = structlog.get_logger()

TOLD = "news"
"""Where a session keeps the ids of what was told in it."""
BECAUSE = "news_because"
"""Where it keeps why, by member."""
STALE = timedelta(days=3)
"""What happened so long before we know is no news to the member any more; who keeps books still hears of it."""
TRIES = 5
LATER = timedelta(seconds=5)
"""News that is older and still untold was missed by the transaction that wrote it."""
BATCH = 50


class Kind(StrEnum):
    """What can happen. Values are what `/v1` and signed webhooks call it; they stay for ever."""

    MEMBER_JOINED = "member.joined"
    POINTS_EARNED = "points.earned"
    POINTS_TAKEN_BACK = "points.taken_back"
    POINTS_EXPIRING = "points.expiring"
    POINTS_EXPIRED = "points.expired"
    REWARD_REDEEMED = "reward.redeemed"
    VOUCHER_ISSUED = "voucher.issued"
    VOUCHER_USED = "voucher.used"
    VOUCHER_EXPIRING = "voucher.expiring"
    REFERRAL_JOINED = "referral.joined"
    REFERRAL_REWARDED = "referral.rewarded"
    TIER_REACHED = "tier.reached"
    TIER_LOST = "tier.lost"
    BADGE_REACHED = "badge.reached"
    MILESTONE_REACHED = "milestone.reached"
    STREAK_REACHED = "streak.reached"
    CHALLENGE_STARTED = "challenge.started"
    CHALLENGE_NEARLY_DONE = "challenge.nearly_done"
    CHALLENGE_DONE = "challenge.done"
    BIRTHDAY = "member.birthday"
    INACTIVE = "member.inactive"


@dataclass(frozen=True, slots=True)
class Happening:
    """One piece of news, as listeners are handed it."""

    id: str
    programme: ProgrammeId
    member: MemberId
    kind: Kind
    key: str
    about: Mapping[str, Any]
    at: datetime


Listener = Callable[[Session, Sequence[Happening], datetime], None]
"""Acts on all that happened to one member in a transaction, in that transaction, by keys of its own, as of a moment."""

Why = Literal["chat", "desk", "import", "merge", "recount"]
"""What news came of, where that decides whether the member has to be told: she is answered in the chat or by a person
at this very moment, a file was read, two members became one, or rules changed."""


def because(session: Session, member: str, why: Why) -> None:
    """Say what a member's news in this transaction comes of; it is told with it (`by`)."""
    session.info.setdefault(BECAUSE, {})[member] = why


_NEWS = table_of(News)
_HERS = _NEWS.c.id.in_(bindparam("ids", expanding=True))
_UNTOLD = select(
    _NEWS.c.id, _NEWS.c.programme_id, _NEWS.c.member_id, _NEWS.c.kind, _NEWS.c.key, _NEWS.c.about, _NEWS.c.at
).where(_HERS, _NEWS.c.told_at.is_(None))
_TOLD_NOW = update(_NEWS).where(_HERS).values(told_at=bindparam("moment"))
_FAILED = update(_NEWS).where(_HERS).values(attempts=_NEWS.c.attempts + 1, error=bindparam("why"))


def tell(
    session: Session, programme: ProgrammeId, member: MemberId, kind: Kind, *, key: str, about: Mapping[str, Any],
    at: datetime, now: datetime,
) -> bool:  # fmt: skip
    """Write down that something happened, once for its key. `about` holds ids and numbers, no personal data.

    `at` is when it happened, `now` when we know. True if it is news.
    """
    why: Why | None = session.info.get(BECAUSE, {}).get(member)
    row = {
        "id": new_id(), "programme_id": programme, "member_id": member, "kind": kind.value, "key": key[:250],
        "about": {**about, "by": why} if why is not None else dict(about), "at": at,
        "created_at": now, "told_at": None, "attempts": 0, "error": None,
    }  # fmt: skip
    if not insert_once(session, News, row):
        return False
    session.info.setdefault(TOLD, []).append((row["id"], now))
    return True


class TellingStore:
    """A store in whose transactions listeners hear of what was told in them."""

    def __init__(self, store: Store, listeners: Sequence[Listener]) -> None:
        self._store = store
        self._listeners = tuple(listeners)

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self._store.read(work)

    async def look(self, work: Callable[[Session], T]) -> T:
        return await self._store.look(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        def telling(session: Session) -> T:
            result = work(session)
            if told := session.info.pop(TOLD, None):
                _pass_on(session, self._listeners, [id_ for id_, _ in told], max(now for _, now in told))
            return result

        return await self._store.write(telling)

    async def close(self) -> None:
        await self._store.close()


async def tell_rest(store: Store, listeners: Sequence[Listener], *, now: datetime) -> int:
    """Let listeners hear of what they were not told when it happened. Returns how many pieces of news that was."""
    count = 0
    while done := await store.write(lambda session: _rest(session, listeners, now)):
        count += done
    return count


def untold(session: Session) -> tuple[int, datetime | None]:
    """How many pieces of news nobody could be told, for good or until now, and since when: for operators."""
    row = session.execute(select(func.count(), func.min(News.created_at)).where(News.told_at.is_(None))).one()
    return row[0], row[1]


def _rest(session: Session, listeners: Sequence[Listener], now: datetime) -> int:
    query = (
        select(News.id)
        .where(News.told_at.is_(None), News.attempts < TRIES, News.created_at <= now - LATER)
        .order_by(News.attempts, News.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(query))
    _pass_on(session, listeners, ids, now)
    session.info.pop(TOLD, None)
    return len(ids)


def _pass_on(session: Session, listeners: Sequence[Listener], ids: Sequence[str], now: datetime) -> None:
    """Let listeners hear of news, of one member after the other: all of hers at once, in the order it was told in."""
    session.flush()
    place = {id_: number for number, id_ in enumerate(ids)}
    found = execute(session, _UNTOLD, {"ids": list(ids)}).all()
    groups: dict[tuple[str, str], list[Happening]] = {}
    for row in sorted(found, key=lambda row: place[row.id]):
        happening = Happening(
            row.id, ProgrammeId(row.programme_id), MemberId(row.member_id), Kind(row.kind), row.key, row.about, row.at
        )
        groups.setdefault((row.member_id, row.programme_id), []).append(happening)
    for _, happenings in sorted(groups.items()):  # members are locked in one order
        told = [one.id for one in happenings]
        try:
            with session.begin_nested():  # a listener that fails must not take what happened with it
                for listener in listeners:
                    listener(session, happenings, now)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("news could not be passed on, it is tried again", news=told, kinds=_kinds(happenings))
            execute(session, _FAILED, {"ids": told, "why": f"{type(error).__name__}: {error}"[:500]})
        else:
            execute(session, _TOLD_NOW, {"ids": told, "moment": now})


def _kinds(happenings: Sequence[Happening]) -> list[str]:
    return [str(one.kind) for one in happenings]
