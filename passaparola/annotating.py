"""Messages that were not understood, one after the other: what each may have meant, and what a designer decides."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import regex

from conversation.choosing.spelling import normalise
from conversation.turning.masking import anonymous, without_likely_names
from conversation.turning.misunderstood import Misunderstood
from passaparola.examples import Example
from passaparola.filing import NotFiled, Shelf, tidy

Rank = Callable[[str], Sequence[str]]
"""Intents for a text, likeliest first."""
_WORD = regex.compile(r"[\p{L}\p{M}]+")
KEYS = "number or name of the intent, ENTER for the suggestion, e edit, s skip, d discard, ? intents, q quit"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message as a designer sees it, and the intent it probably has."""

    text: str
    language: str
    times: int
    suggested: str | None
    chosen: bool
    """Whether the suggestion is what customers chose themselves."""
    ids: tuple[int, ...]


@dataclass(slots=True)
class Tally:
    """What became of the messages."""

    filed: int = 0
    discarded: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.filed} filed, {self.discarded} discarded, {self.skipped} left for another time"


@dataclass(frozen=True, slots=True)
class Desk:
    """What deciding needs: the files, the intents there are, and how to let go of a message that was seen to."""

    shelf: Shelf
    intents: Sequence[str]
    forget: Callable[[Sequence[int]], None]
    show: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)

    def file(self, candidate: Candidate, intent: str, text: str) -> None:
        """File a message and let go of it. Raises `NotFiled`; then nothing was done."""
        filed = self.shelf.file(intent, candidate.language, text)
        self.forget(candidate.ids)
        self.tally.filed += 1
        self.show(f"{filed.where}: {intent}{'' if filed.new else ', stands there already'}")

    def discard(self, candidate: Candidate) -> None:
        """Let go of a message without learning from it."""
        self.forget(candidate.ids)
        self.tally.discarded += 1


def candidates(
    found: Iterable[Misunderstood], known: Collection[str], intents: Collection[str], rank: Rank | None
) -> Iterator[Candidate]:
    """Messages without what says who wrote them, each with its suggestion; `known` is `words_of` the training data.

    Suggested is what customers chose under "did you mean", else what the model, if there is one, finds likeliest and
    nobody refused.
    """
    for one in found:
        text = tidy(without_likely_names(anonymous(one.text), known))
        chosen = one.meant in intents
        suggested = one.meant if chosen else None
        if not chosen and rank is not None:
            likely = (intent for intent in rank(text) if intent in intents and intent not in one.refused)
            suggested = next(likely, None)
        if text:
            yield Candidate(text, one.language, one.times, suggested, chosen, one.ids)


def words_of(examples: Iterable[Example]) -> frozenset[str]:
    """The words that stand in training sentences without a capital letter, normalised: those are no names."""
    words = {word for example in examples for word in _WORD.findall(example.text)}
    return frozenset(normalise(word) for word in words if word == word.lower())


def annotate(desk: Desk, messages: Sequence[Candidate], ask: Callable[[str], str]) -> Tally:
    """Ask about each message what it means, and do it at once: what was decided stays, whenever it is broken off."""
    _list(desk)
    for number, candidate in enumerate(messages, 1):
        times = f" · {candidate.times} times" if candidate.times > 1 else ""
        desk.show(f"\n{number} of {len(messages)} · {candidate.language}{times}\n  {candidate.text}")
        if not _decide(desk, candidate, ask):
            desk.tally.skipped += len(messages) - number + 1
            break
    return desk.tally


def _decide(desk: Desk, candidate: Candidate, ask: Callable[[str], str]) -> bool:
    """Ask until something is decided about a message. Returns False if she has had enough."""
    text = candidate.text
    prompt = _prompt(desk, candidate)
    while True:
        answer = ask(prompt).strip()
        match answer.lower():
            case "q":
                return False
            case "s":
                desk.tally.skipped += 1
                return True
            case "d":
                desk.discard(candidate)
                return True
            case "?":
                _list(desk)
                continue
            case "e":
                text = ask("the sentence, with annotations such as [flat white](reward)").strip() or text
                desk.show(f"  {text}")
                continue
        intent = _intent(desk.intents, answer, candidate.suggested)
        if intent is None:
            desk.show(f"  {KEYS}")
            continue
        try:
            desk.file(candidate, intent, text)
        except NotFiled as refusal:
            desk.show(f"  not filed: {refusal}")
            continue
        return True


def _intent(intents: Sequence[str], answer: str, suggested: str | None) -> str | None:
    if not answer:
        return suggested
    if answer.isascii() and answer.isdecimal() and 0 < int(answer) <= len(intents):
        return intents[int(answer) - 1]
    return answer if answer in intents else None


def _prompt(desk: Desk, candidate: Candidate) -> str:
    if candidate.suggested is None:
        return "  no suggestion (number, e, s, d, ?, q)"
    why = "chosen by customers" if candidate.chosen else "likeliest"
    number = desk.intents.index(candidate.suggested) + 1
    return f"  {number} {candidate.suggested}, {why} (ENTER, number, e, s, d, ?, q)"


def _list(desk: Desk) -> None:
    for number, intent in enumerate(desk.intents, 1):
        desk.show(f"{number:>3} {intent}")
    desk.show(KEYS)
