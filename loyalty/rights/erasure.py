"""Erasing a person: what says who she is goes, the books stay.

Ledger, orders, redemptions and awards remain under an id that means nobody: they balance, the hash chains hold, and
the business's figures do not change. `docs/decisions/0010-erasure-and-merging.md` says what that leaves and why.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import phonenumbers
from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.codes import REFERRAL_SIGNS, new_code
from loyalty.ids import MemberId, ProgrammeId, RedemptionId
from loyalty.people.consents import MARKETING, consents_of
from loyalty.people.identities import Kind, Ref, spellings
from loyalty.people.members import family, identities_of, lock_kept
from loyalty.people.tombstones import bury
from loyalty.programme import Programme
from loyalty.rewards import redemptions, vouchers
from loyalty.tables import (
    Amendment,
    Base,
    Claim,
    Consent,
    DialogRun,
    IdempotencyKey,
    Identity,
    Invite,
    Member,
    MemberTag,
    ParkedEvent,
    Purchase,
    Recipient,
    Redemption,
    Score,
    Signal,
    Spin,
    Voucher,
)

_GAPS = re.compile(r"[\s\-–().]+")
_TELLING = 7
"""Digits from which on a number is somebody's; a shorter one would be found in prices and dates."""


def erase(
    session: Session, programme: Programme, member: MemberId, now: datetime, *, actor: str = "the member"
) -> bool:
    """Erase a person from the loyalty room. True if this call did it, False if she was erased before.

    The conversation room has its own part: `conversation.caring.rights.erase`, in the same transaction. `actor` goes to
    the trail, which is kept for ever: a key's or a colleague's name, never the customer's.
    """
    row = lock_kept(session, member)
    if row.erased_at is not None:
        return False
    id_ = MemberId(row.id)
    ids, refs, name = family(session, id_), identities_of(session, id_), row.name
    words = consents_of(session, id_, purpose=MARKETING)
    bury(session, programme.id, refs, opted_out=bool(words) and not words[-1].given, now=now)
    _end_what_is_open(session, programme, ids, now)
    _forget_person(session, programme, ids, now)
    _forget_words(session, programme, ids)
    _forget_answers(session, ids, refs, name)
    _forget_parked(session, programme.id, refs)
    trail.note(session, programme.id, actor=actor, action="member.erased", subject=id_, detail={}, now=now)
    session.flush()
    session.expire_all()  # much was changed past the objects that are loaded
    return True


def _end_what_is_open(session: Session, programme: Programme, ids: tuple[MemberId, ...], now: datetime) -> None:
    """Nobody comes for what is held, and codes that somebody may still have are worth nothing."""
    held = select(Redemption.id).where(Redemption.member_id.in_(ids), Redemption.state == "held")
    for redemption in session.scalars(held).all():
        redemptions.void(session, programme, RedemptionId(redemption), now=now)
    unused = select(Voucher.origin).where(Voucher.member_id.in_(ids), Voucher.status.in_(("issued", "waiting")))
    for origin in session.scalars(unused).all():
        vouchers.revoke(session, programme, origin, now=now)


def _forget_person(session: Session, programme: Programme, ids: tuple[MemberId, ...], now: datetime) -> None:
    """Her own row, and those of members who were merged into her: their links die as well."""
    for row in session.scalars(select(Member).where(Member.id.in_(ids)).execution_options(populate_existing=True)):
        row.name = row.birthday = row.birthday_at = row.board_name = None
        row.language, row.language_chosen, row.marketing_opt_in = programme.language, False, False
        row.referral_code, row.erased_at = new_code(REFERRAL_SIGNS), now
    session.flush()
    for table in (Identity, Signal, Invite, Score, Claim, MemberTag):
        session.execute(delete(table).where(table.member_id.in_(ids)).execution_options(synchronize_session=False))


