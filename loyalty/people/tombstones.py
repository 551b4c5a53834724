"""What stays of somebody who was erased: keyed hashes of her identities, so that late news brings her back to nobody.

A hash can be compared with an identity that turns up, and without the installation's key nobody can find out whose it
is. It also keeps her last word about promotional messages: a "stop" outlives everything else.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.ids import ProgrammeId
from loyalty.people.identities import Ref
from loyalty.people.secrets_kept import installation_key, known_key
from loyalty.referral.fraud import plain
from loyalty.store.sql import execute, table_of, upsert
from loyalty.tables import Tombstone

KEY = "tombstones"
_STONE = table_of(Tombstone)
_FIND = select(_STONE.c.hash, _STONE.c.opted_out, _STONE.c.erased_at).where(
    _STONE.c.programme_id == bindparam("programme"), _STONE.c.hash.in_(bindparam("hashes", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Grave:
    """That somebody was erased, when last, and whether she had said stop."""

    erased_at: datetime
    opted_out: bool


def bury(session: Session, programme: ProgrammeId, refs: Iterable[Ref], *, opted_out: bool, now: datetime) -> None:
    """Leave a tombstone for each identity; one that is there already gets her newest word and time."""
    key = installation_key(session, KEY, now)
    for ref in refs:
        row = {"programme_id": programme, "hash": _hash(key, programme, ref), "opted_out": opted_out, "erased_at": now}
        upsert(session, Tombstone, row, key=("programme_id", "hash"))


def graves(session: Session, programme: ProgrammeId, refs: Iterable[Ref]) -> dict[Ref, Grave]:
    """Those of the identities that belonged to somebody who was erased. Changes nothing."""
    key = known_key(session, KEY)
    if key is None:
        return {}
    hashes = {ref: _hash(key, programme, ref) for ref in refs}
    rows = execute(session, _FIND, {"programme": programme, "hashes": list(hashes.values())})
    found = {row.hash: Grave(row.erased_at, row.opted_out) for row in rows}
    return {ref: found[hash_] for ref, hash_ in hashes.items() if hash_ in found}


def grave_of(session: Session, programme: ProgrammeId, refs: Iterable[Ref]) -> Grave | None:
    """The newest grave among some identities of one person; a "stop" on any of them counts."""
    found = list(graves(session, programme, refs).values())
    if not found:
        return None
    return Grave(max(grave.erased_at for grave in found), any(grave.opted_out for grave in found))


def is_buried_somewhere(session: Session, refs: Collection[Ref]) -> bool:
    """Whether an identity was erased in any programme, for where it is not known which one is meant."""
    if known_key(session, KEY) is None:
        return False
    programmes = session.scalars(select(_STONE.c.programme_id).distinct()).all()
    return any(graves(session, ProgrammeId(programme), refs) for programme in programmes)


def _hash(key: bytes, programme: ProgrammeId, ref: Ref) -> str:
    """The same for every spelling of an identity, and another one in each programme."""
    return hmac.new(key, f"{programme} {plain(ref)}".encode(), hashlib.sha256).hexdigest()
