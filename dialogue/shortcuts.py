"""Turns of Rasa whose course is known, answered without running them again.

What a rule says depends on the course of events: what was remembered, which intent, which entities (`predictions`).
Where Rasa has once run one action of ours after such a course and then listened, it will again. So the second time
that action is asked directly, and what is remembered is what Rasa would have kept. A turn in which anything else
happened (a second action, a slot, a response of the catalogue) is always Rasa's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rasa.shared.core.constants import ACTION_LISTEN_NAME, SESSION_START_METADATA_SLOT

from conversation.messages.model import Understood

Row: TypeAlias = Mapping[str, Any]
"""An event as it is remembered."""
Course: TypeAlias = tuple[tuple[str, ...], ...]
MOST = 20_000
_SILENT = frozenset({"bot", "session_started", "user_featurization"})


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An action that answers by itself, and the events of its turn."""

    action: str
    events: tuple[Row, ...]

    def remembered(self, before: Sequence[Row], message: Row, *, at: float) -> tuple[dict[str, Any], ...]:
        """What is to be remembered after the turn of a `message`, in the place of what was `before` it."""
        slots = (dict(row) for row in before if row["event"] == "slot")
        turn = ({**row, **(message if row["event"] == "user" else {}), "timestamp": at} for row in self.events)
        return (*slots, *turn)


class Shortcuts:
    """Learns from Rasa's turns. `actions` are those that answer by themselves."""

    def __init__(self, actions: Collection[str]) -> None:
        self._actions = actions
        self._known: dict[tuple[Course, str, tuple[str, ...]], Shortcut] = {}

    def find(self, remembered: Sequence[Row], understood: Understood) -> Shortcut | None:
        """The way a turn is known to take."""
        course = _course(remembered)
        return self._known.get(_key(course, understood)) if course else None

    def learn(self, remembered: Sequence[Row], understood: Understood, kept: Sequence[Row]) -> None:
        """See whether the turn that just ended can be cut short from now on. `kept` is what Rasa remembers of it."""
        course = _course(remembered)
        turn = tuple(row for row in kept if row["event"] != "slot")
        way = _course(turn)
        if not course or way is None or len(way) != 4 or len(self._known) >= MOST:
            return
        (_, before), (heard, *_), (_, action), (_, after) = way[0], way[1], way[2], way[3]
        if heard == "heard" and before == after == ACTION_LISTEN_NAME and action in self._actions:
            self._known[_key(course, understood)] = Shortcut(action, turn)


def _key(course: Course, understood: Understood) -> tuple[Course, str, tuple[str, ...]]:
    return course, understood.intent, tuple(sorted(understood.entities))


def _course(rows: Iterable[Row]) -> Course | None:
    """What rules can see of events; None if there is more to them than intents, entities and actions."""
    course: list[tuple[str, ...]] = []
    for row in rows:
        match row["event"]:
            case "user":
                told = row["parse_data"]
                names = sorted({str(entity.get("entity")) for entity in told.get("entities", ())})
                course.append(("heard", str(told["intent"].get("name")), *names))
            case "action":
                course.append(("did", str(row["name"])))
            case "slot" if row["name"] == SESSION_START_METADATA_SLOT:
                pass  # Rasa's own, of no influence
            case kind if kind in _SILENT:
                pass
            case _:
                return None
    return tuple(course)
