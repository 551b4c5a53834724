"""What can happen to a member's points, each as one posting.

Earn, activate, hold, settle, expire, take back, return, adjust, hand over to another member. A debt is always paid
before points become available to her.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty.books import ledger, lots
from loyalty.books.handover import hand_over
from loyalty.books.posting import LIFETIME, MERGE, Account, Leg, NewLot, Position, Posting, move, owe, receive
from loyalty.books.rows import Beside
from loyalty.errors import Invalid, Refused
from loyalty.ids import Cause, LotId, MemberId, ProgrammeId, new_id
from loyalty.tables import Lot


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger of one member within one database transaction. Made by `open_books`, which locks her."""

    session: Session
    programme: ProgrammeId
    member: MemberId
    now: datetime

    def posted(self, cause: Cause) -> bool:
        """Whether this cause has had its effect already."""
        return ledger.is_posted(self.session, self.programme, cause)

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
        at: Position | None = None,
        beside: Beside | None = None,
    ) -> None:
        """Give points as a new lot, pending until `activates_at`; an open debt is paid off first.

        `at` is where she stands, if it was just read; `beside` is a row to be written with the posting.
        """
        lot = self._new_lot(origin, activates_at, expires_at)

        def legs(at: Position) -> Iterator[Leg]:
            yield Leg(Account.ISSUED, -points, lot.id)
            if activates_at > self.now:
                yield Leg(Account.PENDING, points, lot.id)
            else:
                yield from receive([(lot.id, points)], at.debt)

        self._post(cause, kind, legs, memo, origin=origin, occurred_at=occurred_at, opens=[lot], at=at, beside=beside)

    def activate(self, lot: Lot, *, cause: Cause) -> None:
        """Make the pending points of a lot available."""
        id_, points = LotId(lot.id), lot.pending

        def legs(at: Position) -> Iterator[Leg]:
            yield Leg(Account.PENDING, -points, id_)
            yield from receive([(id_, points)], at.debt)

        self._post(cause, "activation", legs, {}, origin=lot.origin)

    def hold(self, points: int, *, cause: Cause, memo: dict[str, Any]) -> None:
        """Set points aside, first-expiring first. Raises `Refused("points")` if there are not enough."""
        parts, missing = self._spend(points)
        if missing:
            raise Refused("points", "not enough points", missing=missing)
        self._post(cause, "hold", move(parts, Account.AVAILABLE, Account.HELD), memo)

    def spend(self, points: int, *, cause: Cause, kind: str, memo: dict[str, Any]) -> None:
        """Spend points at once, first-expiring first. Raises `Refused("points")` if there are not enough."""
        parts, missing = self._spend(points)
        if missing:
            raise Refused("points", "not enough points", missing=missing)
        self._post(cause, kind, move(parts, Account.AVAILABLE, Account.REDEEMED), memo)

    def settle(self, held: Cause, *, cause: Cause, spent: bool, memo: dict[str, Any]) -> None:
        """End a hold: the points are redeemed, or go back to the lots they came from, expiry unchanged.

        What goes back pays a debt off first. Raises `LookupError` if nothing was held by that cause.
        """
        parts = lots.moved(self.session, self.programme, held, Account.HELD)
        if not parts:
            raise LookupError(f"no hold {held}")
        if spent:
            self._post(cause, "redemption", move(parts, Account.HELD, Account.REDEEMED), memo)
            return

        def legs(at: Position) -> Iterator[Leg]:
            yield from (Leg(Account.HELD, -amount, lot) for lot, amount in parts)
            yield from receive(parts, at.debt)

        self._post(cause, "release", legs, memo)

    def return_spent(self, redeemed: Cause, *, cause: Cause, reopen_until: datetime, memo: dict[str, Any]) -> None:
        """Take a redemption back: its points return to the lots they came from; a debt is paid off first.

        Points of a lot whose time is over come as a new lot of the same origin, which lives until `reopen_until`.
        So do those that another member spent before a merge, but with the time they had if it is not over. Raises
        `LookupError` if nothing was redeemed by that cause.
        """
        parts = lots.moved(self.session, self.programme, redeemed, Account.REDEEMED)
        if not parts:
            raise LookupError(f"no redemption {redeemed}")
        opens: list[NewLot] = []

        def returned(leg: Leg) -> Leg:
            if leg.lot is None:
                return leg
            lot = lots.lot(self.session, leg.lot)
            is_over = lot.is_over(self.now)
            if lot.member == self.member and not is_over:
                return leg
            opens.append(self._new_lot(lot.origin, self.now, reopen_until if is_over else lot.expires_at))
            return replace(leg, lot=opens[-1].id)

        def legs(at: Position) -> Iterator[Leg]:
            yield from (Leg(Account.REDEEMED, -amount, lot) for lot, amount in parts)
            yield from (returned(leg) for leg in receive(parts, at.debt))

        self._post(cause, "return", legs, memo, opens=opens)

    def expire(self, lot: Lot, *, cause: Cause) -> None:
        """Let what is left of a lot expire."""
        legs = move([(LotId(lot.id), lot.remaining)], Account.AVAILABLE, Account.EXPIRED)
        self._post(cause, "expiry", legs, {}, origin=lot.origin)

    def extend(self, expires_at: datetime) -> int:
        """Let all points live at least until `expires_at`, pending ones too; what is over already stays over.

        Returns how many lots that changed. A lot's expiry is no entry of the ledger: whoever extends notes it in
        the memo of what she posts on that occasion.
        """
        return lots.extend(self.session, self.member, expires_at, self.now)

    def pay_off(self, *, cause: Cause, memo: dict[str, Any]) -> int:
        """Pay an open debt with what is available, first-expiring first. Returns how many points that took."""
        at = self._position()
        parts, _ = self._spend(min(at.debt, at.available))
        paid = sum(amount for _, amount in parts)
        if paid:
            legs = [*(Leg(Account.AVAILABLE, -amount, lot) for lot, amount in parts), Leg(Account.DEBT, paid)]
            self._post(cause, "debt", legs, memo)
        return paid

    def adjust(
        self,
        points: int,
        *,
        cause: Cause,
        kind: str = "adjustment",
        origin: str,
        expires_at: datetime | None,
        allow_debt: bool,
        memo: dict[str, Any],
    ) -> None:
        """Give points at once, or take available ones (if negative), first-expiring first.

        What is missing becomes a debt if that is allowed; else `Refused("points")`. Raises `Invalid` for no points.
        """
        if points == 0:
            raise Invalid("an adjustment of 0 points changes nothing", field="points")
        if points > 0:
            self.earn(
                points, cause=cause, kind=kind, origin=origin, occurred_at=self.now, activates_at=self.now,
                expires_at=expires_at, memo=memo,
            )  # fmt: skip
            return
        parts, missing = self._spend(-points)
        if missing and not allow_debt:
            raise Refused("points", "not enough points", missing=missing)
        legs = [*move(parts, Account.AVAILABLE, Account.ISSUED), *owe(missing)]
        self._post(cause, kind, legs, memo, origin=origin)

    def take_back(self, points: int, *, cause: Cause, kind: str, origin: str, memo: dict[str, Any]) -> None:
        """Take points back that `origin` earned.

        First what is left of it: pending, then available points. Then what of it has expired, which the member does
        not notice. Then points of other origins, first-expiring first. The rest becomes a debt.
        """
        legs: list[Leg] = []
        for account, lot, amount in self._reclaimable(origin):
            part = min(points, amount)
            if part:
                legs += move([(lot, part)], account, Account.ISSUED)
                points -= part
        self._post(cause, kind, [*legs, *owe(points)], memo, origin=origin)

    def granted(self, origin: str) -> int:
        """Points that `origin` has earned so far, less what was taken back for it."""
        return lots.granted(self.session, self.programme, origin)

    def give_to(self, other: "Books", *, cause_out: Cause, cause_in: Cause, memo: dict[str, Any]) -> None:
        """Hand over to another member all points that are pending or available, the debt, and the life's earnings.

        One posting on each side. Lots keep their origin and their times; a debt of either is paid off first from
        what arrives available. What is held stays until it is settled.
        """
        if LIFETIME in memo:
            raise ValueError(f"the memo of a merge has {LIFETIME!r} of its own")
        ledger.lock_all(self.session, [self.member, other.member])
        at = self._position()
        passed = hand_over(lots.left_over(self.session, self.member), at, other._position().debt)
        self._post(cause_out, MERGE, passed.out, {**memo, LIFETIME: -passed.lifetime})
        other._post(cause_in, MERGE, passed.in_, {**memo, LIFETIME: passed.lifetime}, opens=passed.opens)

    def _post(
        self,
        cause: Cause,
        kind: str,
        legs: Iterable[Leg] | Callable[[Position], Iterable[Leg]],
        memo: dict[str, Any],
        *,
        origin: str | None = None,
        occurred_at: datetime | None = None,
        opens: Iterable[NewLot] = (),
        at: Position | None = None,
        beside: Beside | None = None,
    ) -> None:
        at = at or self._position()
        every = tuple(legs(at) if callable(legs) else legs)  # before `opens` is looked at: they may open lots
        posting = Posting(
            self.programme, self.member, cause, kind, origin, occurred_at or self.now, every, memo, tuple(opens)
        )
        ledger.post(self.session, posting, now=self.now, at=at, beside=beside)

    def _position(self) -> Position:
        return ledger.read_position(self.session, self.programme, self.member)

    def _new_lot(self, origin: str, activates_at: datetime, expires_at: datetime | None) -> NewLot:
        return NewLot(LotId(new_id()), origin, self.now, activates_at, expires_at)

    def _spend(self, points: int) -> tuple[list[tuple[LotId, int]], int]:
        """Which points are spent, first-expiring first, and how many are missing."""
        parts = []
        for lot in lots.spendable(self.session, self.member, self.now):
            if not points:
                break
            part = min(points, lot.remaining)
            parts.append((lot.id, part))
            points -= part
        return parts, points

    def _reclaimable(self, origin: str) -> Iterator[tuple[Account, LotId, int]]:
        own = lots.of_origin(self.session, self.member, origin)
        for lot in own:
            yield Account.PENDING, lot.id, lot.pending
        for lot in own:
            yield Account.AVAILABLE, lot.id, lot.remaining
        for id_, points in lots.expired(self.session, self.programme, origin):
            yield Account.EXPIRED, id_, points
        for lot in lots.spendable(self.session, self.member, self.now):
            if lot.origin != origin:
                yield Account.AVAILABLE, lot.id, lot.remaining


def open_books(
    session: Session, programme: ProgrammeId, member: MemberId, *, now: datetime, name: str | None = None
) -> Books:
    """Lock a member and open her ledger for changes. `name` is locked before her (as by `lock_name`)."""
    ledger.take_lock(session, member, name=name)
    return Books(session, programme, member, now)
