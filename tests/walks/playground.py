"""Two programmes with everything switched on: the second is the first after somebody has edited its file."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from loyalty.files.reading import read_programme
from loyalty.programme import Programme

ROOT = Path(__file__).parents[2]
LONGEST_GAP = timedelta(weeks=3)
_PRICE, _QUIETER = 15, 4
T = TypeVar("T")


def playgrounds() -> tuple[Programme, Programme]:
    """A café with levels, badges, challenges, boards, two quizzes, a wheel of chance, a survey, terms and staff; and
    the same with other questions, another wheel (without chance, for points), no survey and a reward less."""
    cafe, beauty, trivia, gym = (
        read_programme(ROOT / "programmes" / f"{name}.yml") for name in ("cafe", "beauty", "trivia", "gym")
    )
    quizzes = (*cafe.games.quizzes, *trivia.games.quizzes)
    assert cafe.games.wheel is not None
    wheel = cafe.games.wheel.model_copy(
        update={"chance": True, "spins": cafe.games.wheel.spins.model_copy(update={"count": 2})}
    )
    activities = {
        name: done for one in (gym, trivia, cafe, beauty) for name, done in one.earning.activities.items()
    }  # fmt: skip
    every = cafe.model_copy(
        update={
            "earning": beauty.earning.model_copy(update={"joining": 40, "expire_months": 2, "activities": activities}),
            "tiers": beauty.tiers,
            "rewards": _each(*cafe.rewards, *beauty.rewards, *trivia.rewards, *gym.rewards),
            "badges": _each(*beauty.badges, *trivia.badges, *gym.badges),
            "milestones": _each(*cafe.milestones, *gym.milestones),
            "challenges": _each(*beauty.challenges, *trivia.challenges, *gym.challenges),
            "streaks": _each(*cafe.streaks, *beauty.streaks, *gym.streaks),
            "leaderboards": _each(*beauty.leaderboards, *trivia.leaderboards, *gym.leaderboards),
            "games": cafe.games.model_copy(update={"quizzes": quizzes, "wheel": wheel}),
            "consent": beauty.consent,
            "staff": beauty.staff,
        }
    )
    edited = every.model_copy(
        update={
            "rewards": every.rewards[1:],
            "leaderboards": every.leaderboards[:1],
            "dialogs": tuple(one.model_copy(update={"steps": one.steps[1:]}) for one in every.dialogs),
            "games": every.games.model_copy(
                update={
                    "quizzes": (quizzes[0].model_copy(update={"questions": quizzes[0].questions[1:]}),),
                    "wheel": wheel.model_copy(update={"chance": False, "price": _PRICE}),
                }
            ),
            "staff": None,
            "consent": None,
        }
    )
    return _checked(every), _checked(edited, missing=every.rewards[0].id)


def _each(*parts: Any) -> tuple[Any, ...]:
    """The parts, each id once."""
    return tuple({part.id: part for part in parts}.values())


def _checked(programme: Programme, missing: str = "") -> Programme:
    """The programme, read as a file would be; gifts of a reward that is `missing` are points."""
    return Programme.model_validate(_without(programme.document(), missing))


def _without(told: Any, missing: str) -> Any:
    if isinstance(told, dict):
        if missing and told.get("reward") == missing:
            return {"points": told.get("points") or _QUIETER, "reward": None}
        return {name: _without(value, missing) for name, value in told.items()}
    if isinstance(told, Iterable) and not isinstance(told, str):
        return [_without(one, missing) for one in told]
    return told
