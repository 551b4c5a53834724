"""The stand-in's templates: what a business account has, what Meta makes of it, and what may be sent.

Sources: Meta's pages "Templates", "Template components", "Template management" (edits, deletion), "Template review",
"Error codes" (2388040 …), "message_template_status_update", "template_category_update".
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from simulator.errors import Rejected
from simulator.template_rules import TemplateRejected, check_creation, gaps_in

Json = dict[str, Any]

HOUR, DAY, MONTH = 3600.0, 24 * 3600.0, 30 * 24 * 3600.0
EDITABLE: Final = frozenset({"APPROVED", "REJECTED", "PAUSED"})
CODES: Final = {"PAUSED": 132015, "DISABLED": 132016}


@dataclass(slots=True)
class Known:
    """One template in one language."""

    id: str
    name: str
    language: str
    category: str
    components: list[Json]
    parameter_format: str = "POSITIONAL"
    status: str = "PENDING"
    quality: str = "UNKNOWN"
    reason: str = "NONE"
    correct_category: str = ""
    edits: list[float] = field(default_factory=list)

    def as_json(self) -> Json:
        """As ``GET …/message_templates`` lists it."""
        row: Json = {
            "id": self.id, "name": self.name, "language": self.language, "status": self.status,
            "category": self.category, "components": self.components, "parameter_format": self.parameter_format,
            "quality_score": {"score": self.quality}, "rejected_reason": self.reason,
        }  # fmt: skip
        return row | ({"correct_category": self.correct_category} if self.correct_category else {})


class TemplateBook:
    """The templates of one account. With ``auto_review`` everything is approved at once, else by ``review``.

    ``per_hour`` is how many may be created in an hour; ``clock`` gives seconds since 1970.
    """

    def __init__(
        self, account_id: str = "102290129340398", *, auto_review: bool = False, per_hour: int = 100,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.account_id = account_id
        self.auto_review = auto_review
        self.per_hour = per_hour
        self.calls: list[str] = []
        self._clock = clock
        self._all: dict[tuple[str, str], Known] = {}
        self._ids = count(10**15)
        self._created: deque[float] = deque()
        self._blocked: dict[str, float] = {}
        self._failures: deque[Rejected] = deque()

    # ---- test control

    def fail_next(
        self, code: int, subcode: int | None = None, times: int = 1, *, http_status: int | None = None
    ) -> None:  # fmt: skip
        """Make the next ``times`` calls fail."""
        error = TemplateRejected(code, subcode, "Asked for by the test.", http_status=http_status)
        self._failures.extend([error] * times)

    def review(self, name: str, status: str = "APPROVED", *, language: str | None = None, reason: str = "NONE") -> Json:
        """Meta decides: all languages, or one. Returns the webhook body that tells it."""
        changes = []
        for known in self.named(name, language):
            known.status, known.reason = status, reason
            value = self._value(known) | {
                "event": status, "reason": reason, "message_template_category": known.category,
            }  # fmt: skip
            changes.append(self._change("message_template_status_update", value))
        return self._body(changes)

    def review_all(self, status: str = "APPROVED") -> Json:
        """Meta decides everything that waits."""
        waiting = {known.name for known in self._all.values() if known.status == "PENDING"}
        return self._body([one for name in sorted(waiting) for one in self.review(name, status)["entry"][0]["changes"]])

    def recategorise(self, name: str, category: str, *, language: str | None = None, announce: bool = False) -> Json:
        """Meta puts a template in another category, or says that it will in a day. Returns the webhook body."""
        changes = []
        for known in self.named(name, language):
            if announce:
                known.correct_category = category
                extra: Json = {
                    "new_category": known.category, "correct_category": category,
                    "category_update_timestamp": int(self._clock() + DAY),
                }  # fmt: skip
            else:
                extra = {"previous_category": known.category, "new_category": category}
                known.category, known.correct_category = category, ""
            changes.append(self._change("template_category_update", self._value(known) | extra))
        return self._body(changes)

    def rate(self, name: str, quality: str, *, language: str | None = None) -> Json:
        """Customers like or dislike it. Returns the webhook body."""
        changes = []
        for known in self.named(name, language):
            extra = {"previous_quality_score": known.quality, "new_quality_score": quality}
            known.quality = quality
            changes.append(self._change("message_template_quality_update", self._value(known) | extra))
        return self._body(changes)

    def named(self, name: str, language: str | None = None) -> list[Known]:
        """A template in all its languages, or in one. KeyError if there is none."""
        found = [one for one in self._all.values() if one.name == name and language in (None, one.language)]
        if not found:
            raise KeyError(f"{name}/{language}")
        return found

    def add(self, name: str, language: str = "en", *, category: str = "UTILITY", body: str = "Hello.") -> Known:
        """Something that was made in WhatsApp Manager, and approved."""
        known = Known(
            str(next(self._ids)), name, language, category, [{"type": "BODY", "text": body}], status="APPROVED"
        )
        self._all[name, language] = known
        return known

    def forget(self) -> None:
        """Begin anew, as an account without templates."""
        for kept in (self.calls, self._all, self._created, self._blocked, self._failures):
            kept.clear()

    # ---- what the endpoints do

    def begin(self, call: str) -> None:
        """A call comes in."""
        self.calls.append(call)
        if self._failures:
            raise self._failures.popleft()

    def rows(self) -> list[Json]:
        """All of them."""
        return [known.as_json() for known in self._all.values()]

    def create(self, request: Mapping[str, Any]) -> Json:
        """A new template."""
        check_creation(request)
        key = (str(request["name"]), str(request["language"]))
        now = self._clock()
        if self._blocked.get(key[0], 0) > now:
            raise TemplateRejected(100, 2388023, "The content of this name is being deleted.")
        if key in self._all:
            raise TemplateRejected(100, 2388024, "There is already content in this language for this template.")
        while self._created and self._created[0] <= now - HOUR:
            self._created.popleft()
        if len(self._created) >= self.per_hour:
            raise TemplateRejected(80007, None, "There have been too many calls to this WhatsApp Business account.")
        self._created.append(now)
        known = Known(
            str(next(self._ids)), *key, str(request["category"]).upper(), list(request["components"]),
            str(request.get("parameter_format", "POSITIONAL")).upper(), "APPROVED" if self.auto_review else "PENDING",
        )  # fmt: skip
        self._all[key] = known
        return {"id": known.id, "status": known.status, "category": known.category}

    def edit(self, id_: str, request: Mapping[str, Any]) -> Json:
        """Other components or another category."""
        known = next((one for one in self._all.values() if one.id == id_), None)
        if known is None:
            raise TemplateRejected(100, 33, "Unsupported post request. Object does not exist.")
        if known.status not in EDITABLE:
            raise TemplateRejected(100, 2388094, f"A template that is {known.status} cannot be edited.")
        if known.status == "APPROVED":
            self._count_edit(known, request)
        merged = {**known.as_json(), **request}
        check_creation(merged)
        known.components, known.category = list(merged["components"]), str(merged["category"]).upper()
        known.parameter_format = str(merged["parameter_format"]).upper()
        known.status, known.reason = "APPROVED" if self.auto_review else "PENDING", "NONE"
        return {"success": True}

    def delete(self, name: str | None, id_: str | None) -> Json:
        """A template in all its languages, or the one with the id."""
        gone = [one for one in self._all.values() if one.name == name and id_ in (None, one.id)]
        if not gone:
            raise TemplateRejected(100, 2593002, "The message template to be deleted was not found.")
        if any(one.status == "DISABLED" for one in gone):
            raise TemplateRejected(100, None, "A disabled template cannot be deleted.")
        if any(one.status == "APPROVED" for one in gone):
            self._blocked[str(name)] = self._clock() + MONTH
        for one in gone:
            del self._all[one.name, one.language]
        return {"success": True}

    def check_sending(self, template: Mapping[str, Any]) -> None:
        """Refuse what is not approved, and what does not fill its gaps: 132000, 132001, 132012, 132015, 132016."""
        name, language = template["name"], template["language"]["code"]
        known = self._all.get((name, language))
        if known is None or known.status not in {"APPROVED", *CODES}:
            raise Rejected(132001, f"template name ({name}) does not exist in {language}")
        if known.status in CODES:
            raise Rejected(CODES[known.status], f"template {name} in {language} is {known.status.lower()}")
        given = {str(one.get("type", "")).lower(): one for one in template.get("components", ())}
        for part in known.components:
            kind = str(part["type"]).lower()
            gaps = gaps_in(str(part.get("text", "")))
            if kind in {"header", "body"} and part.get("format", "TEXT").upper() == "TEXT":
                _check_values(known, kind, gaps, (given.get(kind) or {}).get("parameters", ()))
        buttons: list[Json] = next(
            (part["buttons"] for part in known.components if part["type"].upper() == "BUTTONS"), []
        )
        _check_buttons(buttons, [one for one in template.get("components", ()) if one.get("type") == "button"])

    def _count_edit(self, known: Known, request: Mapping[str, Any]) -> None:
        now = self._clock()
        if str(request.get("category", known.category)).upper() != known.category:
            raise TemplateRejected(100, 2388093, "The category of an approved template cannot be changed.")
        known.edits = [at for at in known.edits if at > now - MONTH]
        if len(known.edits) >= 10 or (known.edits and known.edits[-1] > now - DAY):
            raise TemplateRejected(100, 2388095, "Approved: one edit in 24 hours, 10 in 30 days.")
        known.edits.append(now)

    @staticmethod
    def _value(known: Known) -> Json:
        return {
            "message_template_id": int(known.id), "message_template_name": known.name,
            "message_template_language": known.language.replace("_", "-"),
        }  # fmt: skip

    @staticmethod
    def _change(what: str, value: Json) -> Json:
        return {"field": what, "value": value}

    def _body(self, changes: list[Json]) -> Json:
        entry = {"id": self.account_id, "time": int(self._clock()), "changes": changes}
        return {"object": "whatsapp_business_account", "entry": [entry]}


def _check_values(known: Known, kind: str, gaps: list[str], values: Iterable[Mapping[str, Any]]) -> None:
    values = list(values)
    if len(values) != len(gaps):
        details = f"{kind}: number of localizable_params ({len(values)}) does not match the expected {len(gaps)}"
        raise Rejected(132000, details)
    if known.parameter_format == "NAMED" and {str(one.get("parameter_name")) for one in values} != set(gaps):
        raise Rejected(132012, f"{kind}: parameter names do not match the template's: {', '.join(gaps)}")


def _check_buttons(buttons: list[Json], given: list[Mapping[str, Any]]) -> None:
    kinds = {"QUICK_REPLY": "quick_reply", "URL": "url", "COPY_CODE": "copy_code", "PHONE_NUMBER": "phone"}
    filled = {int(one["index"]): str(one["sub_type"]).lower() for one in given}
    for place, kind in filled.items():
        if place >= len(buttons) or kinds.get(buttons[place]["type"].upper()) != kind:
            raise Rejected(132012, f"buttons: there is no {kind} at index {place}")
    for place, button in enumerate(buttons):
        needs = button["type"].upper() == "COPY_CODE" or re.search(r"\{\{", button.get("url", ""))
        if needs and place not in filled:
            raise Rejected(132012, f"buttons: Button at index {place} of type {button['type']} requires a parameter")
