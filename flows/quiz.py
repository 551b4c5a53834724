"""A quiz: choose one, answer question by question, see what it brought. What is said of an answer stands above the next
question, so that a quiz takes one message more than it has questions."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Option, Phrase, Saved, Say, Step

SHORT = 20
"""UTF-16 units that a button holds (Meta's reference, reply buttons)."""
BUTTONS = 3
DETAIL = 72
"""UTF-16 units under the title of a row."""


@dataclass(frozen=True, slots=True)
class QuizFact:
    """A quiz as this member finds it; the name is in her language."""

    id: str
    name: str
    questions: int
    points: int
    """The most it gives."""
    closed: Phrase | None = None
    """Why she cannot play it now."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The question that is to be answered next, in her language."""

    number: int
    count: int
    text: str
    answers: tuple[str, ...]
    image: str | None = None

    def meant(self, text: str) -> int | None:
        """The one answer in which all the words of a text occur, counted from 1."""
        words = _words(text)
        found = [number for number, answer in enumerate(self.answers, 1) if words and words <= _words(answer)]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class QuizFacts:
    """What the flow knows of the world at the moment of a step."""

    quizzes: tuple[QuizFact, ...] = ()
    """Where one is to be chosen."""
    asked: Asked | None = None
    """Where one is under way; None once it is over, or its time is."""
    letters: tuple[str, ...] = ("A", "B", "C", "D")
    """How answers are called in her language."""

    def open(self) -> tuple[QuizFact, ...]:
        """The quizzes that she can play."""
        return tuple(quiz for quiz in self.quizzes if quiz.closed is None)


@dataclass(frozen=True, slots=True)
class Open(Effect):
    """Start this quiz, or go on with it. Comes back as `ask` or `refuse`."""

    quiz: str


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """Answer a question, both counted from 1. Comes back as `go_on`, or as `finish` with the last one."""

    attempt: str
    question: int
    answer: int


@dataclass(frozen=True, slots=True)
class Close(Effect):
    """Tell how it ended, as there is no time left. Comes back as `finish`."""

    attempt: str


class QuizMachine(Machine):
    """The states and what leads from one to the next."""

    choosing = State(initial=True)
    opening = State()
    asking = State()
    judging = State()
    over = State(final=True)
    left = State(final=True)

    pick = choosing.to(opening, cond="playable") | choosing.to(choosing)
    ask = opening.to(asking)
    refuse = opening.to(choosing)
    answer = asking.to(judging)
    say = asking.to(judging, cond="means_one") | asking.to(asking)
    go_on = judging.to(asking)
    finish = judging.to(over)
    quit = choosing.to(left) | asking.to(left)

    def playable(self, quiz: str = "") -> bool:
        facts: QuizFacts = self.facts
        return any(one.id == quiz for one in facts.open())

    def means_one(self, text: str = "") -> bool:
        facts: QuizFacts = self.facts
        return facts.asked is not None and facts.asked.meant(text) is not None


class Quiz(Flow[QuizFacts]):
    """The flow."""

    name = "quiz"
    machine = QuizMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "choosing": Takes({"cancel": "quit", "deny": "quit"}),
        "asking": Takes({"cancel": "quit"}, text="say"),
    }

    def begin(self, at: Saved, facts: QuizFacts, args: Mapping[str, str]) -> Step:
        """With the quiz that was named, with the only one there is, or with the list."""
        possible = facts.open()
        named = [quiz for quiz in possible if quiz.id == args.get("quiz")]
        if len(named or possible) == 1:
            return self.on(at, Event("pick", {"quiz": (named or possible)[0].id}), facts)
        return _choice(at, facts)

    def arrive(self, at: Saved, event: Event, facts: QuizFacts) -> Step:
        match at.state:
            case "choosing":
                first = _refused(event.args) if event.name == "refuse" else ()
                return _choice(replace(at, data={}), facts, first)
            case "opening":
                quiz = str(event.args["quiz"])
                return Step(replace(at, data={"quiz": quiz}), effect=Open(quiz))
            case "asking":
                return _question(at, event, facts)
            case "judging":
                question, answer = _given(event, facts)
                return Step(at, effect=Answer(str(at.data["attempt"]), question, answer))
            case "over":
                return Step(None, _result(event.args))
            case _:
                kept = "attempt" in at.data
                said = Phrase("quiz.left" if kept else "quiz.not_begun")
                return Step(None, Say((said,), _asks("play_quiz", "check_points")))

    def whereabouts(self, at: Saved, facts: QuizFacts) -> Phrase | None:
        if at.state != "asking" or facts.asked is None:
            return None
        return Phrase("quiz.whereabouts", {"number": facts.asked.number, "count": facts.asked.count})


def _given(event: Event, facts: QuizFacts) -> tuple[int, int]:
    """The question that is answered and the answer, which were tapped or are meant by what was typed."""
    asked = facts.asked
    meant = asked.meant(str(event.args["text"])) if event.name == "say" and asked is not None else None
    if asked is not None and meant is not None:
        return asked.number, meant
    return int(event.args["question"]), int(event.args["answer"])


