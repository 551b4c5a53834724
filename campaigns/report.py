"""The report of a campaign: what came of each variant, with intervals, and a verdict only where one is due.

No verdict is given before the sample that was fixed beforehand is complete, and none if people were not split as they
should have been. It is always about the same people (the first so many of each variant), so looking again and again
cannot change it: there is nothing to peek at.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

from sqlalchemy.orm import Session

from campaigns.assigning import expected_shares
from campaigns.design import CONTROL, Design
from campaigns.desk import Overview, overview
from campaigns.outcomes import Figures, figures, skipped
from campaigns.statistics import (
    MISMATCH,
    Count,
    Interval,
    all_alike,
    difference,
    holm,
    sample_size,
    split_mismatch,
    two_shares,
    wilson,
)
from loyalty.tables import Campaign

_UNSEEN = frozenset({"reply", "click"})
"""What somebody who got nothing cannot do."""


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One variant, or the control group."""

    id: str
    figures: Figures
    rate: float
    interval: Interval
    """Of the success rate among all whose turn came."""
    skipped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms side by side, at the sample fixed beforehand."""

    one: str
    other: str
    gap: float
    interval: Interval
    p: float
    """Paid for by Holm's method, if there are several comparisons."""
    differs: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the test says, or why there is none."""

    said: str
    given: bool
    comparisons: tuple[Comparison, ...] = ()
    overall: float | None = None
    """The p-value of all arms being alike, where there are more than two."""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    overview: Overview
    metric: str
    within_days: int
    sample: int | None
    """How many of each arm the test needs."""
    arms: tuple[ArmReport, ...]
    split: float | None
    """The p-value of the split being as it was meant; below 0.001 it is broken."""
    verdict: Verdict
    estimated: dict[str, Any]
    billed: dict[str, Decimal]


def report(session: Session, campaign: Campaign, *, now: datetime) -> Report:
    """What came of a campaign so far."""
    design = Design.model_validate(campaign.document)
    sample = sample_of(design)
    found = figures(session, campaign, design, sample=sample, now=now)
    names = [*design.arms, *([CONTROL] if design.control_share else [])]
    left_out: dict[str, dict[str, int]] = {}
    for name, reason, count in skipped(session, campaign):
        left_out.setdefault(name, {})[reason] = count
    arms = tuple(_arm(name, found.get(name, Figures()), design, left_out.get(name, {})) for name in names)
    people = {arm.id: arm.figures.assigned for arm in arms}
    split = split_mismatch(people, expected_shares(tuple(design.arms), design.control_share))
    billed: dict[str, Decimal] = {}
    for arm in arms:
        for currency, amount in arm.figures.billed.items():
            billed[currency] = billed.get(currency, Decimal(0)) + amount
    return Report(
        overview(session, campaign), design.measure.metric, design.measure.within_days, sample, arms, split,
        verdict(design, arms, split, sample), dict(campaign.plan), billed,
    )  # fmt: skip


def sample_of(design: Design) -> int | None:
    """How many of each arm the test needs, as fixed beforehand; None if no test is wanted, or nothing to compare."""
    sample, compared = design.measure.sample, _compared(design)
    if sample is None or len(compared) < 2:
        return None
    if sample.per_variant is not None:
        return sample.per_variant
    assert sample.baseline is not None
    assert sample.effect is not None
    pairs = len(compared) * (len(compared) - 1) // 2
    return sample_size(
        sample.baseline, sample.effect, power=sample.power, alpha=design.measure.alpha, comparisons=pairs
    )  # fmt: skip


def verdict(design: Design, arms: tuple[ArmReport, ...], split: float | None, sample: int | None) -> Verdict:
    """What the test says, or why it says nothing. Pure."""
    if sample is None:
        why = "there is nothing to compare with" if len(_compared(design)) < 2 else "no sample size was fixed"
        return Verdict(f"no verdict: {why}", given=False)
    if split is not None and split < MISMATCH:
        said = f"no verdict: people were not split as they should have been (p {split:.2g}); find out why first"
        return Verdict(said, given=False)
    compared = {arm.id: arm.figures for arm in arms if arm.id in _compared(design)}
    if short := [f"{name} has {one.tested}" for name, one in compared.items() if one.tested < sample]:
        waits = any(one.immature for one in compared.values())
        more = f"; for some the {design.measure.within_days} days are not over" if waits else ""
        return Verdict(f"no verdict before {sample} of each: {', '.join(short)}{more}", given=False)
    counts = {name: Count(one.tested_hits, one.tested) for name, one in compared.items()}
    return _test(counts, design.measure.alpha)


def _test(counts: dict[str, Count], alpha: float) -> Verdict:
    pairs = list(combinations(counts, 2))
    values = holm([two_shares(counts[one], counts[other]) for one, other in pairs])
    confidence = 1 - alpha / len(pairs)
    comparisons = tuple(
        Comparison(
            one, other, counts[one].share - counts[other].share, difference(counts[one], counts[other], confidence),
            value, value < alpha,
        )
        for (one, other), value in zip(pairs, values, strict=True)
    )  # fmt: skip
    found = [
        f"{better} does better than {worse} by {abs(one.gap):.2%} (p {one.p:.2g})"
        for one in comparisons
        if one.differs
        for better, worse in [(one.one, one.other) if one.gap > 0 else (one.other, one.one)]
    ]
    said = "; ".join(found) or "no difference was found that chance would not make as well"
    overall = all_alike(list(counts.values())) if len(counts) > 2 else None
    return Verdict(said, True, comparisons, overall)


def _compared(design: Design) -> list[str]:
    """The arms that are compared."""
    control = design.control_share and design.measure.metric not in _UNSEEN
    return [*design.arms, *([CONTROL] if control else [])]


def _arm(name: str, found: Figures, design: Design, left_out: dict[str, int]) -> ArmReport:
    count = Count(found.hits(design.measure.metric), found.assigned)
    return ArmReport(name, found, count.share, wilson(count), left_out)
