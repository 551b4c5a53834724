"""Whether a guess is taken, asked about, or given up: "did you mean" lies between understanding and not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nlu.weights import Guess

OUT_OF_SCOPE, NOT_UNDERSTOOD = "out_of_scope", "nlu_fallback"


class Verdict(StrEnum):
    """What to do with a guess."""

    SURE = "sure"
    ASK = "ask"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where one verdict ends and the next begins; all but `margin` are probabilities of the best intent in scope."""

    sure: float
    """From here on it is taken."""
    ask: float
    """From here on it is asked about, even if it is likelier that the message has nothing to do with us."""
    margin: float
    """So many times as likely as `out_of_scope` it must be; below that the message has nothing to do with us."""
    worth: float
    """So likely another intent must be to be offered beside the best one."""
    most: int
    """So many intents are offered."""

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "Thresholds":
        """The thresholds of a component's configuration. Raises `ValueError` if they contradict one another."""
        found = cls(*(config[name] for name in ("sure", "ask", "margin", "worth", "most")))
        if not 0 <= found.ask <= found.sure <= 1 or found.margin <= 0 or found.most < 1:
            raise ValueError(f"config.yml: 0 ≤ ask ≤ sure ≤ 1, margin > 0 and most ≥ 1 are needed, not {found}")
        return found


@dataclass(frozen=True, slots=True)
class Clear:
    """A verdict, the intent that is taken with it, and the intents worth asking about, likeliest first."""

    verdict: Verdict
    intent: str
    confidence: float
    alternatives: tuple[str, ...] = ()


def judge(ranking: Sequence[Guess], thresholds: Thresholds) -> Clear:
    """The verdict on a ranking, likeliest first. An intent that is not in it counts as impossible."""
    outside = max((guess["confidence"] for guess in ranking if guess["name"] == OUT_OF_SCOPE), default=0.0)
    inside = [guess for guess in ranking if guess["name"] not in {OUT_OF_SCOPE, NOT_UNDERSTOOD}]
    best = inside[0]["confidence"] if inside else 0.0
    alternatives = tuple(
        guess["name"] for guess in inside[: thresholds.most] if guess["confidence"] >= thresholds.worth
    )
    if best < thresholds.margin * outside:
        intent, confidence = OUT_OF_SCOPE, outside
    elif best < thresholds.ask:
        intent, confidence = NOT_UNDERSTOOD, 1.0 - best
    else:
        intent, confidence = inside[0]["name"], best
        if best >= thresholds.sure:
            return Clear(Verdict.SURE, intent, confidence)
    if best >= thresholds.ask:
        return Clear(Verdict.ASK, intent, confidence, alternatives)
    return Clear(Verdict.REJECT, intent, confidence)
