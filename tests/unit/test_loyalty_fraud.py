"""What speaks against rewarding a referral, and what does not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ids import MemberId
from loyalty.people.identities import Kind, Ref
from loyalty.referral.fraud import Facts, Finding, Shared, SignalKind, examine, plain, verdict_of
from loyalty.rules.referral import Checks, Reaction
from tests.unit.helpers_hypothesis import patiently

ANNA, BRUNO, CARLA, DORA = (MemberId(name) for name in ("anna", "bruno", "carla", "dora"))
KINDS: tuple[SignalKind, ...] = ("payment", "device", "address", "email")


def facts(**known: object) -> Facts:
    """Bruno came by Anna's code, and this is known of them."""
    return Facts(**{"referrer": ANNA, "friend": BRUNO, **known})  # type: ignore[arg-type]  # named by each test


def found(known: Facts, checks: Checks | None = None) -> dict[str, Reaction]:
    return {finding.name: finding.reaction for finding in examine(checks or Checks(), known)}


def test_an_honest_friend_is_accepted() -> None:
    known = facts(
        referrer_refs=(Ref.phone("+393331234567"),), friend_refs=(Ref.phone("+393331234568"),), chain=(CARLA, DORA),
        in_hour=5, in_day=10,
    )  # fmt: skip
    assert examine(Checks(), known) == ()
    assert verdict_of(()) == "accept"


def test_nobody_brings_herself() -> None:
    (finding,) = examine(Checks(), facts(friend=ANNA))
    assert (finding.name, finding.reaction, finding.facts) == ("self", "reject", {"member": ANNA})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Ref(Kind.PHONE, "+5215512345678"), Ref.phone("+525512345678")),
        (Ref.phone("+5491123456789"), Ref.phone("+541123456789")),
        (Ref.phone("+5511987654321"), Ref.phone("+551187654321")),
        (Ref.external("shopify", "ABC-1"), Ref.external("Shopify", "abc-1 ")),
        (Ref.user("IT.Ab12"), Ref.user("it.aB12")),
    ],
)
def test_two_spellings_of_one_identity_are_one_person(one: Ref, other: Ref) -> None:
    known = facts(referrer_refs=(Ref.phone("+393331234567"), one), friend_refs=(other,))
    (finding,) = examine(Checks(), known)
    assert (finding.name, finding.reaction) == ("self", "reject")
    assert finding.facts == {"member": ANNA, "kinds": [str(one.kind)]}
    assert str(one.kind) in finding.explanation
    assert one.value not in f"{finding.explanation} {finding.facts}"  # it is kept for long


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5215512345678", "+525512345679"),
        ("+551187654321", "+5511787654321"),  # only a nine is added
        ("+393331234567", "+3933312345678"),
        ("+5511312345678", "+551131234567"),
    ],
)
def test_other_numbers_are_other_people(one: str, other: str) -> None:
    assert plain(Ref(Kind.PHONE, one)) != plain(Ref(Kind.PHONE, other))


@given(st.integers(10**9, 10**11 - 1), st.sampled_from(["+39", "+52", "+521", "+54", "+549", "+55", "+1"]))
@patiently()
def test_a_plain_identity_stays_what_it_is(digits: int, code: str) -> None:
    ref = Ref(Kind.PHONE, f"{code}{digits}")
    once = plain(ref)
    assert once.value.startswith(code[:3])
    if code in {"+39", "+1"}:
        assert once == ref
    assert plain(once) == once
    assert abs(len(ref.value) - len(once.value)) <= 1


def test_whoever_was_a_customer_before_is_nobodys_friend() -> None:
    assert found(facts(known_before=True)) == {"customer": "reject"}
    at = datetime(2026, 11, 1, tzinfo=UTC)
    (finding,) = examine(Checks(), facts(ordered_before=at))
    assert (finding.name, finding.reaction, finding.facts) == ("customer", "reject", {"ordered_at": at.isoformat()})
    assert len(examine(Checks(), facts(known_before=True, ordered_before=at))) == 1


@pytest.mark.parametrize(
    ("chain", "ring"),
    [
        ((BRUNO,), [BRUNO, ANNA]),
        ((CARLA, BRUNO), [BRUNO, CARLA, ANNA]),
        ((DORA, CARLA, BRUNO), [BRUNO, CARLA, DORA, ANNA]),
    ],
)
def test_a_ring_is_told_in_the_order_in_which_its_members_came(chain: tuple[MemberId, ...], ring: list[str]) -> None:
    (finding,) = examine(Checks(), facts(chain=chain))
    assert (finding.name, finding.reaction, finding.facts) == ("circle", "reject", {"members": ring})
    assert f"{len(ring)} members" in finding.explanation
    assert found(facts(chain=chain), Checks(circle="hold")) == {"circle": "hold"}


def test_more_friends_than_usual_wait_for_a_person() -> None:
    checks = Checks(an_hour=3, a_day=4)
    assert found(facts(in_hour=3, in_day=4), checks) == {}
    assert found(facts(in_hour=4, in_day=4), checks) == {"an_hour": "hold"}
    assert found(facts(in_hour=1, in_day=5), checks) == {"a_day": "hold"}
    findings = examine(checks, facts(in_hour=5, in_day=6))
    assert [finding.facts for finding in findings] == [{"friends": 5, "most": 3}, {"friends": 6, "most": 4}]


def test_a_family_behind_one_address_is_held_and_one_mailbox_refused() -> None:
    for kind, reaction in (("payment", "hold"), ("device", "hold"), ("address", "hold"), ("email", "reject")):
        assert found(facts(shared=(Shared(kind, True, 0),))) == {f"shared_{kind}": reaction}  # type: ignore[arg-type]  # a kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reaction", ["ignore", "hold", "reject"])
def test_the_programme_says_what_a_shared_signal_means(kind: SignalKind, reaction: Reaction) -> None:
    checks = Checks.model_validate({f"shared_{kind}": reaction})
    findings = examine(checks, facts(shared=(Shared(kind, False, 2),)))
    assert [(one.name, one.reaction) for one in findings] == [(f"shared_{kind}", reaction)]
    assert verdict_of(findings) == {"ignore": "accept"}.get(reaction, reaction)


def test_it_is_told_with_whom_something_is_shared() -> None:
    shared = (Shared("device", True, 0), Shared("address", False, 2), Shared("payment", True, 1))
    said = {one.name: (one.explanation, one.facts) for one in examine(Checks(), facts(shared=shared))}
    assert said["shared_device"] == (
        "the friend has the same device as the referrer", {"with_referrer": True, "with_friends": 0},
    )  # fmt: skip
    assert said["shared_address"][0].endswith("address as 2 earlier friends of the referrer")
    assert said["shared_payment"][0].endswith("payment as the referrer and 1 earlier friends of the referrer")


@given(
    st.lists(st.sampled_from(["ignore", "hold", "reject"]), max_size=5),
)
@patiently()
def test_the_worst_finding_decides(reactions: list[Reaction]) -> None:
    findings = [Finding("x", reaction, "", {}) for reaction in reactions]
    expected = "reject" if "reject" in reactions else "hold" if "hold" in reactions else "accept"
    assert verdict_of(findings) == expected


@given(st.permutations([Shared(kind, True, number) for number, kind in enumerate(KINDS)]))
@patiently()
def test_findings_come_in_an_order_of_their_own(shared: list[Shared]) -> None:
    assert examine(Checks(), facts(shared=tuple(shared))) == examine(
        Checks(), facts(shared=tuple(sorted(shared, key=lambda one: one.kind)))
    )
