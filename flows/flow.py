"""What a flow is: a state machine, what is said where it comes to rest, and what it takes besides taps.

A flow is pure: the same state, event and facts give the same step. It knows the store only by the facts that are
handed to it, and changes it only by the effects it asks for.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from statemachine import StateMachine

from flows.model import Event, Heard, Phrase, Saved, Step, Value

F = TypeVar("F")
"""What a flow knows of the world at the moment of a step."""
SURE = 0.6
"""A typed message this surely a question is answered as one, though the flow waits for words."""
SMALL_TALK = frozenset({"affirm", "deny", "greet", "thank", "goodbye", "out_of_scope", "nlu_fallback"})
"""Intents that are no questions: a name or a town is easily taken for one of them."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What a state takes besides taps on its options."""

    intents: Mapping[str, str] = field(default_factory=dict)
    """What a typed intent means: intent to event."""
    text: str | None = None
    """The event, with the argument `text`, that any other words are."""
    attachments: Mapping[str, str] = field(default_factory=dict)
    """What something sent means: kind (`image`, …) to event, with the argument `media`."""
    numbers: bool = False
    """A number that is typed is words like any other, not the place of a choice on offer."""


class Machine(StateMachine):
    """Base of the machines: guards find the facts and the data of the saved state."""

    def __init__(self, facts: Any = None, data: Mapping[str, Value] | None = None, state: str | None = None) -> None:
        self.facts = facts
        self.data = data or {}
        super().__init__(start_value=state)


class Flow(ABC, Generic[F]):
    """Base of the flows."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Counts up when states or data change, so that what was saved before is known as old."""
    machine: ClassVar[type[Machine]]
    takes: ClassVar[Mapping[str, Takes]] = {}
    patience: ClassVar[timedelta] = timedelta(hours=24)
    """How long it waits for the customer."""

    def __init__(self) -> None:
        self._idle: deque[Machine] = deque()
        """Machines that wait for their next step: making one takes longer than the step."""

    def start(self, run: str, facts: F, args: Mapping[str, str]) -> Step:
        """Begin a run."""
        return self.begin(Saved(self.name, self.version, run, 1, self._initial()), facts, args)

    def begin(self, at: Saved, facts: F, args: Mapping[str, str]) -> Step:
        """The first step; what is not overridden says what the first state says."""
        return self.arrive(at, Event("start", dict(args)), facts)

    def on(self, saved: Saved, event: Event, facts: F) -> Step:
        """Take an event. Raises `statemachine.exceptions.TransitionNotAllowed` where the state has no such event."""
        machine = self._machine_at(saved, facts)
        arguments: dict[str, Any] = dict(event.args)
        machine.send(event.name, **arguments)
        state = str(machine.current_state_value)
        if not machine.is_terminated:  # one that refused an event is not here either
            machine.facts = None
            self._idle.append(machine)
        return self.arrive(replace(saved, step=saved.step + 1, state=state), event, facts)

    def _machine_at(self, saved: Saved, facts: F) -> Machine:
        """A machine in the saved state, which nobody else uses."""
        try:
            machine = self._idle.pop()
        except IndexError:
            return self.machine(facts, saved.data, saved.state)
        machine.facts, machine.data = facts, saved.data
        machine.current_state_value = saved.state
        return machine

    @abstractmethod
    def arrive(self, at: Saved, event: Event, facts: F) -> Step:
        """What is said, remembered and done on coming to a state by an event. `again` says once more what was said."""

    def again(self, at: Saved, facts: F) -> Step:
        """Say once more what the state says: after a digression, or when it is asked for."""
        return self.arrive(at, Event("again"), facts)

    def whereabouts(self, at: Saved, facts: F) -> Phrase | None:
        """What the customer goes back to after a digression; None where nothing needs to be said of it."""
        return None

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        """What typed words mean to the state; None if they are none of its business: a question, for example."""
        takes = self.takes.get(at.state, Takes())
        if (name := takes.intents.get(heard.intent)) is not None:
            return Event(name)
        if takes.text is None or (heard.confidence >= SURE and heard.intent not in SMALL_TALK):
            return None
        return Event(takes.text, {"text": heard.text})

    def counts(self, at: Saved) -> bool:
        """Whether a number that is typed may be the place of a choice the state offers."""
        return not self.takes.get(at.state, Takes()).numbers

    def receive(self, at: Saved, kind: str, media: str) -> Event | None:
        """What something sent means to the state."""
        name = self.takes.get(at.state, Takes()).attachments.get(kind)
        return Event(name, {"media": media}) if name else None

    def waits(self, at: Saved, now: datetime) -> bool:
        """Whether it still waits for the customer."""
        return at.moved_at is None or now <= at.moved_at + self.patience

    @classmethod
    def _initial(cls) -> str:
        return next(str(state.value) for state in cls.machine.states if state.initial)
