"""Our answers behind Rasa's action protocol, for installations that run actions apart (`passaparola actions`).

Inside the chat process they need no protocol: see `dialogue/processor.py`.
"""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from actions.answers import Answers
from conversation.messages.wire import answer_to_json
from conversation.turning.inquiries import Inquiries


class AnswerAction(Action):
    """Answers one intent."""

    def __init__(self, intent: str, answers: Answers, inquiries: Inquiries) -> None:
        self._intent = intent
        self._answers = answers
        self._inquiries = inquiries

    def name(self) -> str:
        return f"action_{self._intent}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer the latest message. It has no effect on the store: a repeated call is harmless."""
        inquiry = self._inquiries.read(tracker.latest_message)
        for answer in await self._answers.answer(self._intent, inquiry):
            dispatcher.utter_message(json_message=answer_to_json(answer))
        return []


def build_executor(answers: Answers, inquiries: Inquiries) -> ActionExecutor:
    """An executor that knows all our actions."""
    executor = ActionExecutor()
    for intent in answers.intents:
        executor.register_action(AnswerAction(intent, answers, inquiries))
    return executor
