"""Questions about points."""

from actions.question import Question
from conversation.model import Answer
from loyalty.books.overview import Movement, expiring, movements, points_of
from loyalty.money import Money
from loyalty.programme import last_day
from loyalty.rewards.catalogue import tier_of

HISTORY = 6
EXPIRIES = 4


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
    """The latest movements, each on a line."""
    recent = [change for change in movements(ask.session, ask.inquiry.member, limit=20) if change.points][:HISTORY]
    if not recent:
        return ask.message(ask.say("history.empty"), "how_to_earn", "list_rewards")
    lines = [ask.say("history.title"), *(_line(ask, change) for change in recent)]
    return ask.message("\n".join(lines), "check_points", "points_expiry")


def _line(ask: Question, change: Movement) -> str:
    sign = "+" if change.points > 0 else "−"
    return ask.say(
        "history.line",
        day=change.occurred_at.astimezone(ask.programme.zone).date(),
        change=f"{sign}{abs(change.points)}",
        what=ask.say(f"history.{change.kind}"),
    )


def expiry(ask: Question) -> Answer:
    """When which points expire."""
    soon = expiring(ask.session, ask.inquiry.member, now=ask.now)[:EXPIRIES]
    if not soon:
        months = ask.programme.earning.expire_months
        text = ask.say("expiry.never") if months is None else ask.say("expiry.none", months=months)
        return ask.message(text, "check_points", "how_to_earn")
    lines = [ask.say("expiry.line", points=lot.points, day=last_day(lot.at, ask.programme.zone)) for lot in soon]
    return ask.message("\n".join([ask.say("expiry.title"), *lines]), "list_rewards", "check_points")


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
    """What to do about a purchase that was not credited."""
    contact = ask.programme.contact[ask.inquiry.language]
    return ask.message(ask.say("missing.how", contact=contact), "points_history", "check_points")
