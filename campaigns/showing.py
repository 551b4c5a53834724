"""Plans and reports as lines for people, and as JSON for programs."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from campaigns.counts import Tally
from campaigns.design import Design

if TYPE_CHECKING:
    from campaigns.report import ArmReport, Report

_STEPS = ("sent", "delivered", "read", "failed", "withheld", "unsure", "waiting")


def plan_lines(tally: Tally, design: Design) -> Iterator[str]:
    """What a plan counted."""
    yield f"audience      {tally.audience:,} members"
    for reason, count in tally.excluded.most_common():
        yield f"  left out    {count:,}  {reason.replace('_', ' ')}"
    yield f"recipients    {tally.recipients:,}"
    for name, counts in (("variant", tally.arms), ("language", tally.languages), ("country", tally.countries)):
        for key, count in sorted(counts.items()):
            yield f"  {name:<11} {count:,}  {key}{_costs(tally, key) if name == 'country' else ''}"
    if tally.capped_now:
        yield f"  capped now  {tally.capped_now:,}  had their offers of this week; looked at again at their turn"
    total = ", ".join(f"{amount} {currency}" for currency, amount in sorted(tally.total.items()))
    unknown = f", and {tally.unpriced:,} without a rate in data/rates.yml" if tally.unpriced else ""
    yield f"cost          {total or 'unknown'} as {design.category}{unknown}"
    messages = tally.recipients - tally.arms["control"]
    yield f"takes         {messages / design.rate_per_second / 60:,.1f} minutes at {design.rate_per_second:g} a second"


def _costs(tally: Tally, country: str) -> str:
    amounts = tally.costs.get(country, {})
    return "".join(f"  {amount} {currency}" for currency, amount in sorted(amounts.items()))


def report_lines(found: "Report") -> Iterator[str]:
    """What came of a campaign."""
    over = found.overview
    why = f": {over.reason}" if over.reason else ""
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(over.recipients.items()))
    yield f"{over.name} ({over.programme}) is {over.state}{why}"
    yield f"recipients: {counts or 'none'}"
    for arm in found.arms:
        yield from _arm_lines(arm, found)
    if found.split is not None:
        sound = "as it was meant" if found.split >= 0.001 else "BROKEN: something other than chance divided people"
        yield f"split: {sound} (p {found.split:.2g})"
    yield found.verdict.said
    for one in found.verdict.comparisons:
        gap = f"{one.gap:+.2%} [{one.interval.low:+.2%}, {one.interval.high:+.2%}]"
        yield f"  {one.one} less {one.other}: {gap}  p {one.p:.2g}"
    billed = ", ".join(f"{amount} {currency}" for currency, amount in sorted(found.billed.items()))
    yield f"cost: {over.spent} expected of what is in the outbox, {billed or 'nothing yet'} told by receipts"


def _arm_lines(arm: "ArmReport", found: "Report") -> Iterator[str]:
    made = arm.figures
    yield (
        f"{arm.id}: {made.assigned:,} had their turn; {found.metric} within {found.within_days} days "
        f"{made.hits(found.metric):,}, {arm.rate:.2%} [{arm.interval.low:.2%}, {arm.interval.high:.2%}]"
    )
    yield "  " + ", ".join(f"{getattr(made, name):,} {name}" for name in _STEPS)
    yield (
        f"  {made.replied:,} replied, {made.clicked:,} clicked, {made.ordered:,} ordered, {made.redeemed:,} redeemed, "
        f"{made.opted_out:,} opted out"
    )
    if arm.skipped:
        reasons = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in sorted(arm.skipped.items()))
        yield f"  left out at their turn: {reasons}"


def as_json(found: Any) -> Any:
    """Anything of a report as JSON knows it: money and instants as text."""
    if is_dataclass(found) and not isinstance(found, type):
        return as_json(asdict(found))
    if isinstance(found, Mapping):
        return {str(key): as_json(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [as_json(one) for one in found]
    if isinstance(found, datetime | date):
        return found.isoformat()
    return str(found) if isinstance(found, Decimal) else found
