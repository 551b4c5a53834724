"""What a programme may say and probably does not mean: useless or dangerous settings. Nothing here is a mistake."""

from collections.abc import Iterator
from datetime import date

from loyalty.files.yaml_lines import Place
from loyalty.programme import Programme
from loyalty.rules.earning import Earning
from loyalty.rules.games import Quiz, Wheel
from loyalty.rules.parts import LANGUAGES, Dates
from loyalty.rules.referral import ReferralRule
from loyalty.rules.rewards import Reward
from loyalty.rules.tiers import Tiers

Advice = Iterator[tuple[Place, str]]
_MONTH = 30
_BUTTONS = 3
"""Answers that fit under a picture (Meta's reference: reply buttons)."""
_READABLE = 900
"""Signs of a question, its answers and the explanation before it that surely fit into one message of 1024."""
_LEGAL = (
    "a wheel of chance is a lottery or a prize draw in many countries (in Italy a concorso a premi, DPR 430/2001); "
    "ask before you use it, or set chance: false"
)


def advise(programme: Programme, today: date) -> Advice:
    """What should be looked at again in a programme, and where it stands."""
    yield from _earning(programme)
    yield from _over(programme, today)
    yield from _levels(programme)
    for number, reward in enumerate(programme.rewards):
        yield from _reward(programme, reward, ("rewards", number))
    yield from _goals(programme)
    yield from _referral(programme.referral)
    for number, quiz in enumerate(programme.games.quizzes):
        yield from _quiz(quiz, ("games", "quizzes", number, "questions"))
    if programme.games.wheel is not None:
        yield from _wheel(programme.games.wheel)


def _earning(programme: Programme) -> Advice:
    earning, rule = programme.earning, programme.earning.purchase
    for name in ("order", "day", "month"):
        if getattr(earning.caps, name) == 0:
            yield ("earning", "caps", name), "0 means that nobody earns anything; leave it out if there is no cap"
    sources = (
        rule.points, rule.each, earning.joining, *(one.points for one in earning.activities.values()),
        *(one.points for one in earning.bonuses), *(quiz.points for quiz in programme.games.quizzes),
    )  # fmt: skip
    if not any(sources):
        yield ("earning",), "nothing earns points"
    if earning.expire_months is not None and rule.pending_days >= earning.expire_months * _MONTH:
        yield (
            ("earning", "expire_months"),
            f"points wait {rule.pending_days} days and then live {earning.expire_months} months only",
        )
    for number, bonus in enumerate(earning.bonuses):
        if bonus.when.hours is not None and bonus.when.hours[0] == bonus.when.hours[1]:
            yield ("earning", "bonuses", number, "when", "hours"), "begins when it ends, so that it counts all day"


def _over(programme: Programme, today: date) -> Advice:
    """What had its time."""
    dated: list[tuple[Place, Dates | None]] = [
        *(
            (("earning", "bonuses", number, "when", "dates"), b.when.dates)
            for number, b in enumerate(programme.earning.bonuses)
        ),
        *((("rewards", number, "dates"), reward.dates) for number, reward in enumerate(programme.rewards)),
        *((("challenges", number, "dates"), one.dates) for number, one in enumerate(programme.challenges)),
        *((("games", "quizzes", number, "dates"), quiz.dates) for number, quiz in enumerate(programme.games.quizzes)),
    ]
    if programme.games.wheel is not None:
        dated.append((("games", "wheel", "dates"), programme.games.wheel.dates))
    for place, dates in dated:
        if dates is not None and dates.last is not None and dates.last < today:
            yield (*place, "until"), f"was over on {dates.last}"


def _levels(programme: Programme) -> Advice:
    for number, level in enumerate(programme.tiers.levels if programme.tiers else ()):
        if level.id in _out_of_reach(programme):
            yield ("tiers", "levels", number, "from"), f"nobody can reach {level.id}: so much cannot come together"


def _out_of_reach(programme: Programme) -> set[str]:
    """The levels that nobody can reach."""
    tiers = programme.tiers
    most = _most(programme, tiers) if tiers is not None else None
    return (
        {level.id for level in tiers.levels if level.from_ > most} if tiers is not None and most is not None else set()
    )


def _most(programme: Programme, tiers: Tiers) -> int | None:
    """The most that can be counted for a level; None if there is no end to it."""
    if tiers.measure == "quizzes" and not programme.games.quizzes:
        return 0
    cap = programme.earning.caps.month
    if tiers.measure != "points" or cap is None:
        return None
    months = 12 if tiers.calendar == "year" else tiers.months + 1 if tiers.months is not None else None
    return cap * months if months is not None else None


def _reward(programme: Programme, reward: Reward, place: Place) -> Advice:
    if reward.tiers and reward.tiers <= _out_of_reach(programme):
        yield (*place, "tiers"), "nobody can have it: nobody reaches these levels"
    if reward.stock == 0:
        yield (*place, "stock"), "there is none; leave stock out if there is no end to it"
    if reward.budget is not None and reward.budget < reward.cost:
        yield (*place, "budget"), "is not enough for one"
    if reward.gift_only:
        if all(gift is None or gift.reward != reward.id for _, gift in programme.gifts()):
            yield (*place, "gift_only"), "no rule gives it, and nobody can choose it"
        return
    most = _most_points(programme)
    if most is not None and reward.points > most:
        yield (*place, "points"), f"nobody can have so many points at a time: by caps and expiry {most} at most"


def _most_points(programme: Programme) -> int | None:
    """The most points somebody can have; None if there is no end to it, or other rules give some."""
    earning: Earning = programme.earning
    given = any(gift is not None and gift.points for _, gift in programme.gifts())
    if earning.caps.month is None or earning.expire_months is None or given or programme.games.quizzes:
        return None
    return earning.caps.month * (earning.expire_months + 1) + earning.joining


def _goals(programme: Programme) -> Advice:
    for number, milestone in enumerate(programme.milestones):
        if milestone.gift is None:
            yield ("milestones", number), "gives nothing: set gift"
    if programme.games.quizzes:
        return
    for place, measure in programme.measures():
        if measure == "quizzes" and place != ("tiers",):
            yield (*place, "measure"), "counts quizzes, and there are none"


def _referral(rule: ReferralRule) -> Advice:
    if rule.referrer is None and rule.friend is None:
        yield ("referral",), "nobody gets anything for bringing a friend: set referrer, friend, or both"
    if rule.on == "registration" and rule.referrer is not None and rule.a_month is None:
        yield ("referral", "on"), "joining costs nothing, so friends can be made up: set a_month, or on: order"


def _quiz(quiz: Quiz, place: Place) -> Advice:
    """What does not fit into one message: each is paid for."""
    before = dict.fromkeys(LANGUAGES, 0)
    for number, question in enumerate(quiz.questions):
        if question.image is not None and len(question.answers) > _BUTTONS:
            yield (*place, number, "image"), "with more than three answers it goes out as two messages"
        lengths = (
            len(question.text[language]) + sum(len(answer[language]) for answer in question.answers) + before[language]
            for language in LANGUAGES
        )
        if max(lengths) > _READABLE:
            yield (*place, number), "with the explanation before it, it is so long that it goes out as two messages"
        before = {language: len((question.explanation or {}).get(language, "")) for language in LANGUAGES}


def _wheel(wheel: Wheel) -> Advice:
    if not wheel.chance:
        return
    place: Place = ("games", "wheel", "chance") if "chance" in wheel.model_fields_set else ("games", "wheel")
    yield place, _LEGAL
    if wheel.price:
        yield ("games", "wheel", "price"), "to pay for chance is gambling in more countries still"
