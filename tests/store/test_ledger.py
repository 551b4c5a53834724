"""The ledger: what may be posted, what that does to balances, that nothing is ever changed."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from loyalty.books import ledger
from loyalty.books.ledger import GENESIS, Account, Leg, Posting
from loyalty.errors import Refused
from loyalty.ids import Cause, LotId, MemberId
from loyalty.tables import Balance, Chain, Entry, Lot, Transaction
from tests.store.helpers import Shop, a_key, points, set_up_member


def posting(shop: Shop, member: MemberId, *legs: Leg, cause: str | None = None, kind: str = "adjustment") -> Posting:
    return Posting(
        shop.programme.id, member, Cause(cause or f"adjustment:{a_key()}"), kind, "test", shop.now, legs,
        {"by": "Anna", "why": {"it": "perché sì", "count": 2}},
    )  # fmt: skip


async def posts(shop: Shop, posting: Posting) -> None:
    def work(session: Session) -> None:
        ledger.lock(session, posting.member)
        ledger.post(session, posting, now=shop.now)

    await shop.do(work)


async def lot_of(shop: Shop, member: MemberId, amount: str = "10.00") -> LotId:
    """A lot with a point for every euro of an order."""
    await shop.buys(member, amount)
    query = select(Lot.id).where(Lot.member_id == member).order_by(Lot.id.desc())
    return LotId(await shop.ask(lambda session: session.scalars(query.limit(1)).one()))


async def test_legs_that_do_not_sum_to_zero_are_no_transaction(shop: Shop) -> None:
    member = await shop.member()
    for amounts in ((), (1,), (5, -4), (-1,), (3, -2, -2)):
        legs = (Leg(Account.REDEEMED, amount) for amount in amounts)
        with pytest.raises(ValueError, match="sum to zero"):
            await posts(shop, posting(shop, member, *legs))
    assert (await shop.audit()).transactions == 0


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Account.AVAILABLE, Account.REDEEMED),
        (Account.AVAILABLE, Account.HELD),
        (Account.PENDING, Account.AVAILABLE),
        (Account.HELD, Account.AVAILABLE),
    ],
)
async def test_no_account_of_a_member_falls_below_zero(shop: Shop, source: Account, target: Account) -> None:
    member = await shop.member()
    lot = await lot_of(shop, member, "10.00")
    have = 10 if source is Account.AVAILABLE else 0
    with pytest.raises(Refused, match=f"not enough {source} points") as refused:
        await posts(shop, posting(shop, member, Leg(source, -have - 3, lot), Leg(target, have + 3, lot)))
    assert (refused.value.reason, refused.value.facts) == ("points", {"missing": 3})
    assert await shop.points(member) == points(10)
    assert await shop.lots(member) == [10]
    assert await shop.is_sound()


async def test_a_debt_is_not_paid_off_beyond_nothing(shop: Shop) -> None:
    member = await shop.member()
    with pytest.raises(Refused, match="not enough debt points"):
        await posts(shop, posting(shop, member, Leg(Account.ISSUED, -5), Leg(Account.DEBT, 5)))


async def test_a_cause_has_one_effect_ever(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    lot = await lot_of(shop, member)
    legs = (Leg(Account.AVAILABLE, -1, lot), Leg(Account.REDEEMED, 1, lot))
    await posts(shop, posting(shop, member, *legs, cause="gift:1"))
    with pytest.raises(IntegrityError):
        await posts(shop, posting(shop, member, *legs, cause="gift:1"))
    with pytest.raises(IntegrityError):
        await posts(shop, posting(shop, other, Leg(Account.ISSUED, -1), Leg(Account.REDEEMED, 1), cause="gift:1"))
    assert await shop.points(member) == points(9, lifetime=10)
    assert await shop.is_sound()


async def test_two_programmes_may_have_the_same_cause(shop: Shop) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": "gym"}), shop.clock)
    for business in (shop, gym):
        member = await business.member()
        await business.buys(member, "7.00", key="1")
        assert await business.points(member) == points(7)
    assert await shop.is_sound()


async def test_only_earning_counts_for_a_life(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "100.00")
    await shop.does(member, "review")
    await shop.redeems(member, "espresso")
    assert await shop.points(member) == points(95, lifetime=115)


async def test_a_balance_is_the_sum_of_the_entries(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    await shop.buys(member, "100.00", key="a")
    await shop.buys(other, "40.00")
    await shop.holds(member, "croissant")
    await shop.redeems(member, "espresso")
    await shop.refunds("a", "80.00")
    sums = (
        select(Entry.account, func.sum(Entry.amount))
        .join(Transaction, Transaction.id == Entry.transaction_id)
        .where(Transaction.member_id == member)
        .group_by(Entry.account)
    )
    entries = await shop.ask(lambda session: {account: int(total) for account, total in session.execute(sums)})
    assert entries == {"issued": -20, "available": 0, "held": 30, "redeemed": 20, "debt": -30}
    assert await shop.points(member) == points(0, held=30, debt=30, lifetime=20)


@pytest.mark.parametrize("table", ["ledger_transaction", "ledger_entry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
async def test_the_database_refuses_to_change_the_ledger(shop: Shop, table: str, statement: str) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00")
    with pytest.raises(DBAPIError, match=f"{table} is only ever added to"):
        await shop.do(lambda session: session.execute(text(statement.format(table))).close())
    assert await shop.is_sound()


async def test_every_transaction_is_linked_to_the_one_before(shop: Shop) -> None:
    member = await shop.member()
    for amount in ("1.00", "2.00", "3.00"):
        await shop.buys(member, amount)

    def links(session: Session) -> tuple[list[Transaction], Chain]:
        rows = session.scalars(select(Transaction).order_by(Transaction.sequence)).all()
        return list(rows), session.scalars(select(Chain)).one()

    rows, chain = await shop.ask(links)
    assert [row.sequence for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [GENESIS, rows[0].hash, rows[1].hash]
    assert (chain.length, chain.head) == (3, rows[2].hash)
    assert {row.chain for row in rows} == {ledger.chain_of(member)} == {chain.number}


def test_a_hash_depends_on_every_fact_and_on_the_order_of_the_legs() -> None:
    head: list[Any] = ["id", "cafe", {"b": 1, "a": 2}]
    legs: list[list[Any]] = [["issued", None, -5], ["available", "lot", 5]]
    hashes = {
        ledger.link_hash(GENESIS, head, legs),
        ledger.link_hash("1" * 64, head, legs),
        ledger.link_hash(GENESIS, ["id", "cafe", {"b": 1, "a": 3}], legs),
        ledger.link_hash(GENESIS, head, legs[::-1]),
        ledger.link_hash(GENESIS, head, [["issued", None, -6], ["available", "lot", 6]]),
        ledger.link_hash(GENESIS, head, legs[:1]),
    }
    assert len(hashes) == 6
    assert ledger.link_hash(GENESIS, ["id", "cafe", {"a": 2, "b": 1}], legs) in hashes  # the spelling is canonical


async def test_a_chain_holds_under_parallel_postings_of_the_members_who_share_it(shop: Shop) -> None:
    everybody = await shop.do(lambda session: [set_up_member(session, shop.programme, shop.now) for _ in range(60)])
    chains = Counter(ledger.chain_of(member) for member in everybody)
    number, sharing = chains.most_common(1)[0]
    members = [member for member in everybody if ledger.chain_of(member) == number]
    assert sharing >= 60 / ledger.CHAINS
    await asyncio.gather(*(shop.buys(member, "5.00") for _ in range(8) for member in members))
    assert [await shop.points(member) for member in members] == [points(40)] * sharing
    assert await shop.is_sound()
    (chain,) = await shop.ask(lambda session: session.scalars(select(Chain)).all())
    assert (chain.number, chain.length) == (number, 8 * sharing)


async def test_a_lock_reads_the_newest_balance(shop: Shop) -> None:
    member = await shop.member()

    def work(session: Session) -> int:
        session.get_one(Balance, member).available = 5
        session.flush()
        session.execute(text("UPDATE balance SET available = 7"))
        return ledger.lock(session, member).available

    assert await shop.do(work) == 7
