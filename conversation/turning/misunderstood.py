"""Messages that were not understood, for designers: the same words of several people are one."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from conversation.choosing.spelling import normalise
from conversation.tables import Misunderstanding
from conversation.turning.clarifying import SOMETHING_ELSE


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """What was written, in which language, how often, and what was learnt of it."""

    text: str
    language: str
    times: int
    meant: str | None
    """The intent that was chosen under "did you mean" most often; None if nothing or something else was."""
    refused: frozenset[str]
    """The intents that were offered to those who then chose something else."""
    last: datetime
    ids: tuple[int, ...]


def misunderstood(session: Session, language: str | None = None) -> list[Misunderstood]:
    """What was rejected, or asked about and answered; the most frequent first, then the newest.

    A "did you mean" that nobody answered says nothing and is left out.
    """
    query = select(Misunderstanding).order_by(Misunderstanding.at.desc(), Misunderstanding.id.desc())
    if language is not None:
        query = query.where(Misunderstanding.language == language)
    alike: dict[tuple[str, str], list[Misunderstanding]] = defaultdict(list)
    for row in session.scalars(query):
        if row.chosen is not None or not row.guesses:
            alike[normalise(row.text), row.language].append(row)
    found = [_together(rows) for rows in alike.values()]
    return sorted(found, key=lambda one: (-one.times, -one.last.timestamp()))


def forget(session: Session, ids: Sequence[int]) -> None:
    """Drop messages that were seen to: nothing is kept of a customer longer than it is needed."""
    session.execute(delete(Misunderstanding).where(Misunderstanding.id.in_(ids)))


def _together(rows: Sequence[Misunderstanding]) -> Misunderstood:
    newest = rows[0]
    meant = Counter(row.chosen for row in rows if row.chosen is not None and row.chosen != SOMETHING_ELSE)
    refused = frozenset(str(guess) for row in rows if row.chosen == SOMETHING_ELSE for guess in row.guesses)
    most = meant.most_common(1)[0][0] if meant else None
    ids = tuple(row.id for row in rows)
    return Misunderstood(newest.text, newest.language, len(rows), most, refused, newest.at, ids)
