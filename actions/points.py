"""Questions about points."""

from collections.abc import Mapping
from dataclasses import replace

from actions.question import Question
from conversation.messages.model import Answer, Choice, Command, Message
from flows.model import Ask
from loyalty.books.overview import Movement, expiring, movements, points_of
from loyalty.money import Money
from loyalty.programme import last_day
from loyalty.rewards.catalogue import tier_of

HISTORY, EXPIRIES = 8, 6
"""Lines on a page."""
READ = 30
"""So many movements are read at a time; some of them change nothing that she sees."""


def balance(ask: Question) -> Answer:
    """The balance, what is missing to the next reward, and what one can do with it: one message."""
    if ask.member.joined_at is None:
        return ask.message(ask.say("points.guest", programme=ask.programme.name), "join_program", "how_to_earn")
    points = points_of(ask.session, ask.inquiry.member)
    lines = [ask.say("points.balance", available=points.available)]
    if points.pending:
        lines.append(ask.say("points.pending", pending=points.pending))
    if points.held:
        lines.append(ask.say("points.held", held=points.held))
    if points.debt:
        lines.append(ask.say("points.debt", debt=points.debt))
    tier = tier_of(ask.session, ask.programme, ask.inquiry.member)
    following = ask.programme.next_reward(points.available, ask.now, tier)
    if following is not None:
        name, missing = following.name[ask.inquiry.language], following.points - points.available
        lines.append(ask.say("points.next", missing=missing, reward=name))
    elif ask.programme.offered(ask.now, tier):
        lines.append(ask.say("points.all"))
    return ask.message("\n".join(lines), "list_rewards", "how_to_earn", "points_history")


def history(ask: Question) -> Answer:
    """The latest movements, each on a line; a button leads to those before them."""
    before = ask.inquiry.entities.get("before")
    found = _gains(ask, before)
    if not found:
        key = "history.empty" if before is None else "history.end"
        return ask.message(ask.say(key), "check_points", "how_to_earn")
    shown = found[:HISTORY]
    lines = [ask.say("history.title" if before is None else "history.before"), *(_line(ask, one) for one in shown)]
    message = ask.message("\n".join(lines), "check_points", "points_expiry")
    return _paged(ask, message, "points_history", {"before": shown[-1].id} if len(found) > HISTORY else None)


def _gains(ask: Question, before: str | None) -> list[Movement]:
    """One page of what changed her points, and one more if there is more."""
    found: list[Movement] = []
    while len(found) <= HISTORY:
        page = movements(ask.session, ask.inquiry.member, limit=READ, before=before)
        found += [change for change in page if change.points]
        if len(page) < READ:
            break
        before = page[-1].id
    return found


def _line(ask: Question, change: Movement) -> str:
    what, reward = ask.say(f"history.{change.kind}"), ask.programme.reward(str(change.memo.get("reward")))
    if reward is not None and change.kind in {"redemption", "return"}:
        what = ask.say("history.named", what=what, name=reward.name[ask.inquiry.language])
    day = change.occurred_at.astimezone(ask.programme.zone).date()
    key = "history.gain" if change.points > 0 else "history.loss"
    return ask.say(key, day=day, points=abs(change.points), what=what)


def expiry(ask: Question) -> Answer:
    """When which points expire, soonest first; a button leads to later days."""
    after = ask.inquiry.entities.get("after", "")
    days: dict[str, int] = {}
    for lot in expiring(ask.session, ask.inquiry.member, now=ask.now):
        day = last_day(lot.at, ask.programme.zone).isoformat()
        if day > after:
            days[day] = days.get(day, 0) + lot.points
    if not days:
        months = ask.programme.earning.expire_months
        text = ask.say("expiry.never") if months is None else ask.say("expiry.none", months=months)
        return ask.message(text, "check_points", "how_to_earn")
    shown = list(days.items())[:EXPIRIES]
    lines = [ask.say("expiry.line", points=points, day=day) for day, points in shown]
    message = ask.message("\n".join([ask.say("expiry.title"), *lines]), "suggest_reward", "list_rewards")
    return _paged(ask, message, "points_expiry", {"after": shown[-1][0]} if len(days) > EXPIRIES else None)


def _paged(ask: Question, message: Message, intent: str, onward: Mapping[str, str] | None) -> Message:
    """The message, with a button to its next page if there is one."""
    if onward is None:
        return message
    more = Choice(
        Ask(intent, onward), ask.say("button.more"), words=ask.sentences.words(ask.inquiry.language, "words.more")
    )
    return replace(message, choices=(more, *message.choices))


def how_to_earn(ask: Question) -> Answer:
    """What gives points in this programme."""
    rule = ask.programme.earning.purchase
    lines = [
        ask.say("earn.title", programme=ask.programme.name),
        ask.say("earn.purchase", points=rule.points, per=Money(rule.per, ask.programme.currency)),
    ]
    if ask.programme.earning.joining and ask.member.joined_at is None:
        lines.append(ask.say("earn.joining", points=ask.programme.earning.joining))
    lines.extend(
        ask.say("earn.activity", name=activity.name[ask.inquiry.language], points=activity.points)
        for activity in ask.programme.earning.activities.values()
    )
    asks = ("check_points", "list_rewards", "get_referral_link") if ask.member.joined_at else ("join_program",)
    return ask.message("\n".join(lines), *asks)


def missing(ask: Question) -> Answer:
    """A purchase that brought no points: she tells of it, a person looks at it."""
    return Command("start", {"flow": "claim"})
