"""How goals and leaderboards are put into words: a name, a bar, until when, what for; places under invented names."""

from collections.abc import Iterator

from conversation.saying import wording
from conversation.saying.wording import Voice
from loyalty.levels.leaderboards import Board, Place
from loyalty.levels.status import GoalStatus
from loyalty.programme import last_day
from loyalty.rules.goals import Streak

PLACES = 10


def goal(voice: Voice, one: GoalStatus) -> str:
    """A goal with all there is to say of it, a line each."""
    return "\n".join(_goal(voice, one))


def board(voice: Voice, found: Board, *, name: str | None) -> str:
    """A leaderboard, a line for each place. `name` is the one under which the reader takes part, if she does."""
    return "\n".join(_board(voice, found, name))


def _goal(voice: Voice, one: GoalStatus) -> Iterator[str]:
    name = one.goal.name[voice.language]
    if one.done:
        yield voice.say("goal.done", name=name)
        return
    yield voice.say("goal.name", name=name)
    yield wording.progress(voice, one.progress)
    if one.progress.ends_at is not None:
        key = "streak.until" if isinstance(one.goal, Streak) else "goal.until"
        yield voice.say(key, day=last_day(one.progress.ends_at, voice.programme.zone))
    if one.goal.gift is not None:
        yield voice.say("goal.gift", gift=wording.gift(voice, one.goal.gift))


def _board(voice: Voice, found: Board, name: str | None) -> Iterator[str]:
    yield voice.say("board.title", name=found.rules.name[voice.language])
    if found.ends_at is not None:
        yield voice.say("goal.until", day=last_day(found.ends_at, voice.programme.zone))
    shown = found.places[:PLACES]
    yield from (_place(voice, found, place) for place in shown)
    if not shown:
        yield voice.say("board.empty")
    if around := [place for place in found.around if place not in shown and found.mine not in shown]:
        yield "…"
        yield from (_place(voice, found, place) for place in around)
    if found.mine is None and name is not None:
        yield voice.say("board.no_place", name=name)


def _place(voice: Voice, found: Board, place: Place) -> str:
    what = wording.amount(voice, found.rules.measure, place.value)
    return voice.say("board.mine" if place.mine else "board.place", rank=place.rank, name=place.name, what=what)
