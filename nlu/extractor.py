"""Entities that have a form: referral codes and amounts of points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message

from nlu.codes import find_codes
from nlu.numbers import find_numbers


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR], is_trainable=False)
class FormEntityExtractor(GraphComponent):
    """Finds `referral_code` (in its stored spelling if the check character is right) and `points` (an integer)."""

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext,
    ) -> FormEntityExtractor:  # fmt: skip
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Add what is found to the entities of each message."""
        for message in messages:
            found = [_entity(*one) for one in _find(message.get(TEXT) or "")]
            if found:
                message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages


def _find(text: str) -> Iterator[tuple[str, int, int, str | int]]:
    codes = find_codes(text)
    for code in codes:
        yield "referral_code", code.start, code.end, code.value
    for number in find_numbers(text):
        if not any(code.start < number.end and number.start < code.end for code in codes):
            yield "points", number.start, number.end, number.value


def _entity(name: str, start: int, end: int, value: str | int) -> dict[str, Any]:
    return {
        ENTITY_ATTRIBUTE_TYPE: name,
        ENTITY_ATTRIBUTE_START: start,
        ENTITY_ATTRIBUTE_END: end,
        ENTITY_ATTRIBUTE_VALUE: value,
        "extractor": FormEntityExtractor.__name__,
    }
