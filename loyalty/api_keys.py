"""Keys of `/v1` with scopes. A key is shown once, when it is made; only its hash is kept."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.errors import Invalid, NotFound
from loyalty.ids import ProgrammeId, new_id
from loyalty.store.sql import execute, table_of
from loyalty.tables import ApiKey

PREFIX = "pk_"


class Scope(StrEnum):
    """What a key is good for."""

    EVENTS = "events"
    """Report purchases, refunds and activities; look at parked events."""
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    """Enrol members, correct their points, merge them, note consents."""
    REWARDS = "rewards"
    """Hold, confirm and void redemptions."""
    TILL = "till"
    """Validate and use vouchers."""
    REVERSALS = "reversals"
    """Reverse redemptions and uses of vouchers."""
    REFERRALS = "referrals"
    REVIEWS = "reviews"
    """Decide about referrals that are held."""
    PROGRAMMES = "programmes"
    RIGHTS = "rights"
    """Export and erase persons."""
    HANDOVERS = "handovers"
    """Talk to customers who asked for a person."""
    TRAIL = "trail"
    CAMPAIGNS = "campaigns"
    """Look at campaigns, start and stop them."""
    HOOKS = "hooks"
    """Subscribe to what happens to members; what is told holds their phones and names."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name that the trail shows, what she may do, and for which programme (all if None)."""

    name: str
    scopes: frozenset[Scope]
    programme: ProgrammeId | None = None


_KEY = table_of(ApiKey)
_BY_HASH = select(_KEY.c.name, _KEY.c.scopes, _KEY.c.programme_id).where(
    _KEY.c.hash == bindparam("hash"), _KEY.c.revoked_at.is_(None)
)


def create_key(
    session: Session, name: str, scopes: Iterable[str], *, programme: ProgrammeId | None, actor: str, now: datetime
) -> str:
    """Make a key. Returns it, for the only time. Raises `Invalid` for a scope that does not exist."""
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in set(Scope)]:
        raise Invalid(f"there is no scope {unknown[0]!r}; use some of: {', '.join(Scope)}", field="scopes")
    if not wanted or not name.strip():
        raise Invalid("a key needs a name and at least one scope", field="scopes")
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        id=new_id(), name=name.strip()[:100], programme_id=programme, hash=_hash(key), scopes=wanted, created_at=now,
        revoked_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    detail = {"name": row.name, "scopes": wanted}
    trail.note(session, programme, actor=actor, action="key.created", subject=row.id, detail=detail, now=now)
    return key


def revoke_key(session: Session, id_: str, *, actor: str, now: datetime) -> None:
    """End a key at once. Raises `NotFound`."""
    row = session.get(ApiKey, id_)
    if row is None:
        raise NotFound(f"there is no key {id_[:64]!r}; `passaparola keys list` shows them", field="id")
    if row.revoked_at is None:
        row.revoked_at = now
        programme = ProgrammeId(row.programme_id) if row.programme_id else None
        trail.note(session, programme, actor=actor, action="key.revoked", subject=id_, detail={}, now=now)


def keys(session: Session) -> list[ApiKey]:
    """All keys, oldest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id)))


def caller_of(session: Session, key: str) -> Caller | None:
    """Whose key this is; None if it is nobody's or was revoked."""
    row = execute(session, _BY_HASH, {"hash": _hash(key)}).first()
    if row is None:
        return None
    programme = ProgrammeId(row.programme_id) if row.programme_id else None
    return Caller(row.name, frozenset(scope for scope in Scope if scope in row.scopes), programme)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
