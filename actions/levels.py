"""Questions about levels, badges, challenges and leaderboards."""

from collections.abc import Callable, Iterator, Mapping

from actions import wording
from actions.question import Question
from conversation.model import Answer, Message
from loyalty.levels.leaderboards import Board, Place, top
from loyalty.levels.status import GoalStatus, LevelStatus, Status
from loyalty.levels.status import status as status_of
from loyalty.orders.history import SUBSCRIPTION
from loyalty.programme import Programme, last_day
from loyalty.rules.goals import Badge, Leaderboard, Streak
from loyalty.rules.tiers import Level

BADGES = 10
GOALS = 8
PLACES = 10
BOARDS = 3
_BUTTONS = 3
_THERE: Mapping[str, Callable[[Programme], bool]] = {
    "check_tier": lambda programme: programme.tiers is not None,
    "show_badges": lambda programme: bool(programme.badges),
    "list_challenges": lambda programme: bool(programme.challenges or programme.milestones or programme.streaks),
    "show_leaderboard": lambda programme: bool(programme.leaderboards),
}
"""Which of these questions a programme has an answer to."""


def tier(ask: Question) -> Answer:
    """The level, what it brings, how far the next one is."""
    level = _status(ask).level
    if level is None:
        return ask.message(ask.say("utter_check_tier"), "check_points", "list_rewards")
    if ask.member.joined_at is None:
        return _guest(ask, "level.guest")
    return _message(ask, "check_tier", _level(ask, level))


def badges(ask: Question) -> Answer:
    """The badges she has, newest first; then those to get, nearest first."""
    found = _status(ask).badges
    if not found:
        return ask.message(ask.say("utter_show_badges"), "check_points", "points_history")
    if ask.member.joined_at is None:
        return _guest(ask, "badges.guest")
    held = sorted((one for one in found if one.done), key=lambda one: one.reached_at or ask.now, reverse=True)
    still = sorted((one for one in found if not one.done), key=lambda one: one.progress.missing / one.progress.need)
    lines = [ask.say("badges.title" if held else "badges.none")]
    lines += [ask.say("badges.held", sign=_sign(one), name=_name(ask, one)) for one in held[:BADGES]]
    if shown := still[: max(BADGES - len(held), 0)]:
        lines += ["", ask.say("badges.still"), *(_still(ask, one) for one in shown)]
    if len(found) > BADGES:
        lines.append(ask.say("badges.more", n=len(found) - BADGES))
    if not still:
        lines += ["", ask.say("badges.all")]
    return _message(ask, "show_badges", lines)


def challenges(ask: Question) -> Answer:
    """What can be reached now: challenges that run, milestones, streaks."""
    stands = _status(ask)
    found = (*stands.challenges, *stands.milestones, *stands.streaks)
    if not found:
        return ask.message(ask.say("utter_list_challenges"), "how_to_earn", "get_referral_link")
    if ask.member.joined_at is None:
        return _guest(ask, "challenges.guest")
    goals = ["\n".join(_goal(ask, one)) for one in found[:GOALS]]
    return _message(ask, "list_challenges", ["\n\n".join([ask.say("challenges.title"), *goals])])


def leaderboard(ask: Question) -> Answer:
    """The places under invented names, and her own; who does not take part is told how to."""
    boards = ask.programme.leaderboards
    if not boards:
        return ask.message(ask.say("utter_show_leaderboard"), "check_points", "get_referral_link")
    if ask.member.joined_at is None:
        return _guest(ask, "board.guest")
    parts = ["\n".join(_board(ask, board)) for board in boards[:BOARDS]]
    if ask.member.board_name is None:
        parts.append(ask.say("board.take_part", contact=ask.programme.contact[ask.inquiry.language]))
    return _message(ask, "show_leaderboard", ["\n\n".join(parts)])


def _status(ask: Question) -> Status:
    return status_of(ask.session, ask.programme, ask.inquiry.member, now=ask.now)


