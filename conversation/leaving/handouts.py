"""Files for customers that WhatsApp fetches from us by their address: QR codes, exports.

An address holds 128 random bits and nothing of what is in the file. It is forgotten after some days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

import regex
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from conversation.tables import Handout
from loyalty.ids import MemberId
from loyalty.store.sql import execute, table_of

KEPT = timedelta(days=7)
"""How long a file can be fetched: WhatsApp does it at once, and keeps its own copy for the customer."""
TYPES: Mapping[str, str] = {"png": "image/png", "json": "application/json", "html": "text/html", "txt": "text/plain"}
_NAME = regex.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.(?:png|json|html|txt)")
_HANDOUT = table_of(Handout)
_INSERT = insert(_HANDOUT)
_FIND = select(_HANDOUT.c.content, _HANDOUT.c.name).where(
    _HANDOUT.c.token == bindparam("token"), _HANDOUT.c.expires_at > bindparam("now")
)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    name: str
    content: bytes

    @property
    def mime_type(self) -> str:
        """What it is, by its name."""
        return TYPES[self.name.rpartition(".")[2]]


def hand_out(session: Session, member: MemberId, *, name: str, content: bytes, public_url: str, now: datetime) -> str:
    """Keep a file for a member; returns the address under which it can be fetched for `KEPT`.

    `name` is what she sees when she saves it; its ending says what it is, see `TYPES`.
    """
    assert _NAME.fullmatch(name), f"{name!r} is no name of a file"
    token = token_urlsafe(16)
    row = {"token": token, "member_id": member, "name": name, "content": content, "expires_at": now + KEPT}
    execute(session, _INSERT, row)
    return f"{public_url.rstrip('/')}/h/{token}/{name}"


def find_file(session: Session, token: str, *, now: datetime) -> File | None:
    """The file with this token, while it can be fetched."""
    row = execute(session, _FIND, {"token": token, "now": now}).first()
    return File(row.name, bytes(row.content)) if row is not None else None


def forget_old_files(session: Session, *, now: datetime) -> None:
    """Delete what can no longer be fetched."""
    old = delete(Handout).where(Handout.expires_at <= now)
    session.execute(old.execution_options(synchronize_session=False))
