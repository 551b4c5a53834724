"""Taking the next messages from the outbox: of each person the oldest, and only what may go now, within all limits.

What all senders must know is in the database and is read in the transaction that claims: the number's next slot is a
row that claims lock, what one person got and how many strangers were written to is what the outbox says. So a restart
forgets nothing, and several processes share one bucket. What has to wait is put off and takes up no place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from connectors.sending.pacing import DAY, Pace, Try, next_to_her, remembered, strangers_free, take_slots
from conversation.leaving import brakes
from conversation.leaving.consequences import category_of
from conversation.leaving.outbox import CLOSED, MARKETING, Due, numbers_due, window_open_at
from conversation.leaving.refusals import PROBE, template_of
from conversation.tables import Conversation, OutboxRow
from loyalty.store.sql import execute, lock_name, table_of
from loyalty.tables import Member

_OUTBOX, _CONVERSATION, _MEMBER = table_of(OutboxRow), table_of(Conversation), table_of(Member)
_AHEAD = _OUTBOX.alias("ahead")
_STATES = ("waiting", "sending", "unsure", "sent", "delivered", "read", "failed", "withheld", "dropped")
LATER = timedelta(minutes=15)
"""When a message is looked at again whose template or campaign is paused."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to be sent now, or in a moment: `at` is its slot, in seconds since 1970."""

    due: Due
    at: float


def _next(bulk: bool) -> Any:
    """Of each person the oldest that is due; a campaign's waits for the rest, the rest not for a campaign's."""
    begun = or_(_AHEAD.c.not_before.is_(None), _AHEAD.c.not_before <= bindparam("due"))
    before: list[ColumnElement[bool]] = [
        _AHEAD.c.member_id == _OUTBOX.c.member_id,
        or_(_AHEAD.c.id < _OUTBOX.c.id, _AHEAD.c.bulk == False) if bulk else _AHEAD.c.id < _OUTBOX.c.id,  # noqa: E712 -- SQL
        or_(_AHEAD.c.state == "waiting", _AHEAD.c.state == "sending"),
        or_(_AHEAD.c.state == "sending", _AHEAD.c.attempts > 0, begun),
    ]
    if not bulk:
        before.append(_AHEAD.c.bulk == False)  # noqa: E712 -- SQL
    return (
        select(
            _OUTBOX.c.id, _OUTBOX.c.number_id, _OUTBOX.c.member_id, _OUTBOX.c.phone, _OUTBOX.c.user_id,
            _OUTBOX.c.message, _OUTBOX.c.fallback, _OUTBOX.c.category, _OUTBOX.c.attempts,
            _OUTBOX.c.correlation, _OUTBOX.c.programme_id,
            _CONVERSATION.c.last_heard_at, _CONVERSATION.c.free_entry_until, _CONVERSATION.c.unreachable_at,
            _MEMBER.c.marketing_opt_in,
        )
        .select_from(
            _OUTBOX.join(_MEMBER, _MEMBER.c.id == _OUTBOX.c.member_id).outerjoin(
                _CONVERSATION, _CONVERSATION.c.member_id == _OUTBOX.c.member_id
            )
        )
        .where(
            _OUTBOX.c.state == "waiting",
            _OUTBOX.c.number_id == bindparam("number"),
            _OUTBOX.c.bulk == bulk,
            _OUTBOX.c.next_try_at <= bindparam("due"),
            ~exists().where(and_(*before)),
        )
        .order_by(_OUTBOX.c.next_try_at, _OUTBOX.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=_OUTBOX)
    )  # fmt: skip


_URGENT, _BULK = _next(bulk=False), _next(bulk=True)
_RECENT = (
    select(_OUTBOX.c.member_id, _OUTBOX.c.tried_at, _OUTBOX.c.sent_at)
    .where(
        _OUTBOX.c.member_id.in_(bindparam("members", expanding=True)),
        _OUTBOX.c.state.in_(_STATES),  # named, so that the index is used
        _OUTBOX.c.tried_at > bindparam("since"),
    )
    .order_by(_OUTBOX.c.member_id, _OUTBOX.c.tried_at)
)
_STRANGERS = (
    select(_OUTBOX.c.member_id, func.max(_OUTBOX.c.tried_at).label("last"))
    .where(_OUTBOX.c.outside, _OUTBOX.c.tried_at > bindparam("since"))
    .group_by(_OUTBOX.c.member_id)
)
_TAKE = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("which"))
    .values(
        state="sending", attempts=_OUTBOX.c.attempts + 1, tried_at=bindparam("at"), updated_at=bindparam("at"),
        sent_at=None, wamid=None, outside=bindparam("is_outside"),
    )
)  # fmt: skip
_REPLACE = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("which"))
    .values(message=bindparam("instead"), category=bindparam("kind"), fallback=None)
)
_PUT_OFF = update(_OUTBOX).where(_OUTBOX.c.id == bindparam("which")).values(next_try_at=bindparam("until"))
_WITHHOLD = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("which"))
    .values(state="withheld", error=bindparam("why"), updated_at=bindparam("at"))
)


Quiet = Callable[[str, str | None, datetime], datetime | None]
"""When promotional messages may go again to who has a phone, in a programme: None if they may go at that moment."""


def never_quiet(_programme: str, _phone: str | None, _now: datetime) -> None:
    """For installations without quiet hours."""


