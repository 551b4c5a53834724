"""Predictions a rule policy has made before.

Rules decide by what happened (which intent, which entities, which actions), not by the words, so the same course of
events has the same next action. A bot has a few thousand such courses; each is worked out once.
"""

from collections.abc import Callable
from copy import copy

from rasa.core.policies.policy import PolicyPrediction
from rasa.shared.core.constants import SESSION_START_METADATA_SLOT
from rasa.shared.core.events import (
    ActionExecuted,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

MOST = 20_000
Course = tuple[tuple[str, ...], ...]
_SILENT = (BotUttered, SessionStarted, DefinePrevUserUtteredFeaturization)


class Predictions:
    """Remembers predictions by the course of events that led to them."""

    def __init__(self, predict: Callable[[DialogueStateTracker], PolicyPrediction]) -> None:
        self._predict = predict
        self._known: dict[Course, PolicyPrediction] = {}

    def next(self, tracker: DialogueStateTracker) -> PolicyPrediction:
        """The prediction for a tracker."""
        course = course_of(tracker)
        if course is None or tracker.followup_action:
            return self._predict(tracker)
        known = self._known.get(course)
        if known is None:
            known = self._predict(tracker)
            if len(self._known) < MOST:
                self._known[course] = known
        fresh = copy(known)  # trackers keep the events they are given
        fresh.events = [copy(event) for event in known.events]
        return fresh


def course_of(tracker: DialogueStateTracker) -> Course | None:
    """What rules can see of a conversation; None if there is more to it than intents, entities and actions."""
    course: list[tuple[str, ...]] = []
    for event in tracker.events:
        match event:
            case UserUttered():
                names = sorted({str(entity.get("entity")) for entity in event.entities})
                course.append(("heard", str(event.intent.get("name")), *names))
            case ActionExecuted():
                course.append(("did", str(event.action_name)))
            case SlotSet() if event.key == SESSION_START_METADATA_SLOT:
                pass  # Rasa's own, of no influence
            case event if isinstance(event, _SILENT):
                pass
            case _:
                return None
    return tuple(course)
