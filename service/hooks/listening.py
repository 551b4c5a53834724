"""Hears of what happened and writes down whom to tell, in the transaction in which it did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from loyalty.correlation import current
from loyalty.ids import new_id
from loyalty.news import Happening
from loyalty.store.sql import execute, insert_once, table_of
from service.hooks.tables import Hook, HookDelivery

EVERYTHING = "*"
_HOOK = table_of(Hook)
_LISTENING = (
    select(_HOOK.c.id, _HOOK.c.kinds)
    .where(
        _HOOK.c.programme_id == bindparam("programme"),
        or_(_HOOK.c.state == "active", _HOOK.c.state == "paused"),  # no `in_`: what it makes cannot be run hot
        or_(_HOOK.c.expires_at.is_(None), _HOOK.c.expires_at > bindparam("now")),
    )
    .order_by(_HOOK.c.id)
)


def hear(session: Session, happenings: Sequence[Happening], now: datetime) -> None:
    """A listener of `loyalty.news`: one delivery for each piece of news and each hook that wants to hear of it, once.

    Without hooks it costs one look at an index. A paused hook hears too; what is kept for it goes out when it resumes.
    """
    hooks = execute(session, _LISTENING, {"programme": happenings[0].programme, "now": now}).rows
    for hook in hooks:
        for news in happenings:
            if news.kind in hook.kinds or EVERYTHING in hook.kinds:
                insert_once(session, HookDelivery, waiting(hook.id, news.id, news.kind.value, now))


def waiting(hook: str, news: str | None, kind: str, now: datetime) -> dict[str, Any]:
    """The row of a delivery that is due at once."""
    return {
        "id": new_id(), "hook_id": hook, "news_id": news, "kind": kind, "state": "waiting", "attempts": 0,
        "next_try_at": now, "status": None, "error": None, "correlation": current(), "created_at": now,
        "updated_at": now,
    }  # fmt: skip
