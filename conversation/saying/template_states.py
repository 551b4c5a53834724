"""What WhatsApp says of templates: kept in the store, however it is heard of, with what follows from it.

News comes by webhook (`TemplateWatch`) and by asking (`passaparola templates sync`); what is older than what is known
is passed over. A template that can no longer be sent raises an alarm and holds up its messages; one that was turned
into marketing raises an alarm, and its messages that wait are marketing from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from conversation.alarms import close_alarm, raise_alarm
from conversation.arriving.happenings import Happening, TemplateChanged
from conversation.leaving import brakes
from conversation.leaving.outbox import CATEGORIES, MARKETING
from conversation.saying.templating import APPROVED, counts_as
from conversation.tables import OutboxRow, TemplateRow

SKEW = timedelta(minutes=1)
"""WhatsApp tells its time in whole seconds, by a clock of its own."""
CATEGORY_ALARM, STATE_ALARM = "template_category", "template"
HOLDS = frozenset({"paused", "disabled"})
"""States in which messages wait for better days, instead of failing one by one."""
GONE = frozenset({"rejected", "deleted", "pending_deletion", "archived"})
_SAME = {"reinstated": APPROVED, "unpaused": APPROVED}
_WARNINGS = frozenset({"flagged", "limit_exceeded", "locked"})
"""Events that tell of a danger and leave the status as it is."""


@dataclass(frozen=True, slots=True)
class News:
    """What was heard of a template; None where nothing was said. Categories and states in small letters."""

    status: str | None = None
    reason: str | None = None
    category: str | None = None
    due: str | None = None
    """The category it is to have; empty if it is to keep its own."""
    quality: str | None = None


def find_template(session: Session, name: str | None, language: str | None, meta_id: str | None) -> TemplateRow | None:
    """The row of a template, locked, by WhatsApp's id of it or by name and language."""
    by_id = select(TemplateRow).where(TemplateRow.meta_id == meta_id).with_for_update()
    row = session.scalars(by_id).first() if meta_id else None
    if row is not None or not name or not language:
        return row
    written = language.replace("-", "_")  # webhooks write en-US, the API en_US
    by_name = select(TemplateRow).where(TemplateRow.name == name, TemplateRow.language == written).with_for_update()
    return session.scalars(by_name).first()


def all_templates(session: Session) -> dict[tuple[str, str], TemplateRow]:
    """Every template that was handed in, by name and language."""
    rows = session.scalars(select(TemplateRow).order_by(TemplateRow.name, TemplateRow.language))
    return {(row.name, row.language): row for row in rows}


def hear(
    session: Session, row: TemplateRow, news: News, *, at: datetime, now: datetime, asked: bool = False
) -> None:  # fmt: skip
    """Take in what WhatsApp said at a moment, with all that follows from it. `row` is locked.

    What it said because it was `asked` counts by our clock, which may be ahead of WhatsApp's.
    """
    heard = at - SKEW if asked else at
    if news.status is not None and (asked or at >= row.status_at):
        _status(session, row, _SAME.get(news.status, news.status), news.reason, now)
        row.status_at = max(row.status_at, heard)
    if (news.category is not None or news.due is not None) and (asked or at >= row.category_at):
        _category(session, row, news, now)
        row.category_at = max(row.category_at, heard)
    if news.quality is not None:
        row.quality = news.quality
    row.updated_at = now
    session.flush()


class TemplateWatch:
    """Handles the channel's events of kind `template`. What we never handed in is passed over."""

    def __call__(self, session: Session, event: Happening, now: datetime) -> None:
        """Take in the news of an event."""
        assert isinstance(event, TemplateChanged)
        row = find_template(session, event.name, event.language, event.template_id)
        if row is None:
            return
        if event.what == "message_template_status_update" and _small(event.value) in _WARNINGS:
            _alarm(session, row, f"WhatsApp says: {event.value}", now)
            return
        hear(session, row, news_of(event), at=event.at, now=now)


