"""A message was refused: what happens to it. Pure; what else follows (alarms, pauses, consent) is in `consequences`.

Refusals come in the answer to a send, later in a receipt, or both; either way they are judged here.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal


class Do(StrEnum):
    """What is to be done about a refusal. Meta's codes are sorted by it in `connectors/whatsapp/codes.py`."""

    SLOW_DOWN = "slow_down"
    WAIT_FOR_HER = "wait_for_her"
    TRY_FEW_TIMES = "try_few_times"
    TRY_IN_MINUTES = "try_in_minutes"
    TRY_TOMORROW = "try_tomorrow"
    USE_TEMPLATE = "use_template"
    MARK_UNREACHABLE = "mark_unreachable"
    END_MARKETING = "end_marketing"
    PAUSE_MARKETING = "pause_marketing"
    PAUSE_NUMBER = "pause_number"
    PAUSE_TEMPLATE = "pause_template"
    ASK_IN_CHAT = "ask_in_chat"
    ASK_HER = "ask_her"
    FIX = "fix"
    LEAVE = "leave"
    """Leave it as it is, marked: nobody knows whether it was sent."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's no: what to do, its code if it gave one, and its words."""

    do: Do
    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a message is tried in all, and how long the waits between are, in seconds."""

    tries: int
    first: float
    grows: float = 1.0
    longest: float = 900.0
    jitter: bool = True

    def wait(self, attempts: int, dice: Callable[[], float]) -> timedelta:
        """How long to wait after so many tries. With jitter it is anything up to that, so that not all come at once."""
        seconds = min(self.first * self.grows ** min(attempts - 1, 60), self.longest)
        return timedelta(seconds=seconds * dice() if self.jitter else seconds)


_DAY = 24 * 3600.0
PROBE = timedelta(minutes=5)
"""How often a paused number is tried with one message."""
RULES: Mapping[Do, Rule] = {
    Do.SLOW_DOWN: Rule(tries=10, first=2.0, grows=2.0),
    Do.WAIT_FOR_HER: Rule(tries=12, first=1.0, grows=4.0, jitter=False),  # Meta: 4^x seconds, x from 0
    Do.TRY_FEW_TIMES: Rule(tries=3, first=2.0, grows=2.0),
    Do.TRY_IN_MINUTES: Rule(tries=6, first=600.0, jitter=False),
    Do.TRY_TOMORROW: Rule(tries=3, first=_DAY, longest=_DAY, jitter=False),
    Do.PAUSE_MARKETING: Rule(tries=10, first=900.0, jitter=False),
    Do.PAUSE_TEMPLATE: Rule(tries=10, first=900.0, jitter=False),
    Do.PAUSE_NUMBER: Rule(tries=300, first=PROBE.total_seconds(), jitter=False),  # a day of probes
}
"""Whatever is not named here is not tried again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the message: its state, when it is tried again, and what is sent then if it is something else."""

    state: Literal["waiting", "failed", "withheld", "unsure"]
    again: datetime | None = None
    message: dict[str, Any] | None = None
    is_fallback: bool = False


def decide(
    refusal: Refusal, *, attempts: int, message: dict[str, Any], fallback: dict[str, Any] | None, now: datetime,
    dice: Callable[[], float] = random.random,
) -> Verdict:  # fmt: skip
    """What becomes of a message that was refused after so many tries. `dice` gives numbers from 0 to 1."""
    rule = RULES.get(refusal.do)
    if rule is not None and attempts < rule.tries:
        return Verdict("waiting", now + rule.wait(attempts, dice))
    match refusal.do:
        case Do.LEAVE:
            return Verdict("unsure")
        case Do.USE_TEMPLATE | Do.ASK_IN_CHAT if fallback is not None:
            return Verdict("waiting", now, fallback, is_fallback=True)
        case Do.USE_TEMPLATE:
            return Verdict("withheld")
        case Do.TRY_FEW_TIMES if (simpler := without_media(message)) is not None:
            return Verdict("waiting", now, simpler)
        case _:
            return Verdict("failed")


def without_media(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """A message of the outbox without its picture or file; None if it has none, or nothing but that."""
    media = [key for key in ("image", "media", "header") if message.get(key)]
    if not media or not message.get("text"):
        return None
    return {key: value for key, value in message.items() if key not in media}


def template_of(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The template a message of the outbox sends; None if it is free-form."""
    template = message.get("template")
    return template if isinstance(template, Mapping) else None
