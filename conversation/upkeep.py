"""What the conversation room no longer needs is dropped."""

from datetime import datetime

from sqlalchemy.orm import Session

from conversation.arriving import channel_events, early_receipts
from conversation.leaving import farewells
from conversation.turning import clarifying


def drop_old(session: Session, *, now: datetime) -> int:
    """Drop receipts in vain, old events, what was not understood, farewells that were said. Returns how many."""
    dropped = early_receipts.drop_old(session, now=now) + channel_events.drop_old(session, now=now)
    dropped += clarifying.drop_old(session, now=now)
    return dropped + farewells.forget_farewells(session, now=now)
