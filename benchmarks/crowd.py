"""The members of our bot, and what they write and tap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from benchmarks.customers import Customer, Post, Tapper, Writer
from benchmarks.load import WrongAnswer
from benchmarks.sentences import OURS, endless
from benchmarks.sink import Sink
from conversation.saying.sentences import Sentences
from loyalty.programme import LANGUAGES, Language
from passaparola.compose import RESPONSES

NUMBER_ID = "100000000000001"
SPOKEN: tuple[Language, ...] = ("en", "it")
QUESTIONS = ("points_history", "check_points")
"""Buttons that lead to one another: every tap is a question that is answered from the database."""
STEPS = ("back", "list_rewards")
"""Buttons that lead through the rewards: choose one, think again. A tap is a step of the flow, saved with the turn."""
_REFUSALS = (
    "sorry.broken",
    "tap.unknown",
    "tap.step_over",
    "tap.run_over",
    "utter_not_understood",
    "utter_out_of_scope",
)
_APART = 1_000
"""So many texts a member may write before she repeats one of the next member's."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is known to the programme."""

    number: int
    phone: str
    language: Language


def member(number: int) -> Member:
    """The sample member with this number; they speak the languages in turn."""
    return Member(number, f"+3933300{number:05}", SPOKEN[number % len(SPOKEN)])


class Crowd:
    """Hands out members, each of them once: a conversation begins with what is measured."""

    def __init__(self, post: Post, sink: Sink) -> None:
        self._post = post
        self._sink = sink
        self._numbers = count()
        self._sentences = Sentences.load(RESPONSES)
        self._check = _checker(self._sentences)

    def writers(self, number: int) -> list[Writer]:
        """Members who write."""
        return [
            Writer(self._customer(each), endless(OURS[each.language], each.number * _APART), self._check)
            for each in self._next(number)
        ]

    async def tappers(self, number: int, keys: tuple[str, ...] = QUESTIONS) -> list[Tapper]:
        """Members who tap, having asked for their points; `keys` say which buttons they like."""
        tappers = []
        for each in self._next(number):
            wanted = [self._sentences.say(each.language, f"button.{key}") for key in keys]
            tapper = Tapper(self._customer(each), OURS[each.language][0], wanted, self._check)
            await tapper.open()
            tappers.append(tapper)
        return tappers

    def _next(self, number: int) -> list[Member]:
        return [member(next(self._numbers)) for _ in range(number)]

    def _customer(self, each: Member) -> Customer:
        return Customer(self._post, self._sink, NUMBER_ID, each.phone)


def _checker(sentences: Sentences) -> Callable[[Mapping[str, Any]], None]:
    """Raises `WrongAnswer` for an answer that says that something was not understood or went wrong."""
    refusals = {sentences.say(language, key) for language in LANGUAGES for key in _REFUSALS}

    def check(answer: Mapping[str, Any]) -> None:
        content = answer[answer["type"]]
        text = content["body"] if answer["type"] == "text" else content.get("body", {}).get("text", "")
        if text in refusals:
            raise WrongAnswer(f"our bot answered: {text}")

    return check
