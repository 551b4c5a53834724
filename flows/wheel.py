"""A spin of the wheel: the odds and the promise, then the result and the proof. Two messages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Heard, Option, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class SpinFact:
    """The spin that is offered, in the member's language."""

    id: str
    wheel: str
    odds: str
    """The published odds (without chance: the order), a line for each prize."""
    price: int
    promise: str | None
    """None where nothing depends on chance."""


@dataclass(frozen=True, slots=True)
class WheelFacts:
    """What the flow knows of the world at the moment of a step."""

    spin: SpinFact | None = None


@dataclass(frozen=True, slots=True)
class Offer(Effect):
    """Offer a spin, the same for this run and step. Comes back as `show` or `refuse`."""


@dataclass(frozen=True, slots=True)
class Draw(Effect):
    """Draw this spin, once. Comes back as `stop`, `changed` (it must be offered anew) or `refuse`."""

    spin: str
    word: str
    """The member's own part, if she typed one."""


class WheelMachine(Machine):
    """The states and what leads from one to the next."""

    opening = State(initial=True)
    offered = State()
    drawing = State()
    stopped = State(final=True)
    refused = State(final=True)
    left = State(final=True)

    show = opening.to(offered)
    spin = offered.to(drawing)
    word = offered.to(drawing)
    stop = drawing.to(stopped)
    changed = drawing.to(opening)
    refuse = opening.to(refused) | drawing.to(refused)
    quit = offered.to(left)


class Wheel(Flow[WheelFacts]):
    """The flow."""

    name = "wheel"
    machine = WheelMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "offered": Takes({"affirm": "spin", "spin_wheel": "spin", "deny": "quit", "cancel": "quit"}, text="word"),
    }

    def begin(self, at: Saved, facts: WheelFacts, args: Mapping[str, str]) -> Step:
        return Step(at, effect=Offer())

    def arrive(self, at: Saved, event: Event, facts: WheelFacts) -> Step:
        match at.state:
            case "opening":
                return Step(replace(at, data={"changed": 1}), effect=Offer())
            case "offered":
                spin = facts.spin
                if spin is None:  # its period is over, or another wheel was put up
                    return Step(replace(at, state="opening", data={"changed": 1}), effect=Offer())
                first = (Phrase("wheel.changed"),) if at.data.get("changed") else ()
                kept = replace(at, data={"spin": spin.id, "word": int(_by_word(spin))})
                return Step(kept, _offer(spin, first))
            case "drawing":
                return Step(at, effect=Draw(str(at.data["spin"]), str(event.args.get("text", ""))))
            case "stopped":
                return Step(None, _result(event.args))
            case "refused":
                return Step(None, _refusal(event.args))
            case _:
                return Step(None, Say((Phrase("wheel.left"),), _asks("check_points", "list_rewards")))

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        """A word of her own spins the wheel only where she was told so: it is free, and depends on chance."""
        event = super().hear(at, heard)
        return None if event is not None and event.name == "word" and not at.data.get("word") else event

    def whereabouts(self, at: Saved, facts: WheelFacts) -> Phrase | None:
        return Phrase("wheel.whereabouts") if at.state == "offered" and facts.spin is not None else None


def _by_word(spin: SpinFact) -> bool:
    return spin.promise is not None and not spin.price


def _offer(spin: SpinFact, first: tuple[Phrase, ...]) -> Say:
    by_chance = spin.promise is not None
    title = "wheel.title" if by_chance else "wheel.title_order"
    said: list[Phrase | str] = [*first, Phrase(title, {"wheel": spin.wheel, "odds": spin.odds})]
    if by_chance:
        said.append(Phrase("wheel.promise", {"promise": spin.promise}))
    if spin.price:
        said.append(Phrase("wheel.price", {"price": spin.price}))
    elif by_chance:
        said.append(Phrase("wheel.word"))
    options = (
        Option(Event("spin"), Phrase("button.spin")),
        Option(Event("quit"), Phrase("button.no_spin")),
    )
    return Say(tuple(said), options)


def _result(args: Mapping[str, Any]) -> Say:
    said = [*_won(args)]
    if args["seed"]:
        said.append(Phrase("wheel.proof", args))
    if args["again"] == "now":
        said.append(Phrase("wheel.more"))
    elif args["again"]:
        said.append(Phrase("wheel.again", {"day": args["again"]}))
    options = [
        Option(Ask("spin_wheel", {"about": "proof"}), Phrase("button.check_spin")) if args["seed"] else None,
        *_asks("my_vouchers" if args["code"] else "check_points"),
        *_asks("spin_wheel" if args["again"] == "now" else "list_rewards"),
    ]
    return Say(tuple(said), tuple(option for option in options if option is not None))


def _won(args: Mapping[str, Any]) -> Iterator[Phrase]:
    yield Phrase("wheel.stopped_instead" if args["instead"] else "wheel.stopped", args)
    if args["points"]:
        yield Phrase("game.points", args)
    if args["code"]:
        yield Phrase("game.prize" if args["until"] else "game.prize_for_ever", args)


def _refusal(args: Mapping[str, Any]) -> Say:
    said = Phrase(f"wheel.refused.{args['reason']}", {name: args[name] for name in args if name != "reason"})
    return Say((said,), _asks("check_points", "list_rewards", "how_to_earn"))


def _asks(*intents: str) -> tuple[Option, ...]:
    return tuple(Option(Ask(intent), Phrase(f"button.{intent}")) for intent in intents)
