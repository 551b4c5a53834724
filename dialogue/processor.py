"""Rasa's message processor, with our own actions run in place.

Stock Rasa sends a custom action's call to a server and has the answer checked by jsonschema, which checks its own
schema each time: 40 ms. Here an action of ours is an ordinary Rasa action that answers directly. Where an
`action_endpoint` is configured, everything goes Rasa's way to the action server.
"""

from collections.abc import Collection, Sequence
from typing import Any, Protocol, runtime_checkable

from rasa.core.actions.action import Action, action_for_index
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import TrackerStore
from rasa.exceptions import ActionLimitReached
from rasa.shared.core.constants import DEFAULT_SLOT_NAMES, IS_EXTERNAL
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecutionRejected, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from conversation.messages.model import Answer, Inquiry
from conversation.messages.wire import answer_to_json
from conversation.turning.inquiries import Answering, Inquiries
from dialogue.collector import Collector
from dialogue.predictions import Predictions
from dialogue.straight_runner import StraightRunner

PREFIX = "action_"


class Addressing(Protocol):
    """Finds what an action has to know of a conversation: `metadata` as `Inquiries` read it."""

    async def __call__(self, sender_id: str) -> dict[str, Any]:
        """Raises an error if there is no such conversation."""


@runtime_checkable
class Delivers(Protocol):
    """An output channel that takes all that a turn says at once."""

    async def deliver(self, sender_id: str, answers: Sequence[Answer]) -> None:
        """Say it."""


class LocalAction(Action):
    """One of our answers as a Rasa action."""

    def __init__(self, name: str, answers: Answering, inquiries: Inquiries) -> None:
        self._name = name
        self._answers = answers
        self._inquiries = inquiries

    def name(self) -> str:
        return self._name

    async def run(
        self,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
        metadata: dict[str, Any] | None = None,
    ) -> list[Event]:
        """Answer the latest message. Changes nothing in the store."""
        inquiry = self._inquiries.read(tracker.latest_message.parse_data)
        answers = await self._answers.answer(self._name.removeprefix(PREFIX), inquiry)
        return [BotUttered(data={"custom": answer_to_json(answer)}) for answer in answers]


class ChatProcessor(MessageProcessor):
    """Takes over a loaded processor: same model and domain, our trackers, runner and actions."""

    def __init__(
        self, loaded: MessageProcessor, trackers: TrackerStore, answers: Answering, inquiries: Inquiries,
        addressing: Addressing | None = None,
    ) -> None:  # fmt: skip
        """`addressing` is needed for intents that Rasa's HTTP API triggers."""
        self.__dict__.update(vars(loaded))
        self.tracker_store = trackers
        self.graph_runner = StraightRunner.taking_over(loaded.graph_runner)
        intents: Collection[str] = answers.intents if loaded.action_endpoint is None else ()
        self._local = {PREFIX + intent: LocalAction(PREFIX + intent, answers, inquiries) for intent in intents}
        self._answers = answers
        self._actions: dict[int, Action] = {}
        self._slots = any(slot.name not in DEFAULT_SLOT_NAMES for slot in self.domain.slots)
        self._addressing = addressing
        self._predictions = Predictions(self._predict_next_with_tracker)

    @property
    def shortcuts(self) -> Collection[str]:
        """The actions that answer by themselves, whoever asks; none where slots are filled on the way."""
        return () if self._slots or self.domain.session_config.are_sessions_enabled() else self._local.keys()

    async def answer(self, action: str, inquiry: Inquiry) -> tuple[Answer, ...]:
        """What one of these actions answers."""
        return await self._answers.answer(action.removeprefix(PREFIX), inquiry)

    def predict_next_with_tracker_if_should(self, tracker: DialogueStateTracker) -> tuple[Action, PolicyPrediction]:
        """The next action: ours where we have it, else what Rasa makes of the name (`action_listen`, `utter_…`)."""
        again = self.should_predict_another_action(tracker.latest_action_name)
        if self.is_action_limit_reached(tracker, again):
            raise ActionLimitReached("too many actions in one turn: is there a rule that leads back to itself?")
        prediction = self._predictions.next(tracker)
        number = prediction.max_confidence_index
        action = self._actions.get(number)
        if action is None:
            name = self.domain.action_names_or_texts[number]
            action = self._local.get(name) or action_for_index(number, self.domain, self.action_endpoint)
            self._actions[number] = action
        return action, prediction

    def _log_action_on_tracker(
        self,
        tracker: DialogueStateTracker,
        action: Action,
        events: list[Event] | None,
        prediction: PolicyPrediction,
    ) -> None:
        """As Rasa does it, without the deep copies it makes for a debug log that is off."""
        events = events or []
        if not any(isinstance(event, ActionExecutionRejected) for event in events):
            tracker.update_with_events(prediction.events, self.domain)
            tracker.update(action.event_for_successful_execution(prediction))
        tracker.update_with_events(events, self.domain)

    async def run_action_extract_slots(
        self, output_channel: OutputChannel, tracker: DialogueStateTracker
    ) -> DialogueStateTracker:
        """Fill slots from the message, where the domain has slots of its own to fill."""
        if self._slots:
            tracker = await super().run_action_extract_slots(output_channel, tracker)
        return tracker

    async def trigger_external_user_uttered(
        self,
        intent_name: str,
        entities: list[dict[str, Any]] | dict[str, str] | None,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
    ) -> None:
        """Run the turn of an intent that came from outside; what it says is said at once, before it is remembered."""
        told = await self._addressing(tracker.sender_id) if self._addressing is not None else {}
        named = [{"entity": name, "value": value} for name, value in entities.items()] if isinstance(
            entities, dict
        ) else list(entities or ())  # fmt: skip
        came_by = tracker.get_latest_input_channel() or output_channel.name()
        event = UserUttered.create_external(intent_name, named, came_by)
        event.metadata.update({**told, IS_EXTERNAL: True})
        event.parse_data["text"] = ""  # nobody wrote anything
        tracker.update(event, self.domain)
        channel = Collector() if isinstance(output_channel, Delivers) else output_channel
        tracker = await self.run_action_extract_slots(channel, tracker)
        await self._run_prediction_loop(channel, tracker)
        if isinstance(channel, Collector) and isinstance(output_channel, Delivers):
            await output_channel.deliver(tracker.sender_id, channel.answers)
        await self.save_tracker(tracker)

    async def execute_side_effects(
        self, events: list[Event], tracker: DialogueStateTracker, output_channel: OutputChannel
    ) -> None:
        """Say what events say: together, where the channel can."""
        if not isinstance(output_channel, Delivers):
            await super().execute_side_effects(events, tracker, output_channel)
            return
        collector = Collector()
        await super().execute_side_effects(events, tracker, collector)
        await output_channel.deliver(tracker.sender_id, collector.answers)