def _choice(at: Saved, facts: QuizFacts, first: tuple[Phrase, ...] = ()) -> Step:
    options = tuple(Option(Event("pick", {"quiz": quiz.id}), quiz.name, _row(quiz)) for quiz in facts.open())
    if options:
        return Step(at, Say((*first, Phrase("quiz.choose")), options, menu=Phrase("menu.quizzes")))
    closed = (quiz.closed for quiz in facts.quizzes if quiz.closed is not None)
    said = (*first, *(one for one in closed if one not in first)) or (Phrase("quiz.gone"),)
    return Step(None, Say(said, _asks("how_to_earn", "list_rewards", "check_points")))


def _row(quiz: QuizFact) -> Phrase:
    key = "quiz.row" if quiz.points else "quiz.row_plain"
    return Phrase(key, {"questions": quiz.questions, "points": quiz.points})


def _question(at: Saved, event: Event, facts: QuizFacts) -> Step:
    """The next question; one without time left has its end told instead."""
    if event.name == "ask":
        at = at.keeping(attempt=str(event.args["attempt"]))
    asked = facts.asked
    if asked is None:
        return Step(replace(at, state="judging"), effect=Close(str(at.data["attempt"])))
    plain = len(asked.answers) <= BUTTONS and all(_units(answer) <= SHORT for answer in asked.answers)
    said: list[Phrase | str] = [
        *_first(event), Phrase("quiz.question", {"number": asked.number, "count": asked.count, "text": asked.text})
    ]  # fmt: skip
    lettered = [f"{letter}) {text}" for letter, text in zip(facts.letters, asked.answers, strict=False)]
    if not plain:
        said.append("\n".join(lettered))
    options = tuple(_option(asked, number, facts.letters[number - 1], plain) for number in range(1, len(lettered) + 1))
    return Step(at, Say(tuple(said), options, menu=Phrase("menu.answers"), image=asked.image))


def _option(asked: Asked, number: int, letter: str, plain: bool) -> Option:
    text = asked.answers[number - 1]
    event = Event("answer", {"question": asked.number, "answer": number})
    if plain:
        return Option(event, text, words=(letter,))
    row = len(asked.answers) > BUTTONS and _units(text) <= DETAIL
    return Option(event, letter, text if row else None, words=(text, f"{letter} {text}"))


def _first(event: Event) -> Iterator[Phrase | str]:
    """What stands above a question: how the quiz goes, what became of the last answer, or that it was not clear."""
    match event.name:
        case "ask" if event.args["resumed"]:
            yield Phrase("quiz.resumed", event.args)
        case "ask":
            yield Phrase("quiz.begins_points" if event.args["points"] else "quiz.begins", event.args)
            yield Phrase(f"quiz.time_{event.args['unit']}", event.args)
        case "go_on":
            yield from _verdict(event.args)
        case "say":
            yield Phrase("quiz.unclear")


def _verdict(args: Mapping[str, Any]) -> Iterator[Phrase | str]:
    match args.get("verdict"):
        case "right":
            yield Phrase("quiz.right_points" if args["each"] else "quiz.right", args)
        case "wrong":
            yield Phrase("quiz.wrong", args)
        case "late":
            yield Phrase("quiz.late")
    if args.get("explanation"):
        yield str(args["explanation"])


def _result(args: Mapping[str, Any]) -> Say:
    said: list[Phrase | str] = [*_verdict(args)]
    perfect = args["right"] == args["count"]
    said.append(Phrase("quiz.perfect" if perfect else "quiz.some" if args["right"] else "quiz.none", args))
    if args["points"]:
        said.append(Phrase("game.points", args))
    if args["code"]:
        said.append(Phrase("game.prize" if args["until"] else "game.prize_for_ever", args))
    if args["progress"]:
        said.append(str(args["progress"]))
    if args["others"] or args["again"] == "now":
        said.append(Phrase("quiz.more"))
    elif args["again"]:
        said.append(Phrase("quiz.again", {"day": args["again"]}))
    asks = [
        "play_quiz" if args["others"] or args["again"] == "now" else "",
        "my_vouchers" if args["code"] else "",
        "list_challenges" if args["progress"] else "",
        "check_points",
        "list_rewards",
    ]
    return Say(tuple(said), _asks(*[ask for ask in asks if ask][:BUTTONS]))


def _refused(args: Mapping[str, Any]) -> tuple[Phrase, ...]:
    return (Phrase(f"quiz.refused.{args['reason']}", {name: args[name] for name in args if name != "reason"}),)


def _asks(*intents: str) -> tuple[Option, ...]:
    return tuple(Option(Ask(intent), Phrase(f"button.{intent}")) for intent in intents)


def _words(text: str) -> set[str]:
    """The words of a text without accents, capitals and signs."""
    bare = (sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    return set("".join(sign if sign.isalnum() else " " for sign in bare).split())


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
