"""What can happen to a member's points, each as one posting: earn, activate, hold, settle, expire, take back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty import ledger
from loyalty.errors import Refused
from loyalty.ids import Cause, LotId, MemberId, ProgrammeId, new_id
from loyalty.ledger import Account, Leg, Posting
from loyalty.tables import Balance, Entry, Lot, Transaction


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger of one member within one database transaction. Made by `open_books`, which locks her."""

    session: Session
    programme: ProgrammeId
    member: MemberId
    now: datetime

    def posted(self, cause: Cause) -> bool:
        """Whether this cause has had its effect already."""
        return ledger.find(self.session, self.programme, cause) is not None

    def earn(
        self,
        points: int,
        *,
        cause: Cause,
        kind: str,
        origin: str,
        occurred_at: datetime,
        activates_at: datetime,
        expires_at: datetime | None,
        memo: dict[str, Any],
    ) -> None:
        """Give points as a new lot, pending until `activates_at`; an open debt is paid off first."""
        lot = LotId(new_id())
        self.session.add(
            Lot(
                id=lot, programme_id=self.programme, member_id=self.member, origin=origin, remaining=0, pending=0,
                created_at=self.now, activates_at=activates_at, expires_at=expires_at,
            )
        )  # fmt: skip
        self.session.flush()
        legs = [Leg(Account.ISSUED, -points, lot)]
        if activates_at > self.now:
            legs.append(Leg(Account.PENDING, points, lot))
        else:
            legs.extend(self._receive(points, lot))
        self._post(cause, kind, occurred_at, legs, memo, origin=origin)

    def activate(self, lot: Lot, *, cause: Cause) -> None:
        """Make the pending points of a lot available."""
        legs = [Leg(Account.PENDING, -lot.pending, LotId(lot.id)), *self._receive(lot.pending, LotId(lot.id))]
        self._post(cause, "activation", self.now, legs, {}, origin=lot.origin)

    def hold(self, points: int, *, cause: Cause, memo: dict[str, Any]) -> None:
        """Set points aside, first-expiring first. Raises `Refused("points")` if there are not enough."""
        legs = [leg for part in self._spend(points) for leg in _move(Account.AVAILABLE, Account.HELD, *part)]
        self._post(cause, "hold", self.now, legs, memo)

    def settle(self, held: Cause, *, cause: Cause, spent: bool, memo: dict[str, Any]) -> None:
        """End a hold: the points are redeemed, or go back to the lots they came from, expiry unchanged."""
        target = Account.REDEEMED if spent else Account.AVAILABLE
        legs = [leg for part in self._held(held) for leg in _move(Account.HELD, target, *part)]
        self._post(cause, "redemption" if spent else "release", self.now, legs, memo)

    def expire(self, lot: Lot, *, cause: Cause) -> None:
        """Let what is left of a lot expire."""
        legs = _move(Account.AVAILABLE, Account.EXPIRED, LotId(lot.id), lot.remaining)
        self._post(cause, "expiry", self.now, legs, {}, origin=lot.origin)

    def take_back(self, points: int, *, cause: Cause, kind: str, origin: str, memo: dict[str, Any]) -> None:
        """Take points back that `origin` earned: its own lots first, then others, the rest becomes a debt."""
        legs: list[Leg] = []
        for account, lot, amount in self._reclaimable(origin):
            part = min(points, amount)
            if part:
                legs += _move(account, Account.ISSUED, lot, part)
                points -= part
        if points:
            legs += [Leg(Account.DEBT, -points), Leg(Account.ISSUED, points)]
        self._post(cause, kind, self.now, legs, memo, origin=origin)

    def granted(self, origin: str) -> int:
        """Points that `origin` has earned so far, less what was taken back for it."""
        total = self.session.scalar(
            select(func.coalesce(func.sum(-Entry.amount), 0))
            .join(Transaction, Transaction.id == Entry.transaction_id)
            .where(
                Transaction.programme_id == self.programme,
                Transaction.member_id == self.member,
                Transaction.origin == origin,
                Entry.account == Account.ISSUED,
            )
        )
        return int(total or 0)

    def _receive(self, points: int, lot: LotId) -> Iterator[Leg]:
        owed = min(points, self.session.get_one(Balance, self.member).debt)
        if owed:
            yield Leg(Account.DEBT, owed)
        if points - owed:
            yield Leg(Account.AVAILABLE, points - owed, lot)

    def _spend(self, points: int) -> Iterator[tuple[LotId, int]]:
        for lot in self._lots():
            part = min(points, lot.remaining)
            if part:
                yield LotId(lot.id), part
                points -= part
            if not points:
                return
        raise Refused("points", "not enough points", missing=points)

    def _lots(self) -> list[Lot]:
        """What can be spent now, first-expiring first; a lot whose time is over cannot, even before `tick` ran."""
        query = (
            select(Lot)
            .where(Lot.member_id == self.member, Lot.remaining > 0)
            .order_by(Lot.expires_at.is_(None), Lot.expires_at, Lot.id)
        )
        return [lot for lot in self.session.scalars(query) if lot.expires_at is None or lot.expires_at > self.now]

    def _held(self, cause: Cause) -> Iterator[tuple[LotId, int]]:
        hold = ledger.find(self.session, self.programme, cause)
        if hold is None:
            raise LookupError(f"no hold {cause}")
        for entry in hold.entries:
            if entry.account == Account.HELD and entry.lot_id is not None:
                yield LotId(entry.lot_id), entry.amount

    def _reclaimable(self, origin: str) -> Iterator[tuple[Account, LotId, int]]:
        own = self.session.scalars(select(Lot).where(Lot.member_id == self.member, Lot.origin == origin))
        for lot in own.all():
            yield Account.PENDING, LotId(lot.id), lot.pending
            yield Account.AVAILABLE, LotId(lot.id), lot.remaining
        for lot in self._lots():
            if lot.origin != origin:
                yield Account.AVAILABLE, LotId(lot.id), lot.remaining

    def _post(
        self,
        cause: Cause,
        kind: str,
        occurred_at: datetime,
        legs: list[Leg],
        memo: dict[str, Any],
        *,
        origin: str | None = None,
    ) -> None:
        posting = Posting(self.programme, self.member, cause, kind, origin, occurred_at, tuple(legs), memo)
        ledger.post(self.session, posting, now=self.now)


def open_books(session: Session, programme: ProgrammeId, member: MemberId, *, now: datetime) -> Books:
    """Lock a member and open her ledger for changes."""
    ledger.lock(session, member)
    return Books(session, programme, member, now)


def _move(source: Account, target: Account, lot: LotId, amount: int) -> list[Leg]:
    return [Leg(source, -amount, lot), Leg(target, amount, lot)]
