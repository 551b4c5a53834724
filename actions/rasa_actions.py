"""Our answers as Rasa custom actions: one action an intent, `action_<intent>`.

The same executor runs inside the chat process or behind Rasa's action server (`passaparola actions`).
"""

from collections.abc import Mapping
from typing import Any, cast

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from actions.answers import Answers
from conversation.model import Inquiry
from conversation.wire import answer_to_json
from loyalty.ids import MemberId
from loyalty.programme import Programme


class AnswerAction(Action):
    """Answers one intent."""

    def __init__(self, intent: str, answers: Answers, programmes: Mapping[str, Programme]) -> None:
        self._intent = intent
        self._answers = answers
        self._programmes = programmes

    def name(self) -> str:
        return f"action_{self._intent}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer the latest message. It has no effect on the store: a repeated call is harmless."""
        inquiry = _inquiry(tracker, self._programmes)
        for answer in await self._answers.answer(self._intent, inquiry):
            dispatcher.utter_message(json_message=answer_to_json(answer))
        return []


def build_executor(answers: Answers, programmes: Mapping[str, Programme]) -> ActionExecutor:
    """An executor that knows all our actions."""
    executor = ActionExecutor()
    for intent in answers.intents:
        executor.register_action(AnswerAction(intent, answers, programmes))
    return executor


def _inquiry(tracker: Tracker, programmes: Mapping[str, Programme]) -> Inquiry:
    message = cast(dict[str, Any], tracker.latest_message)
    told = message.get("metadata") or {}
    return Inquiry(
        programmes[told["programme"]],
        MemberId(told["member"]),
        told["language"],
        message["intent"]["name"],
        {entity["entity"]: str(entity["value"]) for entity in message.get("entities", [])},
        told["message_id"],
        message.get("text") or "",
    )
