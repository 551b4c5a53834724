"""Entities by example: what was annotated once in the training data is found wherever it is typed.

Case, accents and the vowel signs of Arabic do not matter; the longest match wins.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import rasa.shared.utils.io
import regex
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
from rasa.shared.nlu.training_data.training_data import TrainingData

FILE = "annotated.json"
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}%€$£]+")
_LONGEST = 6
"""Words in the longest annotated value that is looked for."""


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR], is_trainable=True)
class AnnotatedEntityExtractor(GraphComponent):
    """Finds annotated values. `entities:` in the configuration says of which entities."""

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._entities = frozenset(config["entities"])
        self._storage = model_storage
        self._resource = resource
        self._known: dict[str, list[str]] = {}

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"entities": []}

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext,
    ) -> AnnotatedEntityExtractor:  # fmt: skip
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext, **kwargs: Any,
    ) -> AnnotatedEntityExtractor:  # fmt: skip
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._known = rasa.shared.utils.io.read_json_file(folder / FILE)
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Collect the annotated values."""
        for message in training_data.entity_examples:
            text = message.get(TEXT) or ""
            for entity in message.get(ENTITIES, []):
                if entity[ENTITY_ATTRIBUTE_TYPE] in self._entities:
                    spelt = text[entity[ENTITY_ATTRIBUTE_START] : entity[ENTITY_ATTRIBUTE_END]]
                    key = " ".join(word for word, _, _ in _words(spelt))
                    self._known[key] = [entity[ENTITY_ATTRIBUTE_TYPE], str(entity[ENTITY_ATTRIBUTE_VALUE])]
        with self._storage.write_to(self._resource) as folder:
            rasa.shared.utils.io.dump_obj_as_json_to_file(folder / FILE, self._known)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Add what is found to the entities of each message."""
        for message in messages:
            found = self._find(message.get(TEXT) or "")
            if found:
                message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages

    def _find(self, text: str) -> list[dict[str, Any]]:
        words = _words(text)
        found = []
        place = 0
        while place < len(words):
            for length in range(min(_LONGEST, len(words) - place), 0, -1):
                part = words[place : place + length]
                known = self._known.get(" ".join(word for word, _, _ in part))
                if known is not None:
                    start, end = part[0][1], part[-1][2]
                    name, value = known
                    found.append(
                        {
                            ENTITY_ATTRIBUTE_TYPE: name,
                            ENTITY_ATTRIBUTE_START: start,
                            ENTITY_ATTRIBUTE_END: end,
                            ENTITY_ATTRIBUTE_VALUE: value,
                            "extractor": type(self).__name__,
                        }
                    )
                    place += length - 1
                    break
            place += 1
        return found


def _words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text, bared of case and accents, with where they stand."""
    return [(_bare(match.group()), match.start(), match.end()) for match in _WORD.finditer(text)]


def _bare(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))
