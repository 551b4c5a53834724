"""A session that stays from one piece of work to the next, and what makes that safe.

Making a session and joining it to its connection takes SQLAlchemy as long as a posting's statements take SQLite. So
whoever keeps a connection keeps its session too, and after each piece of work takes out of it what that work left.
"""

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from loyalty.store.hot import DRIVER, share_driver


def shared_session(connection: Connection) -> Session:
    """A session within the transaction that its connection is in. It rolls it back if it fails, and never commits."""
    session = Session(connection, autoflush=False, expire_on_commit=False, join_transaction_mode="rollback_only")
    share_driver(session)
    return session


def leave_nothing(session: Session) -> None:
    """Take out of a session what work left in it that succeeded: objects, an open savepoint, notes.

    Who still holds an object keeps it, detached. After work that failed, close the session before.
    """
    if session.identity_map or session.in_nested_transaction():
        session.close()
    if len(session.info) > 1:
        for name in [name for name in session.info if name != DRIVER]:
            del session.info[name]