def claim(
    session: Session, *, now: datetime, limit: int, pace: Pace | None = None, at: float = 0.0,
    quiet: Quiet = never_quiet,
) -> list[Claimed]:  # fmt: skip
    """Take up to `limit` messages of all numbers. `at` is the time of the slots, in seconds since 1970.

    Slots follow a clock of their own: throughput is about real seconds, even where a test's clock stands still.
    A promotional message that was put off into the quiet hours waits for their end.
    """
    claimed: list[Claimed] = []
    for number in numbers_due(session, now=now):
        if len(claimed) < limit:
            one = _Round(session, number, now, pace or Pace(), quiet)
            claimed += one.claim(limit - len(claimed), at or now.timestamp())
    return claimed


class _Round:
    """One claim for one number."""

    def __init__(self, session: Session, number: str, now: datetime, pace: Pace, quiet: Quiet) -> None:
        self._session = session
        self._number = number
        self._now = now
        self._pace = pace
        self._quiet = quiet
        self._paused: Mapping[str, datetime] = {}
        self._strangers: dict[str, datetime] | None = None

    def claim(self, limit: int, at: float) -> list[Claimed]:
        key = brakes.number_key(self._number)
        brake = brakes.locked(self._session, key)
        probe = brake.probe_at
        if brake.paused_at is not None:
            if probe is not None and self._now < probe:
                return []
            limit, probe = 1, self._now + PROBE
        slots, _ = take_slots(brake, self._pace, limit, at)
        if not slots:
            return []
        self._paused = brakes.paused(self._session)
        taken = self._take(_URGENT, len(slots))
        if len(taken) < len(slots) and brakes.marketing_key(self._number) not in self._paused:
            taken += self._take(_BULK, len(slots) - len(taken))
        if not taken:
            return []
        _, after = take_slots(brake, self._pace, len(taken), at)
        brakes.advance(self._session, key, next_at=after, probe_at=probe)
        return [Claimed(due, slot) for due, slot in zip(taken, slots, strict=False)]

    def _take(self, query: Any, most: int) -> list[Due]:
        found = execute(self._session, query, {"due": self._now, "number": self._number, "most": most}).all()
        if not found:
            return []
        tries = self._tries([row.member_id for row in found])
        taken: list[tuple[Due, bool]] = []
        for row in found:
            outside = not window_open_at(row.last_heard_at, row.free_entry_until, self._now)
            due = self._look_at(row, outside)
            if due is not None and self._may_go(row, outside, tries.get(row.member_id, ())):
                taken.append((due, outside))
        if taken:
            self._session.connection().execute(
                _TAKE, [{"which": due.id, "at": self._now, "is_outside": outside} for due, outside in taken]
            )
        return [due for due, _ in taken]

    def _look_at(self, row: Any, outside: bool) -> Due | None:
        """What is to be sent of a message; nothing if it must not be sent, and then it is withheld."""
        message, category, heard = row.message, row.category, row.last_heard_at
        if row.unreachable_at is not None and (heard is None or heard <= row.unreachable_at):
            self._withhold(row, "WhatsApp said that she cannot be reached")
            return None
        if outside and template_of(message) is None:
            if row.fallback is None:
                self._withhold(row, CLOSED)
                return None
            message = row.fallback
            category = category_of(message) or category
        if category == MARKETING and not row.marketing_opt_in:
            self._withhold(row, "she has not agreed to promotional messages")
            return None
        if category == MARKETING and (morning := self._quiet(row.programme_id, row.phone, self._now)) is not None:
            self._put_off(row.id, morning)
            return None
        if self._is_paused(message, category):
            self._put_off(row.id, self._now + LATER)
            return None
        if message is not row.message:
            self._session.connection().execute(_REPLACE, {"which": row.id, "instead": message, "kind": category})
        return Due(row.id, row.number_id, row.phone, row.user_id, message, row.attempts + 1, row.correlation)

    def _is_paused(self, message: Mapping[str, Any], category: str) -> bool:
        template = template_of(message)
        if template is not None and brakes.template_key(template) in self._paused:
            return True
        return category == MARKETING and brakes.marketing_key(self._number) in self._paused

    def _may_go(self, row: Any, outside: bool, tries: Sequence[Try]) -> bool:
        """Whether the limits of this person and of strangers leave room; if not, it is put off until they do."""
        if self._pace.pair_seconds > 0:
            moment = next_to_her(tries, self._pace, self._now)
            if moment > self._now:
                self._put_off(row.id, moment)
                return False
        if outside and self._pace.portfolio is not None:
            known = self._known_strangers()
            if row.member_id not in known:
                free, moment = strangers_free(list(known.values()), self._pace, self._now)
                if not free:
                    self._put_off(row.id, max(moment, self._now + timedelta(seconds=1)))
                    return False
            known[row.member_id] = self._now
        return True

    def _known_strangers(self) -> dict[str, datetime]:
        """Who was written to outside the window in the last 24 hours; nobody else counts them until we are done."""
        if self._strangers is None:
            lock_name(self._session, "portfolio")
            rows = execute(self._session, _STRANGERS, {"since": self._now - DAY})
            self._strangers = {row.member_id: row.last for row in rows}
        return self._strangers

    def _tries(self, members: Sequence[str]) -> dict[str, list[Try]]:
        if self._pace.pair_seconds <= 0:
            return {}
        since = self._now - remembered(self._pace)
        found: dict[str, list[Try]] = {}
        for row in self._session.connection().execute(_RECENT, {"members": list(members), "since": since}):
            found.setdefault(row.member_id, []).append(Try(row.tried_at, row.sent_at or row.tried_at))
        return found

    def _put_off(self, number: int, until: datetime) -> None:
        execute(self._session, _PUT_OFF, {"which": number, "until": until})

    def _withhold(self, row: Any, why: str) -> None:
        execute(self._session, _WITHHOLD, {"which": row.id, "why": why, "at": self._now})
