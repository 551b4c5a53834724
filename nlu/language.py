"""Which language a message is in: naive Bayes over the n-grams the pipeline has counted anyway.

Trained on our own examples, each of which says its language in its `metadata`. Costs a matrix product a message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.naive_bayes import MultinomialNB

FILE = "language.npz"
SMOOTHING = 0.1


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class LanguageIdentifier(GraphComponent):
    """Sets `language` of a message: `{"name": "it", "confidence": 0.97}`. Stands behind the featurizers."""

    def __init__(self, model_storage: ModelStorage, resource: Resource) -> None:
        self._storage = model_storage
        self._resource = resource
        self._languages: list[str] = []
        self._weights: np.ndarray[Any, Any] | None = None
        self._prior: np.ndarray[Any, Any] | None = None

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageIdentifier:  # fmt: skip
        return cls(model_storage, resource)

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext, **kwargs: Any,
    ) -> LanguageIdentifier:  # fmt: skip
        component = cls(model_storage, resource)
        with model_storage.read_from(resource) as folder, np.load(folder / FILE) as saved:
            component._languages = [str(name) for name in saved["languages"]]
            component._weights, component._prior = saved["weights"], saved["prior"]
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples that say which language they are in."""
        rows = [
            (features, message.get("metadata", {}).get("intent", {}).get("language"))
            for message in training_data.training_examples
            if (features := _features(message)) is not None
        ]
        known = [(features, language) for features, language in rows if language]
        counts = scipy.sparse.vstack([features for features, _ in known])
        model = MultinomialNB(alpha=SMOOTHING).fit(counts, [language for _, language in known])
        self._languages = [str(name) for name in model.classes_]
        self._weights = model.feature_log_prob_.T.astype(np.float32)
        self._prior = model.class_log_prior_.astype(np.float32)
        with self._storage.write_to(self._resource) as folder:
            np.savez_compressed(folder / FILE, languages=self._languages, weights=self._weights, prior=self._prior)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Guess the language of each message; a message without a known n-gram gets none."""
        for message in messages:
            features = _features(message)
            if features is None or features.nnz == 0 or self._weights is None:
                continue
            scores = np.asarray(features @ self._weights).ravel() + self._prior
            odds = np.exp(scores - scores.max())
            best = int(odds.argmax())
            guess = {"name": self._languages[best], "confidence": float(odds[best] / odds.sum())}
            message.set("language", guess, add_to_output=True)
        return messages


def _features(message: Message) -> scipy.sparse.csr_matrix | None:
    _, sentence = message.get_sparse_features(TEXT)
    return None if sentence is None else scipy.sparse.csr_matrix(sentence.features)
