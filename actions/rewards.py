"""Questions about rewards."""

from actions.question import Question
from conversation.model import Answer, Command, Message
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.programme import last_day
from loyalty.rewards.catalogue import what_can_i_get
from loyalty.rewards.vouchers import usable

SHOWN = 8


def choose(ask: Question) -> Answer:
    """The rewards to choose from; a reward that was named is chosen already."""
    if ask.member.joined_at is None:
        return _catalogue(ask)
    return Command("redeem", {"reward": ask.inquiry.entities.get("reward", ""), "text": ask.inquiry.text})


def _catalogue(ask: Question) -> Message:
    """The rewards for somebody who has not joined: to read, not to choose."""
    lines = [
        ask.say("rewards.line", reward=reward.name[ask.inquiry.language], points=reward.points)
        for reward in ask.programme.offered(ask.now, None)
    ]
    text = "\n".join([ask.say("rewards.title", programme=ask.programme.name), *lines, "", ask.say("rewards.join")])
    return ask.message(text, "join_program", "how_to_earn")


def vouchers(ask: Question) -> Answer:
    """The codes that can still be used."""
    found = usable(ask.session, MemberId(ask.inquiry.member), ask.now)[:SHOWN]
    if not found:
        return ask.message(ask.say("vouchers.none"), "list_rewards", "check_points")
    lines = [ask.say("vouchers.title")]
    for voucher in found:
        reward = ask.programme.reward(voucher.reward_id)
        name = reward.name[ask.inquiry.language] if reward else voucher.reward_name
        line = ask.say("vouchers.line", reward=name, code=voucher.code)
        if voucher.expires_at is not None:
            day = last_day(voucher.expires_at, ask.programme.zone)
            line += " " + ask.say("vouchers.until", day=day)
        lines.append(line)
    return ask.message("\n".join(lines), "list_rewards", "check_points")


def suggest(ask: Question) -> Answer:
    """The best reward the points reach, or the nearest one."""
    offers = what_can_i_get(ask.session, ask.programme, ask.inquiry.member, ask.now)
    possible = [offer for offer in offers if offer.why_not in {None, "points", "not_joined"}]
    if not possible:
        return ask.message(ask.say("redeem.nothing"), "check_points", "how_to_earn")
    within = [offer.reward for offer in possible if not offer.missing]
    if within:
        best = max(within, key=lambda reward: reward.points)
        available = points_of(ask.session, ask.inquiry.member).available
        text = ask.say("suggest.now", reward=best.name[ask.inquiry.language], points=best.points, available=available)
        return ask.message(text, "list_rewards", "check_points")
    nearest = possible[0]
    text = ask.say("suggest.soon", reward=nearest.reward.name[ask.inquiry.language], missing=nearest.missing)
    return ask.message(text, "how_to_earn", "list_rewards")