def _forget_words(session: Session, programme: Programme, ids: tuple[MemberId, ...]) -> None:
    """What she said and what she bought; that she agreed or ordered, and when, stays."""
    _blank(session, Consent, Consent.member_id.in_(ids), words="", evidence="")
    orders = select(Purchase.key).where(Purchase.member_id.in_(ids))
    _blank(session, Amendment, (Amendment.programme_id == programme.id) & Amendment.purchase_key.in_(orders), lines=[])
    _blank(session, Purchase, Purchase.member_id.in_(ids), lines=[])
    _blank(session, Spin, Spin.member_id.in_(ids), nonce=None)
    _blank(session, DialogRun, DialogRun.member_id.in_(ids), answers={})
    waits = delete(Recipient).where(Recipient.member_id.in_(ids), Recipient.state == "planned")
    session.execute(waits.execution_options(synchronize_session=False))
    _blank(session, Recipient, Recipient.member_id.in_(ids), params={}, language=programme.language)


def _forget_answers(session: Session, ids: tuple[MemberId, ...], refs: Iterable[Ref], name: str | None) -> None:
    """Answers that were kept for repeated requests and say who she is, or whose address or key does."""
    answer, where = cast(IdempotencyKey.answer, Text), IdempotencyKey.scope + " " + IdempotencyKey.key
    bare: ColumnElement[str] = where
    for sign in " -().":
        bare = func.replace(bare, sign, "")
    wanted: list[ColumnElement[bool]] = []
    for ref in refs:
        wanted += [answer.contains(_in_json(ref.value), autoescape=True), where.contains(ref.value, autoescape=True)]
        if ref.kind is Kind.PHONE:
            digits = {spelled.removeprefix("+") for spelled in spellings(ref.value)}
            wanted += [bare.contains(number, autoescape=True) for number in sorted(digits)]
    if name:
        named = answer.contains(_in_json(name), autoescape=True)
        wanted += [and_(named, answer.contains(id_, autoescape=True)) for id_ in ids]
    if wanted:
        session.execute(delete(IdempotencyKey).where(or_(*wanted)).execution_options(synchronize_session=False))


def _forget_parked(session: Session, programme: ProgrammeId, refs: tuple[Ref, ...]) -> None:
    """Events that could not be taken and name her by an identity, anywhere and however a phone is spelt there."""
    names, marks = {str(ref) for ref in refs}, {mark for ref in refs for mark in _marks(ref)}
    rows = session.execute(
        select(ParkedEvent.id, ParkedEvent.key, ParkedEvent.member_ref, ParkedEvent.body, ParkedEvent.reason)
        .where(ParkedEvent.programme_id == programme)
        .execution_options(yield_per=500)
    )
    hers = []
    for id_, *said in rows:
        text = _GAPS.sub("", json.dumps(said, ensure_ascii=False))
        if said[1] in names or any(mark in text for mark in marks):
            hers.append(id_)
    for first in range(0, len(hers), 500):
        session.execute(
            delete(ParkedEvent)
            .where(ParkedEvent.id.in_(hers[first : first + 500]))
            .execution_options(synchronize_session=False)
        )


def _marks(ref: Ref) -> set[str]:
    """What to look for in a text without gaps: of a phone the part that is the same with and without a country code."""
    if ref.kind is not Kind.PHONE:
        return {_GAPS.sub("", ref.value)}
    return {_national(spelled) for spelled in spellings(ref.value) if spelled.startswith("+")}


def _national(phone: str) -> str:
    try:
        national = phonenumbers.national_significant_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return phone.removeprefix("+")
    return national if len(national) >= _TELLING else phone.removeprefix("+")


def _in_json(text: str) -> str:
    """A text as it stands in JSON."""
    return json.dumps(text)[1:-1]


def _blank(session: Session, table: type[Base], which: ColumnElement[bool], **values: Any) -> None:
    session.execute(update(table).where(which).values(**values).execution_options(synchronize_session=False))
