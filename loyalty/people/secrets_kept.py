"""Random keys of the installation: hashes made with them can be compared here, and computed by nobody outside.

A key lives in the database, since what was hashed with it is worth nothing without it. The backup has both or none.
"""

import secrets
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from loyalty.store.sql import execute, insert_once, table_of
from loyalty.tables import Secret

_SECRET = table_of(Secret)
_FIND = select(_SECRET.c.value).where(_SECRET.c.name == bindparam("name"))
_BYTES = 32


def installation_key(session: Session, name: str, now: datetime) -> bytes:
    """The installation's key of this name: 32 random bytes, drawn when it is asked for first. Needs a write session."""
    key = known_key(session, name)
    if key is None:
        insert_once(session, Secret, {"name": name, "value": secrets.token_hex(_BYTES)})
        key = known_key(session, name)  # of two that draw at once one wins
    assert key is not None
    return key


def known_key(session: Session, name: str) -> bytes | None:
    """The installation's key of this name, if it was ever drawn: where nothing may be written."""
    value = execute(session, _FIND, {"name": name}).scalar()
    return None if value is None else bytes.fromhex(value)
