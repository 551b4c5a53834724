"""Questions about rewards."""

from dataclasses import replace

from actions.question import Question
from conversation.messages.model import Answer, Choice, Command, Message
from flows.model import Ask
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.programme import last_day
from loyalty.rewards.catalogue import what_can_i_get
from loyalty.rewards.suggestions import Suggestion, Taste, read_taste
from loyalty.rewards.suggestions import suggest as pick

BUTTONS = 3
"""So many choices are buttons under the message."""


def choose(ask: Question) -> Answer:
    """The rewards to choose from; a reward that was named is chosen already."""
    if ask.member.joined_at is None:
        return _catalogue(ask)
    said = {"reward": ask.inquiry.entities.get("reward", ""), "text": ask.inquiry.text}
    return Command("start", {"flow": "redemption", **said})


def _catalogue(ask: Question) -> Message:
    """The rewards for somebody who has not joined: to read, not to choose."""
    lines = [
        ask.say("rewards.line", reward=reward.name[ask.inquiry.language], points=reward.points)
        for reward in ask.programme.offered(ask.now, None)
    ]
    text = "\n".join([ask.say("rewards.title", programme=ask.programme.name), *lines, "", ask.say("rewards.join")])
    return ask.message(text, "join_program", "how_to_earn")


def vouchers(ask: Question) -> Answer:
    """Her codes; one that was tapped or named is shown at once."""
    named = {name: ask.inquiry.entities[name] for name in ("voucher", "reward") if name in ask.inquiry.entities}
    return Command("start", {"flow": "vouchers", **named})


def suggest(ask: Question) -> Answer:
    """Up to three rewards that fit her, each with the reason; those she can have are a tap away."""
    if ask.member.joined_at is None:
        return _catalogue(ask)
    member = MemberId(ask.inquiry.member)
    taste = read_taste(ask.session, ask.programme, member, ask.now)
    found = pick(what_can_i_get(ask.session, ask.programme, member, ask.now), taste)
    if not found:
        return ask.message(ask.say("redeem.nothing"), "check_points", "how_to_earn")
    available = points_of(ask.session, member).available
    lines = [ask.say("suggest.title", available=available), *(_reason(ask, one, taste) for one in found)]
    choices = tuple(
        Choice(Ask("redeem_reward", {"reward": one.reward.id}), one.reward.name[ask.inquiry.language])
        for one in found
        if not one.missing
    )
    message = ask.message("\n".join(lines), *(("list_rewards",) if choices else ("how_to_earn", "list_rewards")))
    return replace(message, choices=(*choices, *message.choices)[:BUTTONS])


def _reason(ask: Question, one: Suggestion, taste: Taste) -> str:
    day = last_day(taste.expires_at, ask.programme.zone) if taste.expires_at else None
    return ask.say(
        f"suggest.{one.reason}", reward=one.reward.name[ask.inquiry.language], points=one.reward.points,
        missing=one.missing, expiring=taste.expiring, day=day,
    )  # fmt: skip
