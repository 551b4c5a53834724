"""Redeeming a reward: choose, confirm, receive a voucher."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Option, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class RewardFact:
    """A reward as this member sees it; name and detail are in her language."""

    id: str
    name: str
    detail: str | None
    points: int
    listed: bool = True
    """Whether she is shown it among the others; one that is not she can still name."""
    closed: Phrase | None = None
    """Why she cannot have it, however many points she has."""


@dataclass(frozen=True, slots=True)
class RedemptionFacts:
    """What the flow knows of the world at the moment of a step."""

    available: int
    rewards: tuple[RewardFact, ...]

    def reward(self, id_: object) -> RewardFact | None:
        """The reward with this id, if it is still offered."""
        return next((reward for reward in self.rewards if reward.id == id_), None)

    def affordable(self, id_: object) -> bool:
        """Whether the member can have it and has the points for it."""
        reward = self.reward(id_)
        return reward is not None and reward.closed is None and reward.points <= self.available


@dataclass(frozen=True, slots=True)
class Redeem(Effect):
    """Redeem this reward, once for this run. Its outcome comes back as `give` or `refuse`."""

    reward: str


class RedemptionMachine(Machine):
    """The states and what leads from one to the next."""

    choosing = State(initial=True)
    confirming = State()
    issuing = State()
    issued = State(final=True)
    cancelled = State(final=True)

    pick = (
        choosing.to(confirming, cond="affordable")
        | choosing.to(choosing)
        | confirming.to(confirming, cond="affordable")
        | confirming.to(choosing)
    )
    confirm = confirming.to(issuing)
    back = confirming.to(choosing)
    cancel = choosing.to(cancelled) | confirming.to(cancelled)
    give = issuing.to(issued)
    refuse = issuing.to(choosing)

    def affordable(self, reward: str = "") -> bool:
        facts: RedemptionFacts = self.facts
        return facts.affordable(reward)


class Redemption(Flow[RedemptionFacts]):
    """The flow."""

    name = "redemption"
    machine = RedemptionMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "choosing": Takes({"cancel": "cancel", "deny": "cancel"}),
        "confirming": Takes({"affirm": "confirm", "deny": "back", "cancel": "cancel"}),
    }

    def begin(self, at: Saved, facts: RedemptionFacts, args: Mapping[str, str]) -> Step:
        """With a reward that was named, or with the list of all."""
        if reward := args.get("reward"):
            return self.on(at, Event("pick", {"reward": reward}), facts)
        return Step(at, _list(facts))

    def arrive(self, at: Saved, event: Event, facts: RedemptionFacts) -> Step:
        data: dict[str, Any] = {**at.data, **event.args} if at.state in {"confirming", "issuing"} else {}
        after = replace(at, data=data)
        match at.state:
            case "choosing" if event.name == "pick":
                return Step(after, _list(facts, _out_of_reach(facts, event.args.get("reward"))))
            case "choosing" if event.name == "refuse":
                return Step(after, _list(facts, _refused(event.args)))
            case "choosing":
                return Step(after, _list(facts))
            case "confirming" if facts.reward(data["reward"]) is None:  # it was taken off the list meanwhile
                return Step(replace(after, state="choosing", data={}), _list(facts, Phrase("redeem.refused.gone")))
            case "confirming":
                return Step(after, _question(facts, data["reward"]))
            case "issuing":
                return Step(after, effect=Redeem(str(data["reward"])))
            case "issued":
                return Step(None, _voucher(event.args))
            case _:
                return Step(None, Say((Phrase("redeem.cancelled"),), (_ask("check_points"), _ask("list_rewards"))))

    def whereabouts(self, at: Saved, facts: RedemptionFacts) -> Phrase | None:
        reward = facts.reward(at.data.get("reward"))
        if at.state != "confirming" or reward is None:
            return None
        return Phrase("redeem.whereabouts", {"reward": reward.name})


def _list(facts: RedemptionFacts, first: Phrase | None = None) -> Say:
    intro = Phrase("redeem.choose", {"available": facts.available})
    options = tuple(
        Option(Event("pick", {"reward": reward.id}), reward.name, _row_detail(reward, facts.available))
        for reward in sorted(facts.rewards, key=lambda reward: reward.points)
        if reward.listed
    )
    if not options:
        intro, options = Phrase("redeem.nothing"), (_ask("check_points"), _ask("how_to_earn"))
    return Say((first, intro) if first else (intro,), options, menu=Phrase("menu.rewards"))


def _row_detail(reward: RewardFact, available: int) -> Phrase:
    missing = reward.points - available
    key = "redeem.row" if missing <= 0 else "redeem.row_missing"
    return Phrase(key, {"points": reward.points, "missing": max(missing, 0), "detail": reward.detail or ""})


def _refused(args: Mapping[str, Any]) -> Phrase:
    return Phrase(f"redeem.refused.{args['reason']}", {name: args[name] for name in args if name != "reason"})


def _out_of_reach(facts: RedemptionFacts, id_: object) -> Phrase:
    reward = facts.reward(id_)
    if reward is None:
        return Phrase("redeem.refused.gone")
    if reward.closed is not None:
        return reward.closed
    missing = reward.points - facts.available
    return Phrase("redeem.too_dear", {"reward": reward.name, "points": reward.points, "missing": missing})


def _question(facts: RedemptionFacts, id_: object) -> Say:
    reward = facts.reward(id_)
    assert reward is not None  # the machine's guard saw it a moment ago
    left = facts.available - reward.points
    return Say(
        (Phrase("redeem.confirm", {"reward": reward.name, "points": reward.points, "left": left}),),
        (
            Option(Event("confirm"), Phrase("button.confirm")),
            Option(Event("back"), Phrase("button.back")),
            Option(Event("cancel"), Phrase("button.cancel")),
        ),
    )


def _voucher(args: Mapping[str, Any]) -> Say:
    key = "redeem.issued" if args.get("until") else "redeem.issued_for_ever"
    said = {name: value for name, value in args.items() if name != "picture"}
    picture = str(args.get("picture", "")) or None
    return Say((Phrase(key, said),), (_ask("my_vouchers"), _ask("check_points")), image=picture)


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
