"""What a refusal means beyond its message: a pause, an alarm, a consent withdrawn, a person marked."""

import random
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from conversation.leaving import brakes
from conversation.leaving.refusals import Do, Refusal, decide, template_of
from conversation.tables import Conversation, OutboxRow
from loyalty.people.members import set_marketing
from loyalty.tables import Member

log = structlog.get_logger()


def refuse(
    session: Session, row: OutboxRow, refusal: Refusal, *, now: datetime, dice: Callable[[], float] = random.random
) -> None:
    """A message was refused: decide what becomes of it and do what else follows. `row` is locked and current."""
    verdict = decide(
        refusal, attempts=row.attempts, message=row.message, fallback=row.fallback, now=now, dice=dice
    )  # fmt: skip
    _consequences(session, row, refusal, now)
    row.state, row.updated_at = verdict.state, now
    row.error_code, row.error = refusal.code, refusal.text
    row.next_try_at = verdict.again or now
    if verdict.message is not None:
        row.message = verdict.message
    if verdict.is_fallback:
        row.fallback = None
        row.category = category_of(row.message) or row.category
    if verdict.state != "unsure":
        row.cost, row.currency, row.billed_on, row.billed_as = None, None, None, None
    session.flush()
    log.warning(
        "a message was refused", outbox_id=row.id, code=refusal.code, error=refusal.text, becomes=verdict.state,
        again=verdict.again,
    )  # fmt: skip


def category_of(message: dict[str, object]) -> str | None:
    """The category of a template message; None for a free-form one or if it does not say."""
    template = template_of(message)
    category = template.get("category") if template is not None else None
    return str(category) if category else None


def _consequences(session: Session, row: OutboxRow, refusal: Refusal, now: datetime) -> None:
    code, text = refusal.code, refusal.text
    match refusal.do:
        case Do.SLOW_DOWN:
            brakes.slow_down(session, row.number_id, now=now)
        case Do.PAUSE_NUMBER:
            _stop(session, brakes.number_key(row.number_id), code, text, now)
        case Do.PAUSE_MARKETING:
            _stop(session, brakes.marketing_key(row.number_id), code, text, now)
        case Do.PAUSE_TEMPLATE if (template := template_of(row.message)) is not None:
            _stop(session, brakes.template_key(template), code, text, now)
        case Do.END_MARKETING:
            member = session.get_one(Member, row.member_id, with_for_update=True)
            if member.marketing_opt_in:
                evidence = f"outbox {row.id}, error {code}"
                set_marketing(session, member, given=False, words=text, evidence=evidence, now=now)
        case Do.MARK_UNREACHABLE:
            session.execute(
                update(Conversation)
                .where(Conversation.member_id == row.member_id)
                .values(unreachable_at=row.tried_at or now)  # what she wrote since then makes it void
                .execution_options(synchronize_session=False)
            )
        case Do.FIX:
            raise_alarm(session, "refused", text, subject=f"code {code}", code=code, now=now)


def _stop(session: Session, key: str, code: int | None, text: str, now: datetime) -> None:
    """Pause, and tell a person why. An alarm has the kind and the subject of what is paused."""
    brakes.pause(session, key, code=code, why=text, now=now)
    kind, _, subject = key.partition(":")
    raise_alarm(session, kind, text, subject=subject, code=code, now=now)
