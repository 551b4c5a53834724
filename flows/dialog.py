"""A dialog that is written down in the programme: its questions one after the other, then thanks and a gift."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Heard, Option, Phrase, Saved, Say, Step, Value

LONGEST = 500
"""Letters of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, in her language."""

    id: str
    kind: Literal["ask", "choose", "confirm"]
    text: str
    options: tuple[tuple[str, str], ...] = ()
    """What can be chosen: id and name."""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class DialogFacts:
    """The dialog as it is now, in her language; without questions if it is no longer there."""

    id: str
    name: str
    shape: str
    """Changes when questions or options do."""
    questions: tuple[Question, ...]
    intro: str | None
    thanks: str


@dataclass(frozen=True, slots=True)
class Finish(Effect):
    """Keep the answers and give what they are worth. Its outcome is `kept` or `refuse`."""

    dialog: str
    answers: Mapping[str, str]


class DialogMachine(Machine):
    """The states and what leads from one to the next."""

    asking = State(initial=True)
    keeping = State()
    done = State(final=True)
    refused = State(final=True)

    answer = asking.to(keeping, cond="is_last") | asking.to(asking)
    skip = asking.to(keeping, cond="is_last") | asking.to(asking)
    back = asking.to(asking)
    restart = asking.to(asking)
    kept = keeping.to(done)
    refuse = keeping.to(refused)

    def is_last(self) -> bool:
        facts: DialogFacts = self.facts
        return int(self.data.get("at", 0)) >= len(facts.questions) - 1


class Dialog(Flow[DialogFacts]):
    """The flow."""

    name = "dialog"
    machine = DialogMachine
    takes: ClassVar[Mapping[str, Takes]] = {"asking": Takes(text="answer")}

    def begin(self, at: Saved, facts: DialogFacts, args: Mapping[str, str]) -> Step:
        begun = _moved(replace(at, data={"dialog": facts.id, "shape": facts.shape}), 0, facts)
        return Step(begun, _question(facts, begun, (facts.intro,) if facts.intro else ()))

    def on(self, saved: Saved, event: Event, facts: DialogFacts) -> Step:
        """As any flow; one whose questions were changed meanwhile is over, and can be begun again."""
        if _changed(saved, facts):
            return _over()
        if saved.state == "asking" and event.name == "answer" and not _fits(facts, saved, event):
            return Step(saved, _question(facts, saved, (Phrase("dialog.choose_one"),)))
        return super().on(saved, event, facts)

    def again(self, at: Saved, facts: DialogFacts) -> Step:
        """As any flow; the question it stood at may not be there any more."""
        return _over() if _changed(at, facts) else super().again(at, facts)

    def arrive(self, at: Saved, event: Event, facts: DialogFacts) -> Step:
        place = int(at.data["at"])
        match at.state, event.name:
            case "asking", "answer" | "skip":
                after = _moved(_answered(at, event, facts), place + 1, facts)
                return Step(after, _question(facts, after))
            case "asking", "back" | "restart":
                after = _moved(at, max(place - 1, 0) if event.name == "back" else 0, facts)
                return Step(after, _question(facts, after))
            case "asking", _:
                return Step(at, _question(facts, at))
            case "keeping", _:
                after = _answered(at, event, facts)
                answers = {name[2:]: str(value) for name, value in after.data.items() if name.startswith("a.")}
                return Step(after, effect=Finish(facts.id, answers))
            case "refused", _:
                said = Phrase(f"dialog.refused.{event.args['reason']}", {"dialog": facts.name})
                return Step(None, Say((said,), (_to("check_points"), _to("list_rewards"))))
        return Step(None, _thanks(facts, event.args))

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        """Words are an answer; yes and no are, where a yes is asked for."""
        match heard.intent, at.data.get("kind"):
            case "affirm", "confirm":
                return Event("answer", {"text": "yes"})
            case "deny", "confirm":
                return Event("restart")
            case _, "ask":
                return super().hear(at, heard)
        return None

    def whereabouts(self, at: Saved, facts: DialogFacts) -> Phrase | None:
        if not facts.questions or _changed(at, facts):
            return None
        place = {"dialog": facts.name, "number": int(at.data["at"]) + 1, "count": len(facts.questions)}
        return Phrase("dialog.whereabouts", place)


def _changed(saved: Saved, facts: DialogFacts) -> bool:
    """Whether other questions are asked now than those she has begun to answer."""
    return saved.state == "asking" and saved.data.get("shape") != facts.shape


def _over() -> Step:
    return Step(None, Say((Phrase("flow.changed"),), (_to("help"),)))


def _fits(facts: DialogFacts, saved: Saved, event: Event) -> bool:
    """Whether an answer is one of those that can be given."""
    question, told = facts.questions[int(saved.data["at"])], str(event.args.get("text", "")).strip()
    match question.kind:
        case "choose":
            return any(told == id_ for id_, _ in question.options)
        case "confirm":
            return told == "yes"
    return bool(told)


def _answered(at: Saved, event: Event, facts: DialogFacts) -> Saved:
    question = facts.questions[int(at.data["at"])]
    others: dict[str, Value] = {name: value for name, value in at.data.items() if name != f"a.{question.id}"}
    if event.name == "answer":
        others[f"a.{question.id}"] = str(event.args.get("text", "")).strip()[:LONGEST]
    return replace(at, data=others)


def _moved(at: Saved, place: int, facts: DialogFacts) -> Saved:
    return at.keeping(at=place, kind=facts.questions[place].kind)


def _question(facts: DialogFacts, at: Saved, first: tuple[Phrase | str, ...] = ()) -> Say:
    place = int(at.data["at"])
    question = facts.questions[place]
    options = [Option(Event("answer", {"text": id_}), name) for id_, name in question.options]
    if question.kind == "confirm":
        options += [
            Option(Event("answer", {"text": "yes"}), Phrase("button.confirm")),
            Option(Event("restart"), Phrase("button.start_over")),
        ]
    if question.optional:
        options.append(Option(Event("skip"), Phrase("button.skip_it")))
    if place and question.kind != "confirm" and len(options) < 10:
        options.append(Option(Event("back"), Phrase("button.previous")))
    return Say((*first, question.text), tuple(options))


def _thanks(facts: DialogFacts, args: Mapping[str, Value]) -> Say:
    said: list[Phrase | str] = [facts.thanks]
    if args.get("points"):
        said.append(Phrase("dialog.points", {"points": args["points"], "available": args["available"]}))
    if args.get("code"):
        said.append(Phrase("dialog.voucher", {"reward": args["reward"], "code": args["code"]}))
    return Say(tuple(said), (_to("check_points"), _to("my_vouchers" if args.get("code") else "list_rewards")))


def _to(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
