"""Gifts of rules: points, a voucher, or both; given, and taken back if what they were for is undone.

What a gift gave hangs on its `origin`; each change of it posts at most one transaction, under a `cause` of its own.
Members are locked by the caller (`open_books`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty.books import ledger
from loyalty.books.points import Books
from loyalty.ids import Cause
from loyalty.programme import LANGUAGES, Language, Programme, Reward
from loyalty.rewards import stock, vouchers
from loyalty.rules.parts import Gift
from loyalty.tables import Member, Voucher


@dataclass(frozen=True, slots=True)
class Given:
    """What an origin has given by now."""

    points: int
    voucher: Voucher | None
    instead: bool
    """The reward had run out: its price in points was given in its place."""


def give(
    books: Books, programme: Programme, gift: Gift, *, origin: str, cause: Cause, kind: str, occurred_at: datetime,
    activates_at: datetime | None = None, memo: Mapping[str, Any],
) -> Given:  # fmt: skip
    """Give a gift: points under `origin`, a voucher with `origin`. `programme` is the one whose rule gives it.

    A reward that has run out is replaced by its price in points, and the memo says so. If `activates_at` lies in the
    future, points are pending and the voucher waits until then. Given again without being taken away in between, it
    changes nothing. A voucher that stayed when the gift was taken away is there still and is not given twice.
    """
    voucher = _kept(vouchers.locked(books.session, programme.id, origin))
    posted = books.posted(cause)
    reward = _reward(programme, gift)
    if reward is not None and voucher is None and not posted and _take(books, programme, reward):
        voucher = vouchers.issue(
            books.session, programme, books.member, reward, origin=origin, language=_language(books, programme),
            now=books.now, valid_from=activates_at,
        )  # fmt: skip
    missed = reward if voucher is None else None
    points = gift.points + (missed.points if missed else 0)
    if points and not posted:
        begins = books.now if activates_at is None else activates_at
        books.earn(
            points, cause=cause, kind=kind, origin=origin, occurred_at=occurred_at, activates_at=begins,
            expires_at=programme.earning.expires_at(begins, programme.zone),
            memo={**memo, "instead_of": missed.id} if missed else dict(memo),
        )  # fmt: skip
    return Given(books.granted(origin), voucher, instead=missed is not None)


def take_away(
    books: Books, programme: Programme, *, origin: str, cause: Cause, kind: str, memo: Mapping[str, Any]
) -> None:
    """Take back what an origin gave: its points, and its voucher unless that was used (the memo says so) or is over.

    Taken away again, it changes nothing.
    """
    if books.posted(cause):
        return
    voucher = vouchers.locked(books.session, programme.id, origin)
    fresh = voucher is not None and vouchers.fresh(voucher, books.now)
    if voucher is not None and fresh:
        vouchers.withdraw(books.session, voucher)
    points = books.granted(origin)
    if points > 0:
        kept = _kept(voucher)
        told = {**memo, "kept": kept.reward_id, "used": kept.used} if kept is not None else dict(memo)
        books.take_back(points, cause=cause, kind=kind, origin=origin, memo=told)
    if voucher is not None and fresh:
        vouchers.return_stock(books.session, voucher)


def _reward(programme: Programme, gift: Gift) -> Reward | None:
    if gift.reward is None:
        return None
    reward = programme.reward(gift.reward)
    if reward is None:
        raise LookupError(f"programme {programme.id} has no reward {gift.reward} in this revision")
    return reward


def _take(books: Books, programme: Programme, reward: Reward) -> bool:
    """Take one of a reward's stock. Her chain is locked first, as by a hold: so neither waits for the other's."""
    ledger.read_position(books.session, programme.id, books.member)
    return stock.take(
        books.session, programme.id, stock.reward_item(reward.id), stock=reward.stock, cost=reward.cost,
        budget=reward.budget,
    )  # fmt: skip


def _kept(voucher: Voucher | None) -> Voucher | None:
    return None if voucher is None or voucher.status == "revoked" else voucher


def _language(books: Books, programme: Programme) -> Language:
    """The language in which a voucher is named: the member's."""
    member = books.session.get_one(Member, books.member)
    return next((language for language in LANGUAGES if language == member.language), programme.language)
