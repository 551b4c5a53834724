"""What speaks against rewarding a referral: pure checks over facts, each with a name, a reaction and an explanation.

The facts are of the moment the code was entered or of what is known for good, so a verdict does not depend on the
order in which news arrived. Of a ring of members who invited one another only the code that closes it is refused:
those before it were honest invitations as far as anybody can tell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from loyalty.ids import MemberId
from loyalty.people.identities import Kind, Ref, one_spelling
from loyalty.rules.referral import Checks, Reaction, Verdict

SignalKind = Literal["payment", "device", "address", "email"]
FURTHEST = 20
"""So many steps up the chain of referrers are walked."""

_WORST: dict[Reaction, Verdict] = {"ignore": "accept", "hold": "hold", "reject": "reject"}
_SHARED: dict[SignalKind, str] = {
    "payment": "the same means of payment",
    "device": "the same device",
    "address": "the same postal address",
    "email": "the same e-mail address",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what it looked at. `facts` name members by id and hold no personal data."""

    name: str
    reaction: Reaction
    explanation: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shared:
    """What the friend has in common with the referrer, or with other friends whom he brought before her."""

    kind: SignalKind
    with_referrer: bool
    with_friends: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at."""

    referrer: MemberId
    friend: MemberId
    referrer_refs: tuple[Ref, ...] = ()
    friend_refs: tuple[Ref, ...] = ()
    known_before: bool = False
    """The friend was a customer of the business before there was a programme for her."""
    ordered_before: datetime | None = None
    """Her first order, if she placed it before she entered the code."""
    chain: tuple[MemberId, ...] = ()
    """Who brought the referrer, who brought that one, and so on: by codes entered earlier, at most `FURTHEST`."""
    in_hour: int = 1
    """Friends of the referrer in the hour up to this one, herself included."""
    in_day: int = 1
    shared: tuple[Shared, ...] = ()


def examine(checks: Checks, facts: Facts) -> tuple[Finding, ...]:
    """Everything that speaks against a referral, in an order that depends on the facts only."""
    return (
        *_self(facts),
        *_customer(facts),
        *_circle(checks, facts),
        *_velocity(checks, facts),
        *_signals(checks, facts),
    )


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The worst that any finding asks for."""
    asked = {_WORST[finding.reaction] for finding in findings}
    return "reject" if "reject" in asked else "hold" if "hold" in asked else "accept"


def plain(ref: Ref) -> Ref:
    """An identity without the differences that make no other person: letters may be large or small."""
    if ref.kind is Kind.PHONE:
        return Ref(ref.kind, one_spelling(ref.value))
    return Ref(ref.kind, ref.value.strip().casefold())


def _self(facts: Facts) -> Iterable[Finding]:
    if facts.referrer == facts.friend:
        yield Finding("self", "reject", "the friend is the referrer herself", {"member": facts.friend})
        return
    common = {plain(ref) for ref in facts.referrer_refs} & {plain(ref) for ref in facts.friend_refs}
    if common:
        kinds = sorted({str(ref.kind) for ref in common})
        said = f"both are known by the same {' and '.join(kinds)}: most likely one person"
        yield Finding("self", "reject", said, {"member": facts.referrer, "kinds": kinds})


def _customer(facts: Facts) -> Iterable[Finding]:
    if facts.known_before:
        said = "the friend was a customer before she came to the programme"
        yield Finding("customer", "reject", said, {"known_before": True})
    elif facts.ordered_before is not None:
        said = "the friend had ordered before she entered the code"
        yield Finding("customer", "reject", said, {"ordered_at": facts.ordered_before.isoformat()})


def _circle(checks: Checks, facts: Facts) -> Iterable[Finding]:
    if facts.friend in facts.chain:
        ring = [facts.friend, *reversed(facts.chain[: facts.chain.index(facts.friend)]), facts.referrer]
        said = f"the referrer came by the friend, over a ring of {len(ring)} members"
        yield Finding("circle", checks.circle, said, {"members": ring})


def _velocity(checks: Checks, facts: Facts) -> Iterable[Finding]:
    for name, friends, most in (("an_hour", facts.in_hour, checks.an_hour), ("a_day", facts.in_day, checks.a_day)):
        if friends > most:
            said = f"number {friends} of the referrer's friends within {name.replace('_', ' ')}; {most} are usual"
            yield Finding(name, "hold", said, {"friends": friends, "most": most})


def _signals(checks: Checks, facts: Facts) -> Iterable[Finding]:
    reactions: dict[SignalKind, Reaction] = {
        "payment": checks.shared_payment, "device": checks.shared_device, "address": checks.shared_address,
        "email": checks.shared_email,
    }  # fmt: skip
    for shared in sorted(facts.shared, key=lambda one: one.kind):
        with_whom = ["the referrer"] if shared.with_referrer else []
        with_whom += [f"{shared.with_friends} earlier friends of the referrer"] if shared.with_friends else []
        yield Finding(
            f"shared_{shared.kind}", reactions[shared.kind],
            f"the friend has {_SHARED[shared.kind]} as {' and '.join(with_whom)}",
            {"with_referrer": shared.with_referrer, "with_friends": shared.with_friends},
        )  # fmt: skip
