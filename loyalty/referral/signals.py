"""Signals: what two members may share (a card, a device, an address, an e-mail), kept as keyed hashes only.

The key is the installation's own and the programme is part of what is hashed: nobody outside can try values out, and
no hash says anything about another business.
"""

import hashlib
import hmac
import re
import unicodedata
from datetime import datetime
from typing import get_args

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from loyalty.books.ledger import take_lock
from loyalty.errors import Invalid
from loyalty.ids import MemberId
from loyalty.people.secrets_kept import installation_key
from loyalty.programme import Programme
from loyalty.referral.fraud import SignalKind
from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Referral, Signal

KINDS: tuple[SignalKind, ...] = get_args(SignalKind)
_KEY = "signals"
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_NO_WORD = re.compile(r"[\W_]+")

_SIGNAL, _REFERRAL = table_of(Signal), table_of(Referral)
_EARLIER = (
    update(_SIGNAL)
    .where(
        _SIGNAL.c.member_id == bindparam("of_member"),
        _SIGNAL.c.kind == bindparam("of_kind"),
        _SIGNAL.c.hash == bindparam("of_hash"),
        _SIGNAL.c.created_at > bindparam("seen_at"),
    )
    .values(created_at=bindparam("seen_at"))
)
_SHARERS = select(_SIGNAL.c.member_id).where(
    _SIGNAL.c.programme_id == bindparam("programme"), _SIGNAL.c.kind == bindparam("kind"),
    _SIGNAL.c.hash == bindparam("hash"),
)  # fmt: skip
_BROUGHT_HER = select(_REFERRAL.c.referrer_id).where(
    _REFERRAL.c.programme_id == bindparam("programme"), _REFERRAL.c.referee_id == bindparam("member")
)
_TOUCHED = (
    select(_REFERRAL.c.id)
    .where(
        _REFERRAL.c.programme_id == bindparam("programme"),
        or_(
            _REFERRAL.c.referee_id == bindparam("member"),
            _REFERRAL.c.referee_id.in_(_SHARERS)
            & or_(
                _REFERRAL.c.referrer_id == bindparam("member"),
                _REFERRAL.c.referrer_id == _BROUGHT_HER.scalar_subquery(),
            ),
        ),
    )
    .order_by(_REFERRAL.c.id)
    .with_for_update()
)
"""Referrals whose checks the signal may change: hers, and those of the people she shares it with and has to do with."""
_TOUCH = update(_REFERRAL).where(_REFERRAL.c.id.in_(bindparam("ids", expanding=True))).values(unsettled=True)


def remember(
    session: Session, programme: Programme, member: MemberId, kind: str, value: str, *, now: datetime
) -> bool:  # fmt: skip
    """Note that a member was seen with something at a moment (best: that of her order). True if that was not known.

    What holds nothing to compare (an e-mail without `@`, an empty address) is not kept. Raises `Invalid` for another
    kind than `KINDS`.
    """
    if kind not in KINDS:
        raise Invalid(f"a signal is one of {', '.join(KINDS)}, not {kind[:32]!r}", field="signals")
    same = normal(kind, value)
    if not same:
        return False
    hash_ = _hash(installation_key(session, _KEY, now), programme, kind, same)
    row = {"member_id": member, "kind": kind, "hash": hash_, "programme_id": programme.id, "created_at": now}
    if not insert_once(session, Signal, row):
        seen = {"of_member": member, "of_kind": kind, "of_hash": hash_, "seen_at": now}
        if execute(session, _EARLIER, seen).rowcount == 0:
            return False
    take_lock(session, member)  # before her referral, as whoever settles it does
    found = {"programme": programme.id, "member": member, "kind": kind, "hash": hash_}
    if ids := list(execute(session, _TOUCHED, found).scalars()):
        execute(session, _TOUCH, {"ids": ids})
    return True


def normal(kind: SignalKind, value: str) -> str:
    """A value without the differences that make no difference; empty if there is nothing to compare.

    Gmail ignores dots and what stands behind a plus; addresses differ by accents, case and punctuation.
    """
    text = unicodedata.normalize("NFKC", value).strip()
    match kind:
        case "email":
            local, at, domain = text.casefold().rpartition("@")
            if domain in _GMAIL:
                local, domain = local.partition("+")[0].replace(".", ""), "gmail.com"
            return f"{local}@{domain}" if at and local and domain else ""
        case "address":
            bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
            return _NO_WORD.sub(" ", bare.casefold()).strip()
        case _:
            return text


def _hash(key: bytes, programme: Programme, kind: SignalKind, value: str) -> str:
    return hmac.new(key, f"{programme.id}\n{kind}\n{value}".encode(), hashlib.sha256).hexdigest()
