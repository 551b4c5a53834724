"""How counted things, progress and gifts are put into words."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from conversation.saying.sentences import Sentences
from loyalty.levels.goals import Progress
from loyalty.money import Money
from loyalty.programme import Language, Programme
from loyalty.rules.goals import Streak
from loyalty.rules.parts import Gift

FEWEST, MOST = 5, 10
"""Blocks of a bar."""
_FULL, _EMPTY = "▰", "▱"
_UNITS: Mapping[str, str] = {
    "points": "unit.points", "orders": "unit.orders", "referrals": "unit.friends", "quizzes": "unit.quizzes",
    "subscription_months": "unit.months",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Voice:
    """Says things of a programme in a language."""

    sentences: Sentences
    language: Language
    programme: Programme

    def say(self, key: str, **values: object) -> str:
        """A sentence of the catalogue."""
        return self.sentences.say(self.language, key, **values)


def amount(voice: Voice, measure: str, number: int, *, minimum: Decimal = Decimal(0)) -> str:
    """So much of a measure: `2 orders`, `€40`, `3 × Review`; of orders that come to at least `minimum`."""
    kind, _, activity = measure.partition(":")
    currency = voice.programme.currency
    match kind:
        case "spend":
            said = voice.say("unit.spend", amount=Money(Decimal(number), currency))
        case "activity":
            name = voice.programme.earning.activities[activity].name[voice.language]
            said = voice.say("unit.activity", n=number, name=name)
        case _:
            said = voice.say(_UNITS[kind], n=number)
    if minimum and kind in {"orders", "spend"}:
        return voice.say(f"unit.{kind}_from", what=said, minimum=Money(minimum, currency))
    return said


def progress(voice: Voice, far: Progress) -> str:
    """A bar with numbers: `▰▰▰▰▱▱ 2 of 3`; money stays money."""
    # a streak counts days, weeks or months
    return share(voice, far.have, far.need, money=far.goal.measure == "spend" and not isinstance(far.goal, Streak))


def share(voice: Voice, have: int, need: int, *, money: bool = False) -> str:
    """So much of so much, with a bar."""
    have = min(have, need)
    drawn = bar(have, need)
    if money:
        amounts = {name: Money(Decimal(number), voice.programme.currency) for name, number in _named(have, need)}
        return voice.say("goal.progress_money", bar=drawn, **amounts)
    return voice.say("goal.progress", bar=drawn, **dict(_named(have, need)))


def gift(voice: Voice, given: Gift) -> str:
    """What a rule gives: points, a reward's name, or both."""
    said = [voice.say("unit.points", n=given.points)] if given.points else []
    reward = voice.programme.reward(given.reward) if given.reward is not None else None
    return " + ".join([*said, *([reward.name[voice.language]] if reward is not None else [])])


def bar(have: int, need: int) -> str:
    """A bar of 5 to 10 blocks, as many for each step where that goes; it is full only when nothing is missing."""
    blocks = next((number for number in range(FEWEST, MOST + 1) if number % need == 0), MOST)
    full = min(have, need) * blocks // need
    return _FULL * full + _EMPTY * (blocks - full)


def _named(have: int, need: int) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("have", have), ("need", need)
