"""How counted things, progress and gifts are put into words."""

from collections.abc import Mapping
from decimal import Decimal

from actions.question import Question
from loyalty.levels.goals import Progress
from loyalty.money import Money
from loyalty.rules.goals import Streak
from loyalty.rules.parts import Gift

FEWEST, MOST = 5, 10
"""Blocks of a bar."""
_FULL, _EMPTY = "▰", "▱"
_UNITS: Mapping[str, str] = {
    "points": "unit.points", "orders": "unit.orders", "referrals": "unit.friends", "quizzes": "unit.quizzes",
    "subscription_months": "unit.months",
}  # fmt: skip


def amount(ask: Question, measure: str, number: int, *, minimum: Decimal = Decimal(0)) -> str:
    """So much of a measure: `2 orders`, `€40`, `3 × Review`; of orders that come to at least `minimum`."""
    kind, _, activity = measure.partition(":")
    currency = ask.programme.currency
    match kind:
        case "spend":
            said = ask.say("unit.spend", amount=Money(Decimal(number), currency))
        case "activity":
            name = ask.programme.earning.activities[activity].name[ask.inquiry.language]
            said = ask.say("unit.activity", n=number, name=name)
        case _:
            said = ask.say(_UNITS[kind], n=number)
    if minimum and kind in {"orders", "spend"}:
        return ask.say(f"unit.{kind}_from", what=said, minimum=Money(minimum, currency))
    return said


def progress(ask: Question, far: Progress) -> str:
    """A bar with numbers: `▰▰▰▰▱▱ 2 of 3`; money stays money."""
    have = min(far.have, far.need)
    drawn = bar(have, far.need)
    if far.goal.measure == "spend" and not isinstance(far.goal, Streak):  # a streak counts days, weeks or months
        money = {name: Money(Decimal(number), ask.programme.currency) for name, number in _named(have, far.need)}
        return ask.say("goal.progress_money", bar=drawn, **money)
    return ask.say("goal.progress", bar=drawn, **dict(_named(have, far.need)))


def gift(ask: Question, given: Gift) -> str:
    """What a rule gives: points, a reward's name, or both."""
    said = [ask.say("unit.points", n=given.points)] if given.points else []
    reward = ask.programme.reward(given.reward) if given.reward is not None else None
    return " + ".join([*said, *([reward.name[ask.inquiry.language]] if reward is not None else [])])


def bar(have: int, need: int) -> str:
    """A bar of 5 to 10 blocks, as many for each step where that goes; it is full only when nothing is missing."""
    blocks = next((number for number in range(FEWEST, MOST + 1) if number % need == 0), MOST)
    full = min(have, need) * blocks // need
    return _FULL * full + _EMPTY * (blocks - full)


def _named(have: int, need: int) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("have", have), ("need", need)
