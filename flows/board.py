"""The leaderboard: look at it, take part under an invented name, leave it again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from statemachine import State

from flows.flow import Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Option, Phrase, Saved, Say, Step


@dataclass(frozen=True, slots=True)
class BoardFact:
    """A leaderboard as this member reads it."""

    id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What the flow knows of the world at the moment of a step."""

    boards: tuple[BoardFact, ...]
    name: str | None
    """The invented name under which she takes part, if she does."""

    def board(self, id_: object) -> BoardFact | None:
        """The leaderboard with this id, if there still is one."""
        return next((board for board in self.boards if board.id == id_), None)


@dataclass(frozen=True, slots=True)
class TakePart(Effect):
    """Put her on the leaderboards. Comes back as `entered` or `refuse`."""


@dataclass(frozen=True, slots=True)
class Withdraw(Effect):
    """Take her off them. Comes back as `gone`."""


class BoardMachine(Machine):
    """The states and what leads from one to the next."""

    choosing = State(initial=True)
    showing = State()
    entering = State()
    withdrawing = State()
    left = State(final=True)

    pick = choosing.to(showing, cond="known") | choosing.to(choosing)
    others = showing.to(choosing)
    enter = showing.to(entering)
    entered = entering.to(showing)
    refuse = entering.to(showing)
    withdraw = showing.to(withdrawing)
    gone = withdrawing.to(left)

    def known(self, board: str = "") -> bool:
        facts: BoardFacts = self.facts
        return facts.board(board) is not None


class Leaderboard(Flow[BoardFacts]):
    """The flow. To take part is never taken from a mere "yes", which may mean something else: it has its own button."""

    name = "leaderboard"
    machine = BoardMachine
    takes: ClassVar[Mapping[str, Takes]] = {}

    def begin(self, at: Saved, facts: BoardFacts, args: Mapping[str, str]) -> Step:
        """With the only one there is, or with the list."""
        if len(facts.boards) == 1:
            return self.on(at, Event("pick", {"board": facts.boards[0].id}), facts)
        return Step(at, _list(facts))

    def arrive(self, at: Saved, event: Event, facts: BoardFacts) -> Step:
        match at.state:
            case "showing":
                id_ = event.args["board"] if event.name == "pick" else at.data.get("board")
                board = facts.board(id_)
                if board is None:  # the programme has others now
                    return Step(replace(at, state="choosing", data={}), _list(facts))
                first = Phrase("board.entered", event.args) if event.name == "entered" else None
                return Step(replace(at, data={"board": board.id}), _board(board, facts, first))
            case "entering":
                return Step(at, effect=TakePart())
            case "withdrawing":
                return Step(at, effect=Withdraw())
            case "left":
                return Step(None, Say((Phrase("board.left"),), _asks("show_leaderboard", "check_points")))
            case _:
                return Step(replace(at, data={}), _list(facts))


def _list(facts: BoardFacts) -> Say:
    if not facts.boards:
        return Say((Phrase("board.gone"),), _asks("check_points", "list_rewards"))
    options = tuple(Option(Event("pick", {"board": board.id}), board.name) for board in facts.boards)
    return Say((Phrase("board.choose"),), options, menu=Phrase("menu.boards"))


def _board(board: BoardFact, facts: BoardFacts, first: Phrase | None) -> Say:
    outside = facts.name is None
    said: tuple[Phrase | str | None, ...] = (first, board.text, Phrase("board.consent") if outside else None)
    own = (
        Option(Event("enter"), Phrase("button.take_part"))
        if outside
        else Option(Event("withdraw"), Phrase("button.leave_board"))
    )
    others = Option(Event("others"), Phrase("button.other_boards")) if len(facts.boards) > 1 else None
    options = (own, others, *_asks("list_challenges" if others is None else "check_points", "check_points"))
    shown = tuple(option for option in options if option is not None)
    return Say(tuple(phrase for phrase in said if phrase is not None), shown[:3])


def _asks(*intents: str) -> tuple[Option, ...]:
    return tuple(Option(Ask(intent), Phrase(f"button.{intent}")) for intent in intents)
