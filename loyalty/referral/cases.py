"""A referral on the table: as it was, and as it is judged by the rules it began under and all that is known.

Nothing depends on the order in which news came. What a person decided stands until a person decides otherwise.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.programme import Programme
from loyalty.referral import fraud
from loyalty.referral.known import facts_of, orders_of
from loyalty.referral.qualifying import Arrival, State, arrival, state_of, window_end
from loyalty.revisions import rules_of
from loyalty.rewards.gifts import Given
from loyalty.rules.parts import Gift
from loyalty.rules.referral import Verdict
from loyalty.store.sql import execute, table_of
from loyalty.tables import Finding, Member, Referral

LATE_EVIDENCE = timedelta(days=1)
"""Signals seen longer than this after the rewards became usable do not count against them any more."""
Side = Literal["referrer", "friend"]
_FINDING = insert(table_of(Finding))


@dataclass(slots=True)
class Case:
    """A referral, with what becomes of it."""

    row: Referral
    rules: Programme
    before: State
    counted_before: datetime | None
    """When it counted as rewarded until now."""
    activates_at: datetime | None = None
    """From when its gifts can be used; at once if they need not wait."""
    moved: bool = False
    """Another order counts now, so that gifts wait for another day."""
    given: dict[Side, Given] = field(default_factory=dict)
    taken: list[Side] = field(default_factory=list)

    @property
    def counts(self) -> datetime | None:
        """When it counts as rewarded."""
        return _counts(self.row)

    def member(self, side: Side) -> MemberId:
        """Who is on a side."""
        return MemberId(self.row.referrer_id if side == "referrer" else self.row.referee_id)

    def gift(self, side: Side) -> Gift | None:
        """What a side gets."""
        rule = self.rules.referral
        return rule.referrer if side == "referrer" else rule.friend

    def has(self, side: Side) -> bool:
        """Whether a side has its gift."""
        return self.row.referrer_given if side == "referrer" else self.row.friend_given

    def note(self, side: Side, *, given: bool) -> None:
        """Note that a side has its gift now, or has it no longer."""
        if side == "referrer":
            self.row.referrer_given = given
        else:
            self.row.friend_given = given


def open_case(session: Session, programme: Programme, row: Referral) -> Case:
    """A referral as it is now. One that is older than revisions is judged by the present rules from here on."""
    if row.revision is None and not is_history(row):
        row.revision = programme.revision
    return Case(row, rules_of(session, programme, row.revision), cast(State, row.state), _counts(row))


def is_history(row: Referral) -> bool:
    """Whether a referral was done with before there were rewards: nothing is owed for it."""
    return row.revision is None and row.state == "rewarded" and row.rewarded_at is None


def judge(session: Session, programme: Programme, case: Case, now: datetime) -> None:
    """Work out where a referral stands, and keep it. Gifts are another matter (`referral_rewards`)."""
    row, rule = case.row, case.rules.referral
    friend = session.get_one(Member, row.referee_id, populate_existing=True)
    end = window_end(rule, row.created_at)
    found = arrival(rule, row.created_at, friend.joined_at, orders_of(session, MemberId(friend.id), end))
    final_at = None
    if found.at is not None:
        days = _pending_days(session, programme, case.rules, found)
        final_at = found.at + timedelta(days=days)
        case.activates_at = final_at if days else None
    if row.decided_by is None and not (row.verdict is not None and _is_erased(session, row)):
        row.verdict = _checked(session, case, final_at + LATE_EVIDENCE, now) if final_at is not None else None
    case.moved = found.at != row.converted_at
    row.ends_at, row.converted_at = end, found.at
    row.state = state_of(found, cast(Verdict | None, row.verdict), end, now)
    row.rewarded_at = (row.rewarded_at or now) if row.state == "rewarded" else None
    if row.state != "held":
        row.review_due_at = None
    elif row.review_due_at is None:
        row.review_due_at = now + timedelta(days=rule.review_days)


def _is_erased(session: Session, row: Referral) -> bool:
    """Whether one of both was erased, and with her the evidence: what was found before holds."""
    return any(session.get_one(Member, id_).erased_at is not None for id_ in (row.referrer_id, row.referee_id))


def _counts(row: Referral) -> datetime | None:
    return row.converted_at if row.state == "rewarded" else None


def _pending_days(session: Session, programme: Programme, rules: Programme, found: Arrival) -> int:
    if rules.referral.pending_days is not None:
        return rules.referral.pending_days
    if found.order is None:
        return 0
    return rules_of(session, programme, found.order.revision).earning.purchase.pending_days


def _checked(session: Session, case: Case, until: datetime, now: datetime) -> Verdict:
    """What the checks say of what was seen until then; each finding is kept once, with what it looked at."""
    facts = facts_of(session, case.row, until)
    findings = fraud.examine(case.rules.referral.checks, facts)
    if findings:
        known = [
            (name, reaction, facts)
            for name, reaction, facts in session.execute(
                select(Finding.name, Finding.reaction, Finding.facts).where(Finding.referral_id == case.row.id)
            )
        ]
        for one in findings:
            if (one.name, one.reaction, one.facts) not in known:
                row = {
                    "programme_id": case.row.programme_id, "referral_id": case.row.id, "name": one.name,
                    "reaction": one.reaction, "explanation": one.explanation, "facts": dict(one.facts), "at": now,
                }  # fmt: skip
                execute(session, _FINDING, row)
    return fraud.verdict_of(findings)
