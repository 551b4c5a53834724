"""Everything the loyalty room knows of a person, for her to have: as values that JSON knows."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.overview import movements, points_of
from loyalty.ids import MemberId
from loyalty.people.consents import consents_of
from loyalty.people.members import family, kept
from loyalty.programme import Programme
from loyalty.tables import (
    Activity,
    Amendment,
    Attempt,
    Award,
    Base,
    Claim,
    DialogRun,
    Identity,
    Invite,
    Lot,
    Member,
    MemberTag,
    ParkedEvent,
    Purchase,
    Recipient,
    Redemption,
    Referral,
    Score,
    Signal,
    Spin,
    Standing,
    Subscription,
    Voucher,
    VoucherUse,
)

PAGE = 1000
Facts = dict[str, Any]


def export(session: Session, programme: Programme, member: MemberId, now: datetime) -> Facts:
    """All that is known of a member, as a dict that can be written as JSON: texts, numbers, lists, dicts, nothing.

    Left out, and why: names, numbers and ids of other people (friends are counted and dated); what was found about
    referrals and who decided on them, since it tells of others and of how fraud is found; the hashes of shared signals
    and of the ledger's chain, which say nothing to anybody; seeds of spins that are not drawn yet, which would let her
    choose a prize; the codes of other people's vouchers. Messages are in `conversation.caring.rights.export`.
    """
    row = kept(session, session.get_one(Member, member))
    id_ = MemberId(row.id)
    ids = family(session, id_)
    return {
        "exported_at": _plain(now),
        "programme": {"id": programme.id, "name": programme.name},
        "profile": _facts(
            row, "id", "name", "language", "language_chosen", "birthday", "birthday_at", "board_name", "referral_code",
            "marketing_opt_in", "customer_before", "created_at", "joined_at",
        ),
        "identities": _rows(session, Identity, id_, "kind", "value", "created_at"),
        "consents": [
            {
                "purpose": word.purpose, "given": word.given, "words": word.words, "evidence": word.evidence,
                "at": _plain(word.at),
            }
            for word in consents_of(session, id_)
        ],
        "points": _points(session, id_),
        "movements": [movement for one in ids for movement in _movements(session, one)],
        "purchases": _purchases(session, programme, id_),
        "activities": _rows(session, Activity, id_, "key", "name", "occurred_at", "recorded_at", "points"),
        "claims": _rows(
            session, Claim, id_, "told_when", "told_where", "amount", "media_id", "media_sha256", "state", "created_at",
            "decided_at", "why", "purchase_key", "points",
        ),
        "subscriptions": _rows(session, Subscription, id_, "key", "started_at", "ended_at"),
        "redemptions": _rows(
            session, Redemption, id_, "reward_id", "points", "state", "created_at", "expires_at", "settled_at"
        ),
        "vouchers": _vouchers(session, id_),
        "referrals": _referrals(session, id_),
        "level": next(iter(_rows(session, Standing, id_, "tier", "value", "since")), None),
        "awards": _rows(session, Award, id_, "goal", "period", "state", "reached_at"),
        "leaderboards": _rows(session, Score, id_, "board", "period", "value"),
        "quizzes": _rows(
            session, Attempt, id_, "quiz", "period", "number", "answers", "right", "started_at", "finished_at"
        ),
        "spins": _spins(session, id_),
        "dialogs": _rows(session, DialogRun, id_, "dialog", "period", "number", "answers", "finished_at"),
        "signals": _rows(session, Signal, id_, "kind", "created_at"),
        "tags": _rows(session, MemberTag, id_, "tag", "created_at"),
        "campaigns": _rows(
            session, Recipient, id_, "campaign_id", "arm", "language", "params", "state", "reason", "at"
        ),
        "waiting_events": _waiting(session, programme, id_),
    }  # fmt: skip


def _points(session: Session, member: MemberId) -> Facts:
    points = points_of(session, member)
    lots = select(Lot).where(Lot.member_id == member, (Lot.remaining > 0) | (Lot.pending > 0)).order_by(Lot.id)
    return {
        "available": points.available, "pending": points.pending, "held": points.held, "debt": points.debt,
        "lifetime": points.lifetime,
        "parts": [
            _facts(lot, "origin", "remaining", "pending", "created_at", "activates_at", "expires_at")
            for lot in session.scalars(lots)
        ],
    }  # fmt: skip


def _movements(session: Session, member: MemberId) -> Iterator[Facts]:
    before: str | None = None
    while page := movements(session, member, limit=PAGE, before=before):
        for one in page:
            yield {
                "kind": one.kind, "cause": one.cause, "points": one.points, "changes": dict(one.changes),
                "occurred_at": _plain(one.occurred_at), "posted_at": _plain(one.posted_at), "memo": dict(one.memo),
            }  # fmt: skip
        before = page[-1].id


def _purchases(session: Session, programme: Programme, member: MemberId) -> list[Facts]:
    changes: dict[str, list[Facts]] = {}
    hers = select(Purchase.key).where(Purchase.member_id == member)
    told = select(Amendment).where(Amendment.programme_id == programme.id, Amendment.purchase_key.in_(hers))
    for row in session.scalars(told.order_by(Amendment.occurred_at, Amendment.id)):
        said = _facts(row, "kind", "key", "amount", "currency", "lines", "occurred_at")
        changes.setdefault(row.purchase_key, []).append(said)
    orders = _rows(
        session, Purchase, member, "key", "amount", "currency", "lines", "occurred_at", "recorded_at", "paid", "points"
    )
    return [{**order, "changes": changes.get(order["key"], [])} for order in orders]


def _vouchers(session: Session, member: MemberId) -> list[Facts]:
    uses: dict[str, list[Facts]] = {}
    hers = select(VoucherUse).join(Voucher, Voucher.id == VoucherUse.voucher_id).where(Voucher.member_id == member)
    for use in session.scalars(hers.order_by(VoucherUse.id)):
        uses.setdefault(use.voucher_id, []).append(_facts(use, "place", "order_amount", "used_at", "undone_at"))
    vouchers = _rows(
        session, Voucher, member, "id", "code", "reward_id", "reward_name", "kind", "value", "minimum", "status",
        "created_at", "valid_from", "expires_at",
    )  # fmt: skip
    return [{**voucher, "uses": uses.get(voucher.pop("id"), [])} for voucher in vouchers]


def _referrals(session: Session, member: MemberId) -> Facts:
    """Her friends as dates, her referrer as a date: who they are is theirs to tell."""
    columns = ("state", "source", "created_at", "converted_at", "rewarded_at")
    brought = session.scalars(select(Referral).where(Referral.referrer_id == member).order_by(Referral.created_at))
    came = session.scalars(select(Referral).where(Referral.referee_id == member).order_by(Referral.created_at))
    opened = session.scalar(select(func.sum(Invite.opened)).where(Invite.member_id == member))
    friends = [_facts(row, *columns) for row in brought]
    return {
        "link_opened": int(opened or 0), "friends": len(friends), "friends_came": friends,
        "came_by_a_friend": [_facts(row, *columns) for row in came],
    }  # fmt: skip


def _spins(session: Session, member: MemberId) -> list[Facts]:
    columns = ("id", "wheel", "period", "commitment", "nonce", "drawn", "prize", "created_at", "drawn_at")
    rows = session.scalars(select(Spin).where(Spin.member_id == member).order_by(Spin.id))
    return [{**_facts(row, *columns), "seed": row.seed if row.drawn_at is not None else None} for row in rows]


def _waiting(session: Session, programme: Programme, member: MemberId) -> list[Facts]:
    """Events that name her and could not be taken."""
    names = select(Identity.kind + ":" + Identity.value).where(Identity.member_id == member)
    parked = select(ParkedEvent).where(ParkedEvent.programme_id == programme.id, ParkedEvent.member_ref.in_(names))
    return [
        {**_facts(row, "reason", "state", "created_at"), "event": row.body}
        for row in session.scalars(parked.order_by(ParkedEvent.id))
    ]


def _rows(session: Session, table: type[Base], member: MemberId, *columns: str) -> list[Facts]:
    """What a table has of a member, oldest first."""
    mine = select(table).where(table.__table__.c.member_id == member)
    return [_facts(row, *columns) for row in session.scalars(mine.order_by(*_key(table)))]


def _key(table: type[Base]) -> Iterable[Any]:
    return table.__table__.primary_key


def _facts(row: Base, *columns: str) -> Facts:
    return {column: _plain(getattr(row, column)) for column in columns}


def _plain(value: Any) -> Any:
    """A value as JSON knows it: instants with offset, exact decimals as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
