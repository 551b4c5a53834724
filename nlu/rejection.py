"""The last component of the pipeline: what is not clear enough is asked about, or not understood."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from nlu.clarity import Thresholds, judge


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=False)
class Rejection(GraphComponent, IntentClassifier):
    """Sets `intent` to the one that is taken, `out_of_scope` or `nlu_fallback`.

    `clarity` says how clear it is: `{"verdict": "ask", "alternatives": ["check_points", "points_history"]}`. The
    thresholds are explained in `nlu.clarity.Thresholds`.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"sure": 0.5, "ask": 0.3, "margin": 2.0, "worth": 0.1, "most": 3}

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext,
    ) -> Rejection:  # fmt: skip
        return cls(Thresholds.read(config))

    def process(self, messages: list[Message]) -> list[Message]:
        """Judge the ranking of each message. The ranking itself stays as it is."""
        for message in messages:
            clear = judge(message.get("intent_ranking") or [], self._thresholds)
            message.set(INTENT, {"name": clear.intent, "confidence": clear.confidence}, add_to_output=True)
            told = {"verdict": clear.verdict.value, "alternatives": list(clear.alternatives)}
            message.set("clarity", told, add_to_output=True)
        return messages
