"""Runs flows: gathers the facts a flow asks for, carries out its effects, turns what it says into a message.

Everything happens inside the transaction of the turn, so a flow's state and its effects are saved together.
"""

from collections.abc import Mapping
from datetime import datetime

from rapidfuzz import fuzz, process
from sqlalchemy.orm import Session

from conversation.matching import CLOSE, normalise
from conversation.model import Choice, Message
from conversation.sentences import Sentences
from flows.model import Event, Option, Phrase, Redeem, Saved, Say, Step, Value
from flows.redemption import Redemption, RedemptionFacts, RewardFact
from loyalty.errors import Refused
from loyalty.ids import MemberId, RewardId, new_id
from loyalty.programme import Language, Programme, last_day
from loyalty.rewards import catalogue, redemptions
from loyalty.rewards.catalogue import Offer
from loyalty.tables import Member


class FlowRunner:
    """Steps flows for members of one programme or another. Holds no state of its own."""

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences
        self._redemption = Redemption()

    def start(
        self, session: Session, programme: Programme, member: Member, language: Language, args: Mapping[str, str],
        *, now: datetime,
    ) -> tuple[Saved | None, Message]:  # fmt: skip
        """Begin the redemption flow; `args["reward"]` or else `args["text"]` may name a reward in her words."""
        facts = _facts(session, programme, member, language, now)
        reward = reward_called(programme, args.get("reward", "")) or reward_called(programme, args.get("text", ""))
        step = self._redemption.start(new_id(), facts, reward=reward)
        return self._follow(session, programme, member, language, step, now)

    def step(
        self, session: Session, programme: Programme, member: Member, language: Language, saved: Saved, event: Event,
        *, now: datetime,
    ) -> tuple[Saved | None, Message]:  # fmt: skip
        """Take an event of the customer's. Raises `TransitionNotAllowed` where it does not fit."""
        step = self._redemption.on(saved, event, _facts(session, programme, member, language, now))
        return self._follow(session, programme, member, language, step, now)

    def heard(self, saved: Saved, intent: str) -> Event | None:
        """What a typed intent means in the state the flow is in; None if it is none of the flow's business."""
        name = self._redemption.heard.get(saved.state, {}).get(intent)
        return Event(name) if name else None

    def current(self, saved: Saved) -> bool:
        """Whether a saved state can go on: the flow still exists in this version."""
        return (saved.flow, saved.version) == (self._redemption.name, self._redemption.version)

    def _follow(
        self, session: Session, programme: Programme, member: Member, language: Language, step: Step, now: datetime
    ) -> tuple[Saved | None, Message]:
        """Carry out effects until the flow has something to say."""
        while step.effect is not None:
            assert step.saved is not None  # a flow waits for the outcome of what it wants done
            outcome = self._perform(session, programme, member, language, step.effect, step.saved.run, now)
            facts = _facts(session, programme, member, language, now)
            step = self._redemption.on(step.saved, outcome, facts)
        assert step.say is not None  # every state a flow comes to rest in says something
        return step.saved, self.message(language, step.say)

    def _perform(
        self, session: Session, programme: Programme, member: Member, language: Language, effect: Redeem, run: str,
        now: datetime,
    ) -> Event:  # fmt: skip
        try:
            redemption = redemptions.hold(
                session, programme, member, RewardId(effect.reward), key=f"chat:{run}", now=now
            )
        except Refused as refusal:
            return Event("refuse", _why(programme, language, refusal.reason, refusal.facts))
        issued = redemptions.confirm(session, programme, redemption, language=language, now=now)
        reward = programme.reward(issued.reward)
        until = last_day(issued.expires_at, programme.zone).isoformat() if issued.expires_at else ""
        return Event(
            "give",
            {
                "code": issued.code,
                "reward": reward.name[language] if reward else effect.reward,
                "until": until,
                "available": issued.available,
            },
        )

    def message(self, language: Language, say: Say) -> Message:
        """What a flow says, in a language."""
        text = "\n\n".join(self._sentences.phrase(language, phrase) for phrase in say.phrases)
        choices = tuple(self._choice(language, option) for option in say.options)
        return Message(text, choices, self._sentences.phrase(language, say.menu) if say.menu else None)

    def _choice(self, language: Language, option: Option) -> Choice:
        title = self._sentences.phrase(language, option.title)
        detail = self._sentences.phrase(language, option.detail).strip(" ·") if option.detail else None
        words: tuple[str, ...] = ()
        if isinstance(option.title, Phrase):
            words = self._sentences.words(language, option.title.key.replace("button.", "words."))
        return Choice(option.action, title, detail, words)


def _facts(
    session: Session, programme: Programme, member: Member, language: Language, now: datetime
) -> RedemptionFacts:
    rewards = [reward for reward in programme.rewards if not reward.gift_only]
    situation = catalogue.look(session, programme, MemberId(member.id), rewards, now)
    offers = [catalogue.decide(programme, reward, situation, now) for reward in rewards]
    return RedemptionFacts(situation.available, tuple(_fact(programme, language, offer, now) for offer in offers))


def _fact(programme: Programme, language: Language, offer: Offer, now: datetime) -> RewardFact:
    reward, closed = offer.reward, None
    if offer.why_not not in {None, "points", "not_joined"}:
        said = dict(_why(programme, language, str(offer.why_not), catalogue.facts(programme, offer, now)))
        closed = Phrase(f"redeem.refused.{said.pop('reason')}", said)
    return RewardFact(
        reward.id, reward.name[language], reward.detail[language] if reward.detail else None, reward.points,
        listed=offer.why_not not in {"not_now", "tier"}, closed=closed,
    )  # fmt: skip


def _why(programme: Programme, language: Language, reason: str, facts: Mapping[str, int | str]) -> dict[str, Value]:
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
    rewards = {key[0] for _, _, key in found}
    return rewards.pop() if len(rewards) == 1 else None
