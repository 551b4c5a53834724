"""One classifier for intent and language, as a component of Rasa's pipeline.

Rasa's own way (tokenizer, two count featurizers, stock classifier) builds several sparse matrices a message and
multiplies all of the weights. Here a message looks up its hundred n-grams and adds up their rows.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.learning import Lesson, learn
from nlu.weights import Weights


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class ChatClassifier(GraphComponent, IntentClassifier):
    """Sets `intent`, `intent_ranking` and `language` (`{"name": "it", "confidence": 0.97}`) of a message.

    The languages are learnt from the `metadata` of the examples. Needs no tokenizer and no featurizer. `C` and `seen`
    are those of `nlu.learning.learn`.
    """

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._model: Weights | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"C": 3.0, "seen": 2, "ranking_length": 5}

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext,
    ) -> ChatClassifier:  # fmt: skip
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext, **kwargs: Any,
    ) -> ChatClassifier:  # fmt: skip
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._model = Weights.read(folder)
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from all examples that have an intent."""
        lessons = [
            Lesson(example.get(TEXT), example.get(INTENT), _language(example))
            for example in training_data.intent_examples
            if example.get(TEXT)
        ]
        self._model = learn(lessons, c=self._config["C"], seen=self._config["seen"])
        with self._storage.write_to(self._resource) as folder:
            self._model.write(folder)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing behind this component learns from its guesses."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Guess intent and language of each message."""
        assert self._model is not None
        for message in messages:
            ranking, language = self._model.guess(message.get(TEXT) or "")
            ranking = ranking[: self._config["ranking_length"]]
            message.set(INTENT, dict(ranking[0]), add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
            if language is not None:
                message.set("language", language, add_to_output=True)
        return messages


def _language(message: Message) -> str | None:
    told = message.get("metadata") or {}
    return (told.get("intent") or {}).get("language")