def _guest(ask: Question, key: str) -> Message:
    return ask.message(ask.say(key, programme=ask.programme.name), "join_program", "how_to_earn")


def _message(ask: Question, intent: str, lines: list[str]) -> Message:
    """The lines, with the other questions of this kind that have an answer here under them."""
    others = [other for other, there in _THERE.items() if other != intent and there(ask.programme)]
    return ask.message("\n".join(lines), *[*others, "check_points", "list_rewards", "how_to_earn"][:_BUTTONS])


def _level(ask: Question, stands: LevelStatus) -> list[str]:
    own, following = stands.level, stands.next
    lines = [ask.say("level.none")]
    if own is not None:
        lines = [ask.say("level.has", level=own.name[ask.inquiry.language]), *_brings(ask, own)]
    if own is not None and stands.kept_until is not None:
        lines.append(ask.say("level.kept", day=last_day(stands.kept_until, ask.programme.zone)))
        if stands.measure != SUBSCRIPTION:  # a new one would have to run longer than the level is kept
            lines.append(ask.say("level.keep", what=wording.amount(ask, stands.measure, own.from_ - stands.value)))
    if following is not None:
        what = wording.amount(ask, stands.measure, stands.missing)
        lines.append(ask.say("level.next", what=what, level=following.name[ask.inquiry.language]))
        if own is None and (brought := list(_brings(ask, following))):
            lines += [ask.say("level.brings"), *brought]
    elif stands.kept_until is None:
        lines.append(ask.say("level.top"))
    return lines


def _brings(ask: Question, level: Level) -> Iterator[str]:
    if level.factor != 1:
        yield ask.say("level.factor", factor=level.factor)
    for benefit in level.benefits:
        yield ask.say("level.benefit", benefit=benefit[ask.inquiry.language])


def _name(ask: Question, one: GoalStatus) -> str:
    return one.goal.name[ask.inquiry.language]


def _sign(one: GoalStatus) -> str:
    return one.goal.sign if isinstance(one.goal, Badge) else ""


def _still(ask: Question, one: GoalStatus) -> str:
    what = wording.amount(ask, one.goal.measure, one.progress.missing, minimum=one.goal.minimum)
    return ask.say("badges.line", sign=_sign(one), name=_name(ask, one), what=what)


def _goal(ask: Question, one: GoalStatus) -> Iterator[str]:
    if one.done:
        yield ask.say("goal.done", name=_name(ask, one))
        return
    yield ask.say("goal.name", name=_name(ask, one))
    yield wording.progress(ask, one.progress)
    if one.progress.ends_at is not None:
        key = "streak.until" if isinstance(one.goal, Streak) else "goal.until"
        yield ask.say(key, day=last_day(one.progress.ends_at, ask.programme.zone))
    if one.goal.gift is not None:
        yield ask.say("goal.gift", gift=wording.gift(ask, one.goal.gift))


def _board(ask: Question, rules: Leaderboard) -> Iterator[str]:
    board = top(ask.session, ask.programme, rules.id, now=ask.now, member=ask.inquiry.member)
    yield ask.say("board.title", name=rules.name[ask.inquiry.language])
    if board.ends_at is not None:
        yield ask.say("goal.until", day=last_day(board.ends_at, ask.programme.zone))
    shown = board.places[:PLACES]
    yield from (_place(ask, board, place) for place in shown)
    if not shown:
        yield ask.say("board.empty")
    if around := [place for place in board.around if place not in shown and board.mine not in shown]:
        yield "…"
        yield from (_place(ask, board, place) for place in around)
    if board.mine is None and ask.member.board_name is not None:
        yield ask.say("board.no_place", name=ask.member.board_name)


def _place(ask: Question, board: Board, place: Place) -> str:
    what = wording.amount(ask, board.rules.measure, place.value)
    return ask.say("board.mine" if place.mine else "board.place", rank=place.rank, name=place.name, what=what)
