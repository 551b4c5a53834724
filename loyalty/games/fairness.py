"""Whether the wheel did what it promised: every draw is replayed, and all of them together are held against the odds.

The replay finds a spin that was altered afterwards. The chi-square test finds what a replay cannot: seeds or nonces
that were not chosen at random.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.games.draw import Fields, total_of
from loyalty.games.spins import fields_of, proof_of, wheel_of
from loyalty.programme import Programme
from loyalty.tables import Member, Spin

PAGE = 1000
MOST = 50
"""Spins that are named: of a wheel that was tampered with, the first ones will do."""
EXPECTED = 5
"""Chi-square says nothing about prizes that were to come up less often than this: rare ones are counted together."""
SUSPICIOUS = 1e-6
"""An honest wheel comes out below this p once in a million audits."""


@dataclass(frozen=True, slots=True)
class Fairness:
    """All draws under the same odds, held against them."""

    wheel: str
    draws: int
    statistic: float | None
    p: float | None
    """How likely an honest wheel is to be at least so far off; None if there were too few draws to tell."""

    @property
    def suspicious(self) -> bool:
        """Whether that is next to impossible."""
        return self.p is not None and self.p < SUSPICIOUS

    def __str__(self) -> str:
        if self.p is None:
            return f"{self.wheel}: {self.draws} draws, too few to hold against the odds"
        fits = "do not fit" if self.suspicious else "fit"
        return f"{self.wheel}: {self.draws} draws {fits} the odds (chi-square {self.statistic:.2f}, p {self.p:.2g})"


@dataclass(frozen=True, slots=True)
class WheelAudit:
    """What an audit of a programme's spins came to: what is wrong, a line each, and how the draws fit the odds."""

    findings: tuple[str, ...]
    fairness: tuple[Fairness, ...]


def audit_wheel(session: Session, programme: Programme) -> WheelAudit:
    """Replay every draw of a programme, and hold them all against the odds. Nothing to say without a wheel."""
    found = tuple(islice(replay(session, programme), MOST))
    fits = fairness(session, programme)
    return WheelAudit((*found, *(str(one) for one in fits if one.suspicious)), fits)


def fit(wheel: str, fields: Fields, seen: Counter[str]) -> Fairness:
    """How well so many of each prize fit the odds, by Pearson's chi-square test."""
    draws, total = seen.total(), total_of(fields)
    groups = _groups([(draws * field.weight / total, seen[field.prize]) for field in fields])
    if len(groups) < 2:
        return Fairness(wheel, draws, None, None)
    from scipy.stats import chisquare  # noqa: PLC0415 -- it takes a second to load, and few programmes have a wheel

    result = chisquare([seen for _, seen in groups], [expected for expected, _ in groups])
    return Fairness(wheel, draws, float(result.statistic), float(result.pvalue))


def fairness(session: Session, programme: Programme) -> tuple[Fairness, ...]:
    """The drawn spins of a programme's wheel, with chance, against the odds they were offered with.

    One for each set of odds there ever was, oldest first: revisions of the programme that did not change the odds
    belong together.
    """
    query = (
        select(Spin.revision, Spin.drawn, func.count(), func.min(Spin.id).label("first"))
        .where(Spin.programme_id == programme.id, Spin.drawn_at.is_not(None), Spin.place.is_(None))
        .group_by(Spin.revision, Spin.drawn)
        .order_by("first")
    )
    seen: dict[tuple[str, Fields], Counter[str]] = {}
    for _, drawn, number, first in session.execute(query).all():
        wheel = wheel_of(session, programme, session.get_one(Spin, first))
        seen.setdefault((wheel.id, fields_of(wheel)), Counter())[str(drawn)] += number
    return tuple(fit(wheel, fields, counts) for (wheel, fields), counts in seen.items())


def replay(session: Session, programme: Programme) -> Iterator[str]:
    """A line for each drawn spin that is not what its promise, seed, nonce and wheel say.

    Spins of members who were erased are passed over: their nonces are gone.
    """
    last = ""
    while page := _page(session, programme, last):
        for row in page:
            if not proof_of(session, programme, row).holds:
                yield f"spin {row.id}: the draw is not what was promised"
        last = page[-1].id
        session.expunge_all()


def _page(session: Session, programme: Programme, after: str) -> Sequence[Spin]:
    query = (
        select(Spin)
        .join(Member, Member.id == Spin.member_id)
        .where(Spin.programme_id == programme.id, Spin.drawn_at.is_not(None), Spin.id > after)
        .where(Member.erased_at.is_(None) | Spin.nonce.is_not(None) | Spin.place.is_not(None))
    )
    return session.scalars(query.order_by(Spin.id).limit(PAGE)).all()


def _groups(classes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """What was expected and seen, with rare classes put together until each was expected often enough."""
    classes = sorted(classes)
    while len(classes) > 1 and classes[0][0] < EXPECTED:
        (expected, seen), (more_expected, more_seen), *others = classes
        classes = sorted([(expected + more_expected, seen + more_seen), *others])
    return classes
