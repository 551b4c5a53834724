"""What belongs to a member and goes along when she becomes another: rows, told to be the other one's.

Points are not here (they move in the ledger, `Books.give_to`), nor what follows from the rest (levels, scores).
"""

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.merging import friendships
from loyalty.people.consents import add_word, consents_of
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import (
    Activity,
    Attempt,
    Claim,
    DialogRun,
    Identity,
    Invite,
    Member,
    MemberTag,
    Purchase,
    Recipient,
    Redemption,
    Score,
    Signal,
    Spin,
    Standing,
    Subscription,
    Voucher,
)

_PLAIN = (Activity, Claim, Identity, Purchase, Redemption, Subscription, Voucher)
"""Nothing in them depends on whose they are."""


def move(session: Session, keep: Member, other: Member) -> None:
    """Tell everything that was `other`'s of `keep`. Both are locked."""
    session.flush()
    to, of = MemberId(keep.id), MemberId(other.id)
    for table in _PLAIN:
        _change(session, table, of, member_id=to)
    _append(session, Attempt, "quiz", to, of)
    _append(session, Spin, "wheel", to, of)
    _append(session, DialogRun, "dialog", to, of)
    friendships.move(session, to, of)
    for signal in session.scalars(select(Signal).where(Signal.member_id == of)).all():
        _seen(session, to, signal)
    for invite in session.scalars(select(Invite).where(Invite.member_id == of)).all():
        _opened(session, to, invite)
    for tag in session.scalars(select(MemberTag).where(MemberTag.member_id == of)).all():
        row = {"member_id": to, "tag": tag.tag, "programme_id": tag.programme_id, "created_at": tag.created_at}
        insert_once(session, MemberTag, row)
    _receive(session, to, of)
    for word in consents_of(session, of):
        add_word(session, keep, word)
    for leftover in (Signal, Invite, Standing, Score, MemberTag):
        session.execute(delete(leftover).where(leftover.member_id == of).execution_options(synchronize_session=False))
    session.expire_all()


def _append(session: Session, table: type[Attempt | Spin | DialogRun], game: str, to: MemberId, of: MemberId) -> None:
    """Games played: they are numbered in each period, so these come after those."""
    rows = table_of(table)
    counted = select(rows.c[game], rows.c.period, func.max(rows.c.number).label("last"))
    counted = counted.where(rows.c.member_id == to).group_by(rows.c[game], rows.c.period)
    last = {(row[0], row.period): int(row.last) for row in execute(session, counted)}
    played = select(rows.c.id, rows.c[game], rows.c.period).where(rows.c.member_id == of)
    for row in execute(session, played.order_by(rows.c.number, rows.c.id)).all():
        place = row[1], row.period
        last[place] = last.get(place, 0) + 1
        execute(session, update(rows).where(rows.c.id == row.id).values(member_id=to, number=last[place]))


def _seen(session: Session, to: MemberId, signal: Signal) -> None:
    row = {
        "member_id": to, "kind": signal.kind, "hash": signal.hash, "programme_id": signal.programme_id,
        "created_at": signal.created_at,
    }  # fmt: skip
    if not insert_once(session, Signal, row):
        mine = (Signal.member_id == to) & (Signal.kind == signal.kind) & (Signal.hash == signal.hash)
        earlier = update(Signal).where(mine, Signal.created_at > signal.created_at)
        session.execute(earlier.values(created_at=signal.created_at).execution_options(synchronize_session=False))


def _opened(session: Session, to: MemberId, invite: Invite) -> None:
    row = {"member_id": to, "day": invite.day, "programme_id": invite.programme_id, "opened": invite.opened}
    if not insert_once(session, Invite, row):
        mine = update(Invite).where(Invite.member_id == to, Invite.day == invite.day)
        session.execute(mine.values(opened=Invite.opened + invite.opened).execution_options(synchronize_session=False))


def _receive(session: Session, to: MemberId, of: MemberId) -> None:
    """Her part in campaigns: one row each. What was sent, or is to be sent at once, counts before what is planned."""
    mine = {row.campaign_id: row for row in _parts(session, to)}
    for row in _parts(session, of):
        other = mine.get(row.campaign_id)
        if other is None:
            row.member_id = to
        elif row.state == "queued" and other.state != "queued":
            session.delete(other)
            session.flush()
            row.member_id = to
        elif row.state == "queued":
            row.state = "double"  # `conversation.caring.rights.follow` ends it, with what is in the outbox
        else:
            session.delete(row)
        session.flush()


def _parts(session: Session, member: MemberId) -> list[Recipient]:
    rows = select(Recipient).where(Recipient.member_id == member).order_by(Recipient.campaign_id).with_for_update()
    return list(session.scalars(rows.execution_options(populate_existing=True)))


def _change(session: Session, table: type[Any], of: MemberId, **values: Any) -> None:
    session.execute(
        update(table).where(table.member_id == of).values(**values).execution_options(synchronize_session=False)
    )
