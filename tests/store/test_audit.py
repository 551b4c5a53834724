"""The audit is clean after everything that can happen, and finds whatever was tampered with."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from loyalty.books import audit
from loyalty.books.ledger import GENESIS, link_hash
from loyalty.ids import MemberId
from loyalty.tables import Balance, Chain, Entry, Lot, Transaction
from tests.store.helpers import Shop, expose, variant

A, B, C = (f"(SELECT id FROM ledger_transaction WHERE cause = 'purchase:{key}')" for key in "abc")
"""Three orders of one member, so of one chain; `c` is the newest."""
ALTERED = r"\(purchase:{}\) was altered: its hash does not fit"

TAMPERING = {
    "a memo": (f"UPDATE ledger_transaction SET memo = '{{}}' WHERE id = {A}", ALTERED.format("a")),
    "an amount": (
        f"UPDATE ledger_entry SET amount = amount + 5 WHERE transaction_id = {A} AND account = 'available'",
        r"\(purchase:a\) does not sum to zero",
    ),
    "amounts that still sum to zero": (
        f"UPDATE ledger_entry SET amount = amount * 2 WHERE transaction_id = {A}", ALTERED.format("a")
    ),
    "an account": (
        f"UPDATE ledger_entry SET account = 'expired' WHERE transaction_id = {A} AND amount < 0", ALTERED.format("a")
    ),
    "a lot": (
        f"UPDATE ledger_entry SET lot_id = (SELECT max(id) FROM lot) WHERE transaction_id = {A}", ALTERED.format("a")
    ),
    "a hash": (f"UPDATE ledger_transaction SET hash = previous WHERE id = {B}", ALTERED.format("b")),
    "a link": (f"UPDATE ledger_transaction SET previous = hash WHERE id = {B}", ALTERED.format("b")),
    "the newest hash": (f"UPDATE ledger_transaction SET hash = previous WHERE id = {C}", ALTERED.format("c")),
    "a cause": (f"UPDATE ledger_transaction SET cause = 'purchase:x' WHERE id = {A}", ALTERED.format("x")),
    "a kind": (f"UPDATE ledger_transaction SET kind = 'activity' WHERE id = {A}", ALTERED.format("a")),
    "an origin": (f"UPDATE ledger_transaction SET origin = 'purchase:b' WHERE id = {A}", ALTERED.format("a")),
    "a moment": (f"UPDATE ledger_transaction SET occurred_at = '2025-01-01 00:00:00' WHERE id = {A}",
                 ALTERED.format("a")),
    "a posting's moment": (f"UPDATE ledger_transaction SET posted_at = '2025-01-01 00:00:00' WHERE id = {A}",
                           ALTERED.format("a")),
    "a member": (
        f"UPDATE ledger_transaction SET member_id = (SELECT m.id FROM member m WHERE m.id <> member_id) WHERE id = {A}",
        ALTERED.format("a"),
    ),
    "a place in the chain": (
        f"UPDATE ledger_transaction SET sequence = 9 WHERE id = {B}", r"transaction 2 is missing \(found number 3\)"
    ),
    "the chain of a transaction": (
        f"UPDATE ledger_transaction SET chain = 99 WHERE id = {C}", "1 transactions belong to no chain"
    ),
    "a removed transaction": (
        f"DELETE FROM ledger_entry WHERE transaction_id = {B}; DELETE FROM ledger_transaction WHERE id = {B}",
        r"transaction 2 is missing \(found number 3\)",
    ),
    "the newest transaction removed": (
        f"DELETE FROM ledger_entry WHERE transaction_id = {C}; DELETE FROM ledger_transaction WHERE id = {C}",
        "ends after 2 transactions, 3 were posted",
    ),
    "a removed entry": (
        f"DELETE FROM ledger_entry WHERE transaction_id = {A} AND amount < 0", r"\(purchase:a\) does not sum to zero"
    ),
    "all entries of a transaction removed": (
        f"DELETE FROM ledger_entry WHERE transaction_id = {A}", ALTERED.format("a")
    ),
    "an added entry": (
        f"INSERT INTO ledger_entry (transaction_id, account, amount) VALUES ({A}, 'available', 5)",
        r"\(purchase:a\) does not sum to zero",
    ),
    "added entries that sum to zero": (
        f"INSERT INTO ledger_entry (transaction_id, account, amount) VALUES ({A}, 'available', 5), ({A}, 'issued', -5)",
        ALTERED.format("a"),
    ),
    "a balance": ("UPDATE balance SET available = available + 1", "available is shown as 61, the entries say 60"),
    "a balance of nobody's entries": (
        "UPDATE balance SET available = 5 WHERE available = 0", "available is shown as 5, the entries say 0"
    ),
    "a pending balance": ("UPDATE balance SET pending = 1", "pending is shown as 1, the entries say 0"),
    "a held balance": ("UPDATE balance SET held = 1", "held is shown as 1, the entries say 0"),
    "a debt": ("UPDATE balance SET debt = 1", "debt is shown as 1, the entries say 0"),
    "what was earned in a life": (
        "UPDATE balance SET lifetime = lifetime + 1", "lifetime is shown as 61, the entries say 60"
    ),
    "what remains of a lot": (
        "UPDATE lot SET remaining = remaining + 1", "remaining is shown as 11, the entries say 10"
    ),
    "what is pending of a lot": ("UPDATE lot SET pending = 1", "pending is shown as 1, the entries say 0"),
    "the head of a chain": (
        "UPDATE ledger_chain SET head = hash FROM ledger_transaction WHERE cause = 'purchase:b'",
        "ends after 3 transactions, 3 were posted",
    ),
    "the length of a chain": ("UPDATE ledger_chain SET length = 4", "ends after 3 transactions, 4 were posted"),
    "a removed chain": ("DELETE FROM ledger_chain", "3 transactions belong to no chain"),
}  # fmt: skip


@pytest.fixture
async def buyer(shop: Shop) -> MemberId:
    """A member with three orders; another one has none."""
    member = await shop.member()
    await shop.member()
    for key, amount in (("a", "10.00"), ("b", "20.00"), ("c", "30.00")):
        await shop.buys(member, amount, key=key)
    assert await shop.is_sound()
    return member


@pytest.mark.usefixtures("buyer")
async def test_the_audit_finds_every_kind_of_tampering(shop: Shop) -> None:
    def attempts(session: Session) -> dict[str, tuple[str, ...]]:
        expose(session)
        found = {}
        for what, (statements, _) in TAMPERING.items():
            savepoint = session.begin_nested()
            for statement in statements.split("; "):
                assert session.execute(text(statement)).rowcount > 0, what  # type: ignore[attr-defined]  # CursorResult
            found[what] = audit.audit(session).findings
            savepoint.rollback()
        return found

    found = await shop.do(attempts)
    overlooked = {
        what: findings for what, findings in found.items() if not re.search(TAMPERING[what][1], "\n".join(findings))
    }
    assert overlooked == {}


def forged_hash(row: Transaction, legs: list[list[Any]]) -> str:
    head = [
        row.id, row.programme_id, row.member_id, row.cause, row.kind, row.origin,
        row.occurred_at.isoformat(), row.posted_at.isoformat(), row.memo, row.chain, row.sequence,
    ]  # fmt: skip
    return link_hash(row.previous, head, legs)


@pytest.mark.usefixtures("buyer")
@pytest.mark.parametrize(
    ("key", "finding"),
    [("a", r"\(purchase:b\) was altered"), ("c", "ends after 3 transactions, 3 were posted")],
)
async def test_whoever_alters_a_transaction_and_its_hash_breaks_the_next_link(
    shop: Shop, key: str, finding: str
) -> None:
    def forge(session: Session) -> None:
        expose(session)
        row = session.scalars(select(Transaction).where(Transaction.cause == f"purchase:{key}")).one()
        session.execute(
            update(Entry).where(Entry.transaction_id == row.id).values(amount=Entry.amount * 3),
            execution_options={"synchronize_session": False},
        )
        entries = session.scalars(select(Entry).where(Entry.transaction_id == row.id).order_by(Entry.id)).all()
        row.hash = forged_hash(row, [[entry.account, entry.lot_id, entry.amount] for entry in entries])

    await shop.do(forge)
    assert re.search(finding, "\n".join((await shop.audit()).findings))


async def test_a_ledger_whose_history_was_rewritten_to_the_end_still_differs_from_its_caches(
    shop: Shop, buyer: MemberId
) -> None:
    def forge(session: Session) -> None:
        expose(session)
        row = session.scalars(select(Transaction).where(Transaction.cause == "purchase:c")).one()
        entries = session.scalars(select(Entry).where(Entry.transaction_id == row.id).order_by(Entry.id)).all()
        for entry in entries:
            entry.amount *= 3
        row.hash = forged_hash(row, [[entry.account, entry.lot_id, entry.amount] for entry in entries])
        session.execute(update(Chain).values(head=row.hash))

    await shop.do(forge)
    findings = (await shop.audit()).findings
    assert any(f"member {buyer}: available is shown as 60, the entries say 120" in finding for finding in findings)
    assert not any("altered" in finding for finding in findings)


async def test_the_audit_is_clean_after_a_mix_of_everything(shop: Shop) -> None:
    shop.programme = variant(
        shop.programme, joining=10, purchase=shop.programme.earning.purchase.model_copy(update={"pending_days": 14})
    )
    anna, bruno = await shop.member(), await shop.member()
    await shop.refunds("early", "5.00")
    for member, key in ((anna, "a"), (bruno, "b"), (anna, "early")):
        await shop.buys(member, "120.00", key=key)
    await shop.does(bruno, "review")
    shop.clock.forward(timedelta(days=20))
    await shop.tick()
    await shop.redeems(anna, "breakfast")
    await shop.voids(await shop.holds(bruno, "espresso"))
    await shop.holds(bruno, "five-off")
    await shop.refunds("a", "120.00")
    await shop.refunds("b", "100.00")
    shop.clock.forward(timedelta(minutes=20))
    await shop.tick()
    shop.clock.forward(timedelta(days=500))
    await shop.tick()
    assert await shop.is_sound()
    proof = await shop.audit()
    counted = await shop.ask(
        lambda session: (
            len(session.scalars(select(Transaction.id)).all()),
            len(session.scalars(select(Entry.id)).all()),
        )
    )
    assert (proof.transactions, proof.entries) == counted


async def test_an_empty_ledger_is_sound(shop: Shop) -> None:
    assert await shop.audit() == audit.Audit(0, 0, ())


async def test_a_chain_longer_than_a_page_is_audited_to_its_end(shop: Shop) -> None:
    member = await shop.member()
    length = audit.PAGE + 5

    def many(session: Session) -> None:
        session.add(Chain(programme_id=shop.programme.id, number=0, length=0, head=GENESIS))
        session.flush()
        chain = session.scalars(select(Chain)).one()
        for number in range(1, length + 1):
            row = Transaction(
                id=f"{number:032}", programme_id=shop.programme.id, member_id=member, cause=f"gift:{number}",
                kind="gift", origin=None, occurred_at=shop.now, posted_at=shop.now, memo={}, chain=0, sequence=number,
                previous=chain.head, hash="",
            )  # fmt: skip
            row.hash = chain.head = forged_hash(row, [["issued", None, -1], ["redeemed", None, 1]])
            session.add(row)
        chain.length = length
        session.flush()
        legs = (("issued", -1), ("redeemed", 1))
        session.add_all(
            Entry(transaction_id=f"{number:032}", account=account, lot_id=None, amount=amount)
            for number in range(1, length + 1)
            for account, amount in legs
        )

    def tamper(session: Session) -> None:
        expose(session)
        session.execute(text(f"UPDATE ledger_transaction SET memo = '[]' WHERE cause = 'gift:{length}'"))

    await shop.do(many)
    assert await shop.audit() == audit.Audit(length, 2 * length, ())
    await shop.do(tamper)
    (altered,) = (await shop.audit()).findings
    assert f"(gift:{length}) was altered" in altered


async def test_a_broken_ledger_names_no_more_than_the_first_findings(shop: Shop) -> None:
    for _ in range(audit.MOST + 10):
        await shop.member()
    await shop.do(lambda session: session.execute(update(Balance).values(available=1)).close())
    assert len((await shop.audit()).findings) == audit.MOST


@pytest.mark.usefixtures("buyer")
async def test_lots_are_proved_one_by_one(shop: Shop) -> None:
    """Points moved from one lot to another leave every sum as it was, but not the lots."""

    def shift(session: Session) -> None:
        first, second, *_ = session.scalars(select(Lot).order_by(Lot.id)).all()
        first.remaining, second.remaining = second.remaining, first.remaining

    await shop.do(shift)
    assert len((await shop.audit()).findings) == 2
