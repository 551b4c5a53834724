"""Entities by example: what was annotated once in the training data is found wherever it is typed.

Case, accents and the forms of Arabic letters do not matter; the longest match wins. Languages are found by what they
are called anywhere, and with a slip of the finger.
"""

from __future__ import annotations

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

from nlu.language_names import language_names, may_be_misspelt, nearly_called
from nlu.spelling import level

FILE = "annotated.json"
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}%€$£]+")
_LONGEST = 6
"""Words in the longest annotated value that is looked for."""
_SHORT = 3
"""So short a value ("it", "thé") is found only where it is all there is: in a sentence it is often another word."""
_LANGUAGE = "language"


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR], is_trainable=True)
class AnnotatedEntityExtractor(GraphComponent):
    """Finds annotated values. `entities:` in the configuration says of which entities."""

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._entities = frozenset(config["entities"])
        self._storage = model_storage
        self._resource = resource
        self._known: dict[str, list[str]] = {}
        self._near: list[str] = []

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
            component._know(rasa.shared.utils.io.read_json_file(folder / FILE))
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Collect the annotated values."""
        known: dict[str, list[str]] = {}
        if _LANGUAGE in self._entities:
            known |= {name: [_LANGUAGE, code] for name, code in language_names().items()}
        for message in training_data.entity_examples:
            text = message.get(TEXT) or ""
            for entity in message.get(ENTITIES, []):
                if entity[ENTITY_ATTRIBUTE_TYPE] in self._entities:
                    spelt = text[entity[ENTITY_ATTRIBUTE_START] : entity[ENTITY_ATTRIBUTE_END]]
                    key = " ".join(word for word, _, _ in _words(spelt))
                    known[key] = [entity[ENTITY_ATTRIBUTE_TYPE], str(entity[ENTITY_ATTRIBUTE_VALUE])]
        with self._storage.write_to(self._resource) as folder:
            rasa.shared.utils.io.dump_obj_as_json_to_file(folder / FILE, known)
        self._know(known)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Add what is found to the entities of each message."""
        for message in messages:
            found = self._find(message.get(TEXT) or "")
            if found:
                message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages

    def _know(self, known: dict[str, list[str]]) -> None:
        self._known = known
        self._near = [key for key, (name, _) in known.items() if name == _LANGUAGE and may_be_misspelt(key)]

    def _find(self, text: str) -> list[dict[str, Any]]:
        words = _words(text)
        found = []
        place = 0
        while place < len(words):
            for length in range(min(_LONGEST, len(words) - place), 0, -1):
                part = words[place : place + length]
                known = self._meant(" ".join(word for word, _, _ in part), whole=length == len(words))
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

    def _meant(self, key: str, *, whole: bool) -> list[str] | None:
        """Name and value of what words stand for; `whole` says that there are no others."""
        if len(key) <= _SHORT and not whole:
            return None
        known = self._known.get(key)
        if known is None and " " not in key and self._near and (near := nearly_called(key, self._near)):
            known = self._known[near]
        return known


def _words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text, levelled, with where they stand."""
    return [(level(match.group()), match.start(), match.end()) for match in _WORD.finditer(text)]
