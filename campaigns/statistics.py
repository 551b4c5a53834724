"""The statistics of campaigns, pure: intervals of shares and their differences, and whether a split is as it should be.

Sources: E. B. Wilson 1927 (score interval); R. G. Newcombe 1998, method 10 (interval of a difference, from two score
intervals); S. Holm 1979 (several comparisons); J. L. Fleiss, "Statistical Methods for Rates and Proportions" (sample
size of two shares). Tests compare with scipy's and with published examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

from scipy.special import chdtrc

_NORMAL = NormalDist()
CONFIDENCE = 0.95
MISMATCH = 0.001
"""The level at which a split counts as broken: so rarely does a sound one look like this by chance."""
LEAST_EXPECTED = 5.0
"""Cells below this make a chi-square test a bad approximation; then no verdict is given by it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From where to where, both as shares."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Count:
    """So many of so many."""

    hits: int
    people: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.people:
            raise ValueError(f"{self.hits} of {self.people} is no share")

    @property
    def share(self) -> float:
        """The share; 0 of nobody is 0."""
        return self.hits / self.people if self.people else 0.0


def wilson(count: Count, confidence: float = CONFIDENCE) -> Interval:
    """The Wilson score interval of a share. It stays within 0 and 1; of nobody nothing is known."""
    if not count.people:
        return Interval(0.0, 1.0)
    z, n, share = _z(confidence), count.people, count.share
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if count.hits == 0 else max(0.0, middle - half)
    return Interval(low, 1.0 if count.hits == n else min(1.0, middle + half))


def difference(one: Count, other: Count, confidence: float = CONFIDENCE) -> Interval:
    """The interval of `one`'s share less `other`'s (Newcombe's hybrid score method)."""
    mine, theirs = wilson(one, confidence), wilson(other, confidence)
    gap = one.share - other.share
    low = gap - sqrt((one.share - mine.low) ** 2 + (theirs.high - other.share) ** 2)
    high = gap + sqrt((mine.high - one.share) ** 2 + (other.share - theirs.low) ** 2)
    return Interval(max(-1.0, low), min(1.0, high))


def two_shares(one: Count, other: Count) -> float:
    """The p-value of two shares being the same: the pooled z-test, two-sided. 1 where there is nothing to compare."""
    people, hits = one.people + other.people, one.hits + other.hits
    if not one.people or not other.people or hits in {0, people}:
        return 1.0
    pooled = hits / people
    z = (one.share - other.share) / sqrt(pooled * (1 - pooled) * (1 / one.people + 1 / other.people))
    return min(1.0, 2 * _NORMAL.cdf(-abs(z)))


def all_alike(counts: Sequence[Count]) -> float:
    """The p-value of several shares being the same: chi-square of homogeneity. 1 where there is nothing to compare."""
    counts = [count for count in counts if count.people]
    people, hits = sum(count.people for count in counts), sum(count.hits for count in counts)
    if len(counts) < 2 or hits in {0, people}:
        return 1.0
    pooled = hits / people
    chi = sum((count.hits - count.people * pooled) ** 2 / (count.people * pooled * (1 - pooled)) for count in counts)
    return float(chdtrc(len(counts) - 1, chi))


def holm(values: Sequence[float]) -> list[float]:
    """P-values made fit for being several: Holm's step-down method, in the order they came in."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def split_mismatch(people: Mapping[str, int], shares: Mapping[str, float]) -> float | None:
    """The p-value of a split being as it was meant (sample-ratio check); None of too few people to say.

    `shares` are what each arm was to have, and sum to 1. Below `MISMATCH` something other than chance divided people.
    """
    total = sum(people.get(arm, 0) for arm in shares)
    if len(shares) < 2 or total * min(shares.values()) < LEAST_EXPECTED:
        return None
    chi = sum((people.get(arm, 0) - total * share) ** 2 / (total * share) for arm, share in shares.items())
    return float(chdtrc(len(shares) - 1, chi))


def sample_size(baseline: float, effect: float, *, power: float, alpha: float, comparisons: int = 1) -> int:
    """How many people each arm needs, so that a difference of `effect` (a share) is found with `power`.

    Two-sided, by the normal approximation; `comparisons` divide `alpha` (Bonferroni: safe for Holm, which is milder).
    """
    if not 0 < baseline < 1 or not 0 < baseline + effect < 1 or effect == 0:
        raise ValueError("baseline and baseline + effect lie between 0 and 1, and differ")
    if not 0 < power < 1 or not 0 < alpha < 1 or comparisons < 1:
        raise ValueError("power and alpha lie between 0 and 1")
    z_alpha = _NORMAL.inv_cdf(1 - alpha / comparisons / 2)
    z_power = _NORMAL.inv_cdf(power)
    other = baseline + effect
    middle = (baseline + other) / 2
    spread = z_alpha * sqrt(2 * middle * (1 - middle))
    spread += z_power * sqrt(baseline * (1 - baseline) + other * (1 - other))
    return ceil((spread / effect) ** 2)


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError("a confidence lies between 0 and 1")
    return _NORMAL.inv_cdf(0.5 + confidence / 2)
