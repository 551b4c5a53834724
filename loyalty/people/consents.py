"""What members agreed to or withdrew: the words, the moment, where the evidence is. Only ever added to.

Of somebody who was erased the words and the evidence are blanked; that and when she agreed stays.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.store.sql import execute, table_of
from loyalty.tables import Consent, Member

MARKETING = "marketing"
"""The purpose under which promotional messages are sent."""
LONGEST_PURPOSE, LONGEST_EVIDENCE = 32, 200
_CONSENT = table_of(Consent)
_INSERT = insert(_CONSENT)


@dataclass(frozen=True, slots=True)
class Word:
    """What a member said about a purpose at a moment."""

    purpose: str
    given: bool
    words: str
    evidence: str
    at: datetime


def record_consent(
    session: Session, member: Member, *, purpose: str, given: bool, words: str, evidence: str, now: datetime
) -> None:
    """Record that a member agreed to a purpose or withdrew, with her words and where they are kept.

    The newest word about `marketing` is what counts for promotional messages. Raises `Invalid`.
    """
    if not 0 < len(purpose) <= LONGEST_PURPOSE:
        raise Invalid(f"a purpose has 1 to {LONGEST_PURPOSE} characters", field="purpose")
    if len(evidence) > LONGEST_EVIDENCE:
        raise Invalid(f"the evidence has at most {LONGEST_EVIDENCE} characters", field="evidence")
    if purpose == MARKETING:
        member.marketing_opt_in = given
    session.flush()
    add_word(session, member, Word(purpose, given, words, evidence, now))


def add_word(session: Session, member: Member, word: Word) -> None:
    """Write a word down as it was said, whenever that was; what counts is not changed by it."""
    row = {
        "programme_id": member.programme_id, "member_id": member.id, "purpose": word.purpose, "given": word.given,
        "words": word.words, "evidence": word.evidence, "at": word.at,
    }  # fmt: skip
    execute(session, _INSERT, row)


def has_withdrawn(session: Session, member: MemberId, *, purpose: str = MARKETING) -> bool:
    """Whether a member's newest word about a purpose was a withdrawal."""
    query = select(Consent.given).where(Consent.member_id == member, Consent.purpose == purpose)
    return session.scalar(query.order_by(Consent.at.desc(), Consent.id.desc()).limit(1)) is False


def gets_offers(session: Session, member: MemberId) -> bool:
    """Whether a member gets promotional messages."""
    return bool(session.scalar(select(Member.marketing_opt_in).where(Member.id == member)))


def consents_of(session: Session, member: MemberId, *, purpose: str | None = None) -> list[Word]:
    """All that a member said about a purpose (or about all), oldest first."""
    session.flush()
    query = select(Consent).where(Consent.member_id == member)
    if purpose is not None:
        query = query.where(Consent.purpose == purpose)
    found = session.scalars(query.order_by(Consent.at, Consent.id))
    return [Word(row.purpose, row.given, row.words, row.evidence, row.at) for row in found]
