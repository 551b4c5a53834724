"""The redemption flow at work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rapidfuzz import fuzz, process

from conversation.choosing.matching import CLOSE, normalise
from conversation.choosing.naming import named_in
from conversation.flowing.part import At, Closed, Part
from conversation.flowing.pictures import code_picture
from flows.model import Effect, Event, Phrase, Saved, Value
from flows.redemption import Redeem, Redemption, RedemptionFacts, RewardFact
from loyalty.errors import Refused
from loyalty.ids import RewardId
from loyalty.programme import Language, Programme, last_day
from loyalty.rewards import catalogue, redemptions
from loyalty.rewards.catalogue import Offer


@dataclass(frozen=True, slots=True)
class Redeeming(Part[RedemptionFacts]):
    """Choosing a reward and getting a voucher for it."""

    public_url: str = ""
    """Where the outside fetches pictures of codes."""
    flow = Redemption()
    intent = "list_rewards"

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is not None:
            return None
        return Closed(Phrase("join.first"), ("join_program", "list_rewards"))

    def arguments(self, at: At, args: Mapping[str, str]) -> Mapping[str, str]:
        """A reward named by its id, or in her words: as an entity or in what she typed."""
        if at.programme.reward(args.get("reward", "")) is not None:
            return {"reward": args["reward"]}
        called = (reward_called(at.programme, args.get(key, "")) for key in ("reward", "text"))
        reward = next((one for one in called if one is not None), None)
        return {"reward": reward} if reward else {}

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> RedemptionFacts:
        rewards = [reward for reward in at.programme.rewards if not reward.gift_only]
        situation = catalogue.look(at.session, at.programme, at.member_id, rewards, at.now)
        offers = [catalogue.decide(at.programme, reward, situation, at.now) for reward in rewards]
        facts = tuple(_fact(at.programme, at.language, offer, at.now) for offer in offers)
        return RedemptionFacts(situation.available, facts)

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, Redeem)
        try:
            redemption = redemptions.hold(
                at.session, at.programme, at.member, RewardId(effect.reward), key=f"chat:{saved.run}", now=at.now
            )
        except Refused as refusal:
            return Event("refuse", why(at.programme, at.language, refusal.reason, refusal.facts))
        issued = redemptions.confirm(at.session, at.programme, redemption, language=at.language, now=at.now)
        reward = at.programme.reward(issued.reward)
        until = last_day(issued.expires_at, at.programme.zone).isoformat() if issued.expires_at else ""
        return Event(
            "give",
            {
                "code": issued.code,
                "reward": reward.name[at.language] if reward else effect.reward,
                "until": until,
                "available": issued.available,
                "picture": code_picture(at, issued.code, self.public_url),
            },
        )


def _fact(programme: Programme, language: Language, offer: Offer, now: datetime) -> RewardFact:
    reward, closed = offer.reward, None
    if offer.why_not not in {None, "points", "not_joined"}:
        said = dict(why(programme, language, str(offer.why_not), catalogue.facts(programme, offer, now)))
        closed = Phrase(f"redeem.refused.{said.pop('reason')}", said)
    return RewardFact(
        reward.id, reward.name[language], reward.detail[language] if reward.detail else None, reward.points,
        listed=offer.why_not not in {"not_now", "tier"}, closed=closed,
    )  # fmt: skip


def why(programme: Programme, language: Language, reason: str, facts: Mapping[str, int | str]) -> dict[str, Value]:
    """Which sentence says why a reward is refused (`redeem.refused.…`), and what goes into its gaps."""
    match reason:
        case "tier" if programme.tiers and (level := programme.tiers.level(str(facts.get("needs")))):
            return {"reason": "tier", "level": level.name[language]}
        case "limit" if "again_at" in facts:
            day = datetime.fromisoformat(str(facts["again_at"])).astimezone(programme.zone).date()
            return {"reason": "limit_until", "day": day.isoformat()}
        case "not_now" if "begins" in facts:
            return {"reason": "not_yet", "day": facts["begins"]}
        case _:
            return {"reason": reason}


def reward_called(programme: Programme, called: str) -> str | None:
    """The id of the reward somebody calls so, in any language and nearly right; None if it is not clear."""
    wanted = normalise(called)
    if not wanted:
        return None
    names = {
        (reward.id, language): normalise(name) for reward in programme.rewards for language, name in reward.name.items()
    }
    found = process.extract(wanted, names, scorer=fuzz.token_set_ratio, score_cutoff=CLOSE, limit=len(names))
    rewards = {key[0] for _, _, key in found} or {key[0] for key in named_in(called, names)}
    return rewards.pop() if len(rewards) == 1 else None
