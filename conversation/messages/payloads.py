"""Rasa's payloads, `/intent{"entity": "value"}`, as choices. Nobody ever sees one: it becomes what a button does."""

import json
import re
from collections.abc import Mapping
from typing import Any

from conversation.messages.cutting import line
from conversation.messages.extras import Link
from conversation.messages.model import Choice
from flows.model import Ask

_PAYLOAD = re.compile(r"/?(?P<intent>[^{@\s]+)(?:@[0-9.]+)?\s*(?P<entities>\{.*\})?", re.DOTALL)
UNCLEAR = "nlu_fallback"
"""The intent of a payload that is no intent."""


def words_in(value: Any) -> str:
    """A text or a number as text; nothing of what is neither, for it would be read by a customer."""
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def read_payload(payload: str) -> Ask:
    """What a payload asks; entities that cannot be read are left out."""
    found = _PAYLOAD.fullmatch(payload.strip())
    if found is None:
        return Ask(UNCLEAR)
    try:
        told = json.loads(found["entities"] or "{}")
    except (ValueError, RecursionError):
        told = {}
    entities = {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}
    return Ask(found["intent"], entities)


def read_button(button: Mapping[str, Any], section: str | None = None) -> Choice | Link | None:
    """A button of Rasa's (or of another channel's) as a choice or a link; None for one without a title."""
    title = line(words_in(button.get("title")) or words_in(button.get("text")))
    if not title:
        return None
    if (url := words_in(button.get("url"))) and button.get("type", "web_url") == "web_url":
        return Link(url, title)
    detail = line(words_in(button.get("description"))) or None
    return Choice(read_payload(words_in(button.get("payload"))), title, detail, (), section)