def news_of(event: TemplateChanged) -> News:
    """What an event says, in our words.

    Meta ("template_category_update"): `new_category` is what it is now, `correct_category` what it becomes in a day.
    """
    detail = event.detail
    match event.what:
        case "message_template_status_update":
            return News(_small(event.value), _reason(detail), _category_of(detail.get("message_template_category")))
        case "message_template_quality_update":
            return News(quality=_small(event.value))
        case "template_category_update":
            return News(category=_category_of(event.value), due=_category_of(detail.get("correct_category")) or "")
    return News()


def _status(session: Session, row: TemplateRow, status: str, reason: str | None, now: datetime) -> None:
    was, row.status, row.reason = row.status, status, reason
    key = brakes.template_key({"name": row.name, "language": row.language})
    if status == APPROVED:
        brakes.resume(session, key, now=now)
        close_alarm(session, STATE_ALARM, subject=_subject(row), now=now)
        row.reason = None
    elif status != was and status in HOLDS | GONE:
        said = f"the template is {status} and is not sent" + (f": {reason}" if reason else "")
        if status in HOLDS:
            brakes.pause(session, key, code=None, why=said, now=now)
        _alarm(session, row, f"{said}; `passaparola templates status` shows all", now)


def _category(session: Session, row: TemplateRow, news: News, now: datetime) -> None:
    before = counts_as(row)
    row.category = news.category or row.category
    row.due = row.due if news.due is None else news.due or None
    row.due = None if row.due == row.category else row.due
    after = counts_as(row)
    if after == MARKETING and MARKETING not in {row.declared, before}:
        turned = f"WhatsApp counts the {row.declared} template as marketing" + (" from tomorrow" if row.due else "")
        said = f"{turned}: only those who want offers get it; reword it, or ask Meta for a review within 60 days"
        raise_alarm(session, CATEGORY_ALARM, said, subject=_subject(row), now=now)
        _now_marketing(session, row)
    elif after == row.declared:
        close_alarm(session, CATEGORY_ALARM, subject=_subject(row), now=now)


def _now_marketing(session: Session, template: TemplateRow) -> None:
    """What waits to be sent with a template is marketing now, too."""
    named = or_(
        *(part["template"]["name"].as_string() == template.name for part in (OutboxRow.message, OutboxRow.fallback))
    )
    waiting = select(OutboxRow).where(OutboxRow.state == "waiting", named).with_for_update()
    for row in session.scalars(waiting):
        if _is(row.message, template):
            row.message = _as_marketing(row.message)
            row.category, row.bulk = MARKETING, True
        if row.fallback is not None and _is(row.fallback, template):
            row.fallback = _as_marketing(row.fallback)


def _is(part: Mapping[str, Any], template: TemplateRow) -> bool:
    told = part.get("template") or {}
    return (told.get("name"), told.get("language")) == (template.name, template.language)


def _as_marketing(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "template": {**part["template"], "category": MARKETING}}


def _alarm(session: Session, row: TemplateRow, said: str, now: datetime) -> None:
    raise_alarm(session, STATE_ALARM, said, subject=_subject(row), now=now)


def _subject(row: TemplateRow) -> str:
    return f"{row.name}/{row.language}"


def _small(word: object) -> str | None:
    return word.lower()[:32] if isinstance(word, str) and word else None


def _category_of(word: object) -> str | None:
    small = _small(word)
    return small if small in CATEGORIES else None


def _reason(detail: Mapping[str, Any]) -> str | None:
    """Why, in Meta's words: what was wrong and what it recommends, else its word for it."""
    told = detail.get("rejection_info") or detail.get("other_info")
    words = [told.get(key) for key in ("reason", "title", "recommendation", "description")] if told else []
    said = ". ".join(str(word).rstrip(".") for word in words if word) or str(detail.get("reason") or "")
    return said if said not in {"", "NONE"} else None
