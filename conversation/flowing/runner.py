"""Runs flows. Everything happens inside the transaction of the turn: state and effects are saved together, or neither.

A conversation is in one flow at a time; those that it interrupted wait underneath and go on when it is over.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from conversation.flowing.part import At, Part
from conversation.messages.extras import Extra, Link, Medium
from conversation.messages.model import Choice, Message
from conversation.saying.sentences import Sentences
from flows.model import Ask, Event, Heard, Option, Phrase, Saved, Say, Step
from loyalty.ids import new_id
from loyalty.programme import Language

AGAIN, LEAVE = "again", "leave"
"""Events that every flow understands: say it once more, and let go of it."""
DEEPEST = 3
"""How many interrupted flows are remembered."""


@dataclass(frozen=True, slots=True)
class Flowed:
    """Where the conversation stands after a step, and what is said. `own` is the flow whose choices stand under it."""

    saved: Saved | None
    message: Message


class FlowRunner:
    """Steps flows by name."""

    def __init__(self, sentences: Sentences, parts: Sequence[Part[Any]]) -> None:
        self._sentences = sentences
        self._parts: Mapping[str, Part[Any]] = {part.flow.name: part for part in parts}

    @property
    def parts(self) -> tuple[Part[Any], ...]:
        """Every flow there is."""
        return tuple(self._parts.values())

    def start(self, name: str, at: At, args: Mapping[str, str], under: Saved | None = None) -> Flowed:
        """Begin a flow. One that is under way waits underneath, if there is something in it to come back to.

        Raises `KeyError` for a name that is no flow.
        """
        part = self._parts[name]
        if (closed := part.closed(at, args)) is not None:
            said = Say((closed.why,), tuple(self._ask(intent) for intent in closed.asks))
            return Flowed(under, self.message(at.language, said))
        args = part.arguments(at, args)
        begun = part.flow.start(new_id(), part.facts(at, None, args), args)
        return self._follow(at, part, begun, self._beneath(at, name, under))

    def step(self, at: At, saved: Saved, event: Event) -> Flowed:
        """Take an event of the customer's. Raises `TransitionNotAllowed` where it does not fit."""
        part = self._parts[saved.flow]
        if event.name == LEAVE:
            return self._rest(at, Step(None, Say((Phrase("flow.left"),))), saved.under)
        facts = part.facts(at, saved, {})
        step = part.flow.again(saved, facts) if event.name == AGAIN else part.flow.on(saved, event, facts)
        return self._follow(at, part, step, saved.under)

    def hear(self, saved: Saved, heard: Heard) -> Event | None:
        """What typed words mean to the flow; None if they are none of its business."""
        event = self._parts[saved.flow].flow.hear(saved, heard)
        return Event(LEAVE) if event is None and heard.intent == "cancel" else event

    def counts(self, saved: Saved) -> bool:
        """Whether a number that is typed may be the place of a choice that the flow offers."""
        return self._parts[saved.flow].flow.counts(saved)

    def receive(self, saved: Saved, kind: str, media: str) -> Event | None:
        """What something sent means to the flow."""
        return self._parts[saved.flow].flow.receive(saved, kind, media)

    def alive(self, saved: Saved | None, now: datetime) -> bool:
        """Whether a saved state can go on: the flow is still there in this version, and still waits."""
        return saved is not None and self.known(saved) and self._parts[saved.flow].flow.waits(saved, now)

    def known(self, saved: Saved) -> bool:
        """Whether there is such a flow in such a version."""
        part = self._parts.get(saved.flow)
        return part is not None and part.flow.version == saved.version

    def begins_with(self, saved: Saved) -> tuple[str, ...]:
        """The question that begins such a flow again, if there still is one."""
        part = self._parts.get(saved.flow)
        return () if part is None else (part.intent,)

    def remind(self, at: At, saved: Saved, message: Message) -> Message:
        """An answer given in the middle of a flow, with the way back to it: one message, since each is paid for."""
        part = self._parts[saved.flow]
        whereabouts = part.flow.whereabouts(saved, part.facts(at, saved, {}))
        if whereabouts is None:
            return message
        back = self._sentences.say(at.language, "flow.back", what=self._sentences.phrase(at.language, whereabouts))
        title = self._sentences.say(at.language, "button.back_to_flow")
        return replace(
            message, text=f"{message.text}\n\n{back}" if message.text else back,
            choices=(*message.choices, Choice(Event(AGAIN), title)),
            menu=message.menu or self._sentences.say(at.language, "menu.choose"),
        )  # fmt: skip

    def message(self, language: Language, say: Say) -> Message:
        """What a flow says, in a language."""
        text = "\n\n".join(filter(None, (self._sentences.phrase(language, phrase) for phrase in say.phrases)))
        choices = tuple(self._choice(language, option) for option in say.options)
        menu = say.menu or (Phrase("menu.choose") if choices else None)
        return Message(
            text, choices, self._sentences.phrase(language, menu) if menu else None, say.image,
            tuple(self._extras(language, say)),
        )  # fmt: skip

    def _extras(self, language: Language, say: Say) -> Iterator[Extra]:
        if say.document is not None:
            yield Medium("document", say.document, filename=say.document.rpartition("/")[2])
        if say.page is not None:
            address, title = say.page
            yield Link(address, self._sentences.phrase(language, title))

    def _beneath(self, at: At, name: str, saved: Saved | None) -> tuple[Saved, ...]:
        """The flows that wait under one that begins: those that can go on and have something to come back to."""
        if saved is None:
            return ()
        waiting = (replace(saved, under=()), *saved.under)
        return tuple(one for one in waiting if one.flow != name and self._worth_it(at, one))[:DEEPEST]

    def _worth_it(self, at: At, saved: Saved) -> bool:
        if at.member.erased_at is not None or not self.alive(saved, at.now):
            return False
        part = self._parts[saved.flow]
        return part.flow.whereabouts(saved, part.facts(at, saved, {})) is not None

    def _follow(self, at: At, part: Part[Any], step: Step, under: tuple[Saved, ...]) -> Flowed:
        """Carry out effects until the flow has something to say."""
        while step.effect is not None:
            assert step.saved is not None  # a flow waits for the outcome of what it wants done
            outcome = part.perform(at, step.saved, step.effect)
            step = part.flow.on(step.saved, outcome, part.facts(at, step.saved, {}))
        return self._rest(at, step, under)

    def _rest(self, at: At, step: Step, under: tuple[Saved, ...]) -> Flowed:
        assert step.say is not None  # every state a flow comes to rest in says something
        message = self.message(at.language, step.say)
        if step.saved is not None:
            return Flowed(replace(step.saved, moved_at=at.now, under=under), message)
        for number, one in enumerate(under):
            if self._worth_it(at, one):
                back = replace(one, moved_at=at.now, under=under[number + 1 :])
                return Flowed(back, self.remind(at, back, message))
        return Flowed(None, message)

    def _ask(self, intent: str) -> Option:
        return Option(Ask(intent), Phrase(f"button.{intent}"))

    def _choice(self, language: Language, option: Option) -> Choice:
        title = self._sentences.phrase(language, option.title)
        detail = self._sentences.phrase(language, option.detail).strip(" ·") if option.detail else None
        words: tuple[str, ...] = ()
        if isinstance(option.title, Phrase):
            words = self._sentences.words(language, option.title.key.replace("button.", "words."))
        return Choice(option.action, title, detail or None, (*words, *option.words))
