"""Questions about levels, badges, challenges and leaderboards."""

from collections.abc import Callable, Iterator, Mapping

from actions.question import Question
from conversation.messages.model import Answer, Command, Message
from conversation.saying import standings, wording
from loyalty.levels.status import GoalStatus, LevelStatus, Status
from loyalty.levels.status import status as status_of
from loyalty.orders.history import SUBSCRIPTION
from loyalty.programme import Programme, last_day
from loyalty.rules.goals import Badge
from loyalty.rules.tiers import Level

BADGES = 10
GOALS = 8
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
    goals = [standings.goal(ask.voice, one) for one in found[:GOALS]]
    return _message(ask, "list_challenges", ["\n\n".join([ask.say("challenges.title"), *goals])])


def leaderboard(ask: Question) -> Answer:
    """The places under invented names, and her own; taking part and leaving are a flow."""
    if not ask.programme.leaderboards:
        return ask.message(ask.say("utter_show_leaderboard"), "check_points", "get_referral_link")
    return Command("start", {"flow": "leaderboard"})


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
            what = wording.amount(ask.voice, stands.measure, own.from_ - stands.value)
            lines.append(ask.say("level.keep", what=what))
    if following is not None:
        what = wording.amount(ask.voice, stands.measure, stands.missing)
        lines.append(ask.say("level.next", what=what, level=following.name[ask.inquiry.language]))
        if stands.value:
            need = stands.value + stands.missing
            lines.append(wording.share(ask.voice, stands.value, need, money=stands.measure == "spend"))
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
    what = wording.amount(ask.voice, one.goal.measure, one.progress.missing, minimum=one.goal.minimum)
    return ask.say("badges.line", sign=_sign(one), name=_name(ask, one), what=what)
