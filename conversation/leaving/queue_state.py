"""How the outbox stands, in numbers."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conversation.tables import OutboxRow


def waiting_since(session: Session, now: datetime) -> float:
    """For how many seconds the message has been due that waits longest; 0 if none does."""
    oldest = session.scalar(
        select(func.min(OutboxRow.next_try_at)).where(OutboxRow.state == "waiting", OutboxRow.next_try_at <= now)
    )
    return max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0
