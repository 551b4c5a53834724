"""One classifier for intent and language: TF-IDF over n-grams, logistic regression, naive Bayes.

Rasa's own way (tokenizer, two count featurizers, stock classifier) builds several sparse matrices a message and
multiplies all of the weights. Here a message looks up its hundred n-grams and adds up their rows.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from nlu.ngrams import ngrams

WEIGHTS, VOCABULARY = "weights.npz", "vocabulary.txt"
SMOOTHING = 0.1
Array = np.ndarray[Any, np.dtype[Any]]


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class ChatClassifier(GraphComponent, IntentClassifier):
    """Sets `intent`, `intent_ranking` and `language` (`{"name": "it", "confidence": 0.97}`) of a message.

    The languages are learnt from the `metadata` of the examples. Needs no tokenizer and no featurizer.
    """

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._model: _Weights | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"C": 100.0, "max_iter": 60, "ranking_length": 3}

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
        with model_storage.read_from(resource) as folder, np.load(folder / WEIGHTS) as saved:
            vocabulary = (folder / VOCABULARY).read_text("utf-8").split("\n")
            component._model = _Weights(vocabulary, {name: saved[name] for name in saved.files})
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from all examples that have an intent."""
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        counter = CountVectorizer(analyzer=ngrams)
        counts = counter.fit_transform([example.get(TEXT) for example in examples])
        tfidf = TfidfTransformer(sublinear_tf=True)
        intents = LogisticRegression(
            C=self._config["C"], class_weight="balanced", max_iter=self._config["max_iter"], random_state=0
        ).fit(tfidf.fit_transform(counts), [example.get(INTENT) for example in examples])
        told = [_language(example) for example in examples]
        known = [number for number, language in enumerate(told) if language]
        languages = MultinomialNB(alpha=SMOOTHING).fit(counts[known], [told[number] for number in known])
        vocabulary = [str(ngram) for ngram in counter.get_feature_names_out()]
        arrays = {
            "intents": intents.classes_.astype(str),
            "weights": np.ascontiguousarray(intents.coef_.T, dtype=np.float16),
            "bias": intents.intercept_.astype(np.float32),
            "idf": tfidf.idf_.astype(np.float32),
            "languages": languages.classes_.astype(str),
            "language_weights": np.ascontiguousarray(languages.feature_log_prob_.T, dtype=np.float32),
            "language_bias": languages.class_log_prior_.astype(np.float32),
        }
        with self._storage.write_to(self._resource) as folder:
            np.savez_compressed(folder / WEIGHTS, **arrays)
            (folder / VOCABULARY).write_text("\n".join(vocabulary), "utf-8")
        self._model = _Weights(vocabulary, arrays)
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


Guess = dict[str, Any]


class _Weights:
    """The trained numbers, laid out so that a message touches only the rows of its own n-grams."""

    def __init__(self, vocabulary: list[str], arrays: dict[str, Array]) -> None:
        self._index = {ngram: number for number, ngram in enumerate(vocabulary)}
        self._intents = [str(name) for name in arrays["intents"]]
        self._weights = arrays["weights"].astype(np.float32)
        self._bias = arrays["bias"]
        self._idf = arrays["idf"]
        self._languages = [str(name) for name in arrays["languages"]]
        self._language_weights = arrays["language_weights"]
        self._language_bias = arrays["language_bias"]

    def guess(self, text: str) -> tuple[list[Guess], Guess | None]:
        """Intents, likeliest first, and the language; no language for a text of which nothing is known."""
        found = Counter(number for ngram in ngrams(text) if (number := self._index.get(ngram)) is not None)
        if not found:
            return _ranked(self._intents, np.zeros(len(self._intents), np.float32)), None
        rows = np.fromiter(found, np.intp, len(found))
        counts = np.fromiter(found.values(), np.float32, len(found))
        values = (np.log(counts) + 1) * self._idf[rows]
        values /= math.sqrt(float(values @ values))
        scores = values @ self._weights[rows] + self._bias
        languages = counts @ self._language_weights[rows] + self._language_bias
        return _ranked(self._intents, scores), _ranked(self._languages, languages)[0]


def _ranked(names: list[str], scores: Array) -> list[Guess]:
    odds = np.exp(scores - scores.max())
    shares = odds / odds.sum()
    order = np.argsort(-shares)
    return [{"name": names[number], "confidence": float(shares[number])} for number in order]


def _language(message: Message) -> str | None:
    told = message.get("metadata") or {}
    return (told.get("intent") or {}).get("language")
