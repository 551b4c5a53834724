"""Dialogs that were answered: kept once for each time they may be taken, with what they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.errors import Refused
from loyalty.ids import Cause, MemberId, new_id
from loyalty.levels import progress
from loyalty.people.owned import may_play, player
from loyalty.programme import Programme
from loyalty.rewards import gifts
from loyalty.rewards.gifts import Given
from loyalty.rules.dialogs import Dialog
from loyalty.rules.parts import period_of
from loyalty.tables import DialogRun, Member


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of taking part."""

    points: int
    code: str | None
    """Of the voucher, if there is one."""


def find_dialog(programme: Programme, dialog: str) -> Dialog | None:
    """The dialog with this id, if the programme has it."""
    return next((one for one in programme.dialogs if one.id == dialog), None)


def may_take(session: Session, programme: Programme, dialog: Dialog, member: MemberId, *, now: datetime) -> None:
    """Check whether a member may take part now. Raises `Refused` with the reason `not_now` or `limit`."""
    if not dialog.dates.holds(now.astimezone(programme.zone).date()):
        raise Refused("not_now", "the dialog is not open on this day")
    if _done(session, dialog, member, period_of(dialog.times.every, now, programme.zone))[0] >= dialog.times.count:
        raise Refused("limit", "she has taken part as often as possible", every=dialog.times.every)


def take(
    session: Session, programme: Programme, member: Member, dialog: Dialog, answers: Mapping[str, str], *, key: str,
    now: datetime,
) -> Taken:  # fmt: skip
    """Keep a member's answers, and give what they are worth. The same key again changes nothing and tells the same.

    Raises `Refused` as `may_take`: somebody may have taken part on another phone meanwhile.
    """
    books = player(session, programme.id, member, now=now)
    row = session.scalar(select(DialogRun).where(DialogRun.programme_id == programme.id, DialogRun.key == key))
    if row is None:
        may_take(session, programme, dialog, books.member, now=now)
        period = period_of(dialog.times.every, now, programme.zone)
        row = DialogRun(
            id=new_id(), programme_id=programme.id, member_id=books.member, dialog=dialog.id, period=period,
            number=_done(session, dialog, books.member, period)[1] + 1, key=key, revision=programme.revision,
            answers=dict(answers), finished_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
    origin = f"dialog:{row.id}"
    if dialog.gift is None or not may_play(books):
        return Taken(0, None)
    given: Given = gifts.give(
        books, programme, dialog.gift, origin=origin, cause=Cause(origin), kind="activity", occurred_at=now,
        memo={"dialog": dialog.id},
    )  # fmt: skip
    progress.update(books, programme, since=now)
    return Taken(given.points, given.voucher.code if given.voucher else None)


def answers_of(
    session: Session, programme: Programme, dialog: str, *, limit: int, after: str | None
) -> Sequence[DialogRun]:
    """What was answered, oldest first."""
    query = select(DialogRun).where(DialogRun.programme_id == programme.id, DialogRun.dialog == dialog)
    if after is not None:
        query = query.where(DialogRun.id > after)
    return session.scalars(query.order_by(DialogRun.id).limit(limit)).all()


def _done(session: Session, dialog: Dialog, member: MemberId, period: str) -> tuple[int, int]:
    """How often she took part in a period, and the highest number of these."""
    query = select(func.count(), func.max(DialogRun.number)).where(
        DialogRun.member_id == member, DialogRun.dialog == dialog.id, DialogRun.period == period
    )
    count, last = session.execute(query).one()
    return int(count), int(last or 0)
