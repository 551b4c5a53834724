"""A dialogue without a model: it means what the walk says it means, and answers as the real one does."""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from actions.answers import ANSWERS, Answers
from conversation.choosing.menus import Menus
from conversation.messages.model import Inquiry, Understood
from conversation.saying.sentences import Sentences
from conversation.turning.deciding import Response
from conversation.turning.memory import Memory, sender_of
from loyalty.programme import LANGUAGES
from passaparola.examples import Example, read_examples

ROOT = Path(__file__).parents[2]
_SURE = 0.95


_FLOWS = (
    "play_quiz", "spin_wheel", "redeem_reward", "missing_points", "enter_referral_code", "show_leaderboard",
    "my_vouchers", "talk_to_human", "delete_my_data", "join_program", "get_referral_link", "export_my_data",
)  # fmt: skip
"""Questions that begin a flow."""


class Meaning:
    """What the next text means; the same text means the same again, as the same turn may be run again."""

    def __init__(self, sentences: Sentences, answers: Answers) -> None:
        self._sentences = sentences
        self._answers = answers
        self.told: dict[str, Understood] = {}

    async def parse(self, text: str) -> Understood:
        return self.told.get(text) or Understood("nlu_fallback", 0.3, {}, None, {})

    async def respond(
        self, inquiry: Inquiry, understood: Understood, remembered: Sequence[Mapping[str, Any]]
    ) -> Response:
        memory = Memory(sender_of(inquiry.programme.id, inquiry.member), ({"text": inquiry.text},))
        if inquiry.intent in ANSWERS:
            return Response(await self._answers.answer(inquiry.intent, inquiry), memory)
        name = "not_understood" if inquiry.intent == "nlu_fallback" else inquiry.intent
        asks = _buttons().get(f"utter_{name}", ())
        return Response((Menus(self._sentences).say(inquiry.language, f"utter_{name}", asks),), memory)


@cache
def _buttons() -> Mapping[str, tuple[str, ...]]:
    """Which questions stand under which response."""
    rows = YAML(typ="safe").load((ROOT / "data" / "responses" / "buttons.yml").read_text("utf-8"))
    return {response: tuple(intents) for response, intents in rows.items()}


@cache
def examples() -> tuple[Example, ...]:
    """What people say, in five languages: the training data."""
    return tuple(read_examples(ROOT / "data" / "nlu"))


@cache
def by_intent() -> Mapping[str, tuple[Example, ...]]:
    """The examples of each intent."""
    intents = {one.intent: None for one in examples()}
    return {intent: tuple(one for one in examples() if one.intent == intent) for intent in intents}


def some_words(rng: random.Random) -> tuple[str, Understood]:
    """Something a customer may type, and what the model takes it for: mostly rightly."""
    intent = rng.choice(list(by_intent()))
    said = rng.choice(by_intent()[intent])
    if rng.random() < 0.2:
        intents = rng.sample([name for name in by_intent() if name != "out_of_scope"], 3)
        alternatives = tuple(intents[1:]) if rng.random() < 0.5 else ()
        return said.text, Understood(intents[0], rng.random(), {}, rng.choice(LANGUAGES), {}, alternatives)
    return said.text, Understood(intent, _SURE, {}, said.language, {})


def a_beginning(rng: random.Random) -> tuple[str, Understood]:
    """A question that begins a flow."""
    said = rng.choice(by_intent()[rng.choice(_FLOWS)])
    return said.text, Understood(said.intent, _SURE, {}, said.language, {})


def cancelling(language: str) -> tuple[str, Understood]:
    """A word that wants to leave."""
    said = next(one for one in by_intent()["cancel"] if one.language == language)
    return said.text, Understood("cancel", _SURE, {}, language, {})
