"""Her vouchers: the codes she can use, one of them to show at the till, and what became of one that is over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from statemachine import State

from flows.flow import Flow, Machine
from flows.model import Ask, Effect, Event, Option, Phrase, Saved, Say, Step

Standing = Literal["usable", "waiting", "used", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class VoucherFact:
    """A voucher of hers; the texts are in her language, days as ISO writes them."""

    id: str
    reward: str
    code: str
    standing: Standing = "usable"
    day: str | None = None
    """The last day of one that can be used; the day on which it begins, was used or expired; None: no such day."""
    good_for: tuple[Phrase | str, ...] = ()
    """What it is good for, where its name does not say all."""


@dataclass(frozen=True, slots=True)
class VouchersFacts:
    """What the flow knows of the world at the moment of a step."""

    vouchers: tuple[VoucherFact, ...]
    """Those she can use, soonest to expire first, then those that begin later."""
    used: int = 0
    """How many were used, and how many expired."""
    expired: int = 0
    named: VoucherFact | None = None
    """The one that is asked for, whatever became of it."""
    contact: str = ""
    """How a person is reached; completes "You reach a person …"."""

    def voucher(self, id_: object) -> VoucherFact | None:
        """Her voucher with this id."""
        known = (*self.vouchers, *((self.named,) if self.named else ()))
        return next((voucher for voucher in known if voucher.id == id_), None)


@dataclass(frozen=True, slots=True)
class Draw(Effect):
    """Make the picture of a voucher's code. Its outcome comes back as `show`."""

    voucher: str


class VouchersMachine(Machine):
    """The states and what leads from one to the next."""

    opening = State(initial=True)
    drawing = State()
    listed = State(final=True)
    shown = State(final=True)
    told = State(final=True)

    look = opening.to(drawing, cond="only_one") | opening.to(listed)
    pick = opening.to(drawing, cond="usable") | opening.to(told)
    show = drawing.to(shown)

    def only_one(self) -> bool:
        facts: VouchersFacts = self.facts
        return [voucher.standing for voucher in facts.vouchers] == ["usable"]

    def usable(self, voucher: str = "") -> bool:
        facts: VouchersFacts = self.facts
        found = facts.voucher(voucher)
        return found is not None and found.standing == "usable"


class Vouchers(Flow[VouchersFacts]):
    """The flow. It waits for nothing: its rows are questions, which can be asked at any time."""

    name = "vouchers"
    machine = VouchersMachine

    def begin(self, at: Saved, facts: VouchersFacts, args: Mapping[str, str]) -> Step:
        """With a voucher that was named, or with all of them."""
        event = Event("pick", {"voucher": args["voucher"]}) if args.get("voucher") else Event("look")
        return self.on(at, event, facts)

    def arrive(self, at: Saved, event: Event, facts: VouchersFacts) -> Step:
        match at.state:
            case "drawing":
                id_ = str(event.args.get("voucher", facts.vouchers[0].id if facts.vouchers else ""))
                return Step(replace(at, data={"voucher": id_}), effect=Draw(id_))
            case "shown":
                voucher = facts.voucher(at.data["voucher"])
                return Step(None, _past(None, facts) if voucher is None else _shown(voucher, facts, event))
            case "told":
                return Step(None, _past(facts.voucher(event.args.get("voucher")), facts))
            case _:
                return Step(None, _list(facts))


def _list(facts: VouchersFacts) -> Say:
    past = Phrase("vouchers.over", {"used": facts.used, "expired": facts.expired})
    over = (past,) if facts.used or facts.expired else ()
    if not facts.vouchers:
        return Say((Phrase("vouchers.none"), *over), (_ask("list_rewards"), _ask("check_points")))
    rows = tuple(
        Option(Ask("my_vouchers", {"voucher": voucher.id}), voucher.reward, _detail(voucher))
        for voucher in facts.vouchers
    )
    return Say((Phrase("vouchers.title"), *over), rows, menu=Phrase("menu.vouchers"))


def _detail(voucher: VoucherFact) -> Phrase:
    said = {"code": voucher.code, "day": voucher.day}
    if voucher.standing == "waiting":
        return Phrase("vouchers.row_waiting", said)
    return Phrase("vouchers.row" if voucher.day else "vouchers.row_for_ever", said)


def _shown(voucher: VoucherFact, facts: VouchersFacts, event: Event) -> Say:
    phrases = (
        Phrase("vouchers.show", {"reward": voucher.reward, "code": voucher.code}),
        *voucher.good_for,
        Phrase("vouchers.until" if voucher.day else "vouchers.for_ever", {"day": voucher.day}),
    )
    others = len(facts.vouchers) > 1
    # Two buttons: with a third, back to what she was doing, they still stand under the picture in one message.
    asks = ("my_vouchers", "list_rewards") if others else ("list_rewards", "check_points")
    return Say(phrases, tuple(_ask(intent) for intent in asks), image=str(event.args["picture"]) or None)


def _past(voucher: VoucherFact | None, facts: VouchersFacts) -> Say:
    """Why one cannot be used."""
    options = (_ask("my_vouchers"), _ask("list_rewards"))
    if voucher is None:
        return Say((Phrase("vouchers.unknown"),), options)
    said = {"reward": voucher.reward, "day": voucher.day, "contact": facts.contact}
    return Say((Phrase(f"vouchers.{voucher.standing}", said),), options)


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
