"""A store of the first tables, filled as it was then, becomes one of today's without losing or changing anything."""

import asyncio
import hashlib
import json
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it has no types
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

import conversation.tables
from loyalty.books.audit import audit
from loyalty.books.overview import Points, points_of
from loyalty.errors import Conflict
from loyalty.ids import MemberId
from loyalty.orders.purchases import (
    OrderChange,
    Outcome,
    PurchaseReport,
    record_activity,
    record_change,
    record_purchase,
)
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.store import store_url
from loyalty.store.schema import MIGRATIONS, upgrade
from loyalty.store.sqlite import sqlite_engine
from loyalty.tables import Activity, Amendment, Base, Member, Purchase, Referral, Stock, Voucher
from tests.conftest import POSTGRES
from tests.made_up import only_earning
from tests.store.helpers import euros

assert conversation.tables  # imported so that its tables are known to `Base.metadata`
T = TypeVar("T")

NOW = datetime(2026, 10, 24, 9, 30, 15, 250000, tzinfo=UTC)
ANNA, BRUNO, CARLA = (MemberId(letter * 32) for letter in "abc")


@pytest.fixture
def old_database(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the tables of the first migration."""
    if backend == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
        run(url, lambda connection: migrate(connection, "0001"))
        yield url
        return
    request.getfixturevalue("postgres")  # which skips where there is no server
    name = f"passaparola_test_{uuid.uuid4().hex}"
    asyncio.run(on_server(f"CREATE DATABASE {name}"))
    try:
        url = make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
        run(url, lambda connection: migrate(connection, "0001"))
        yield url
    finally:
        asyncio.run(on_server(f"DROP DATABASE {name} WITH (FORCE)"))


async def on_server(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run(url_text: str, work: Callable[[Connection], T]) -> T:
    """Do something in one transaction on either database."""
    url = store_url(url_text)
    if url.get_backend_name() == "postgresql":
        return asyncio.run(_run_async(url.render_as_string(hide_password=False), work))
    engine = sqlite_engine(url, writer=True)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _run_async(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def migrate(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@dataclass
class Then:
    """The store as it was used then: rows, and a ledger whose hashes are right."""

    connection: Connection
    tables: MetaData
    links: dict[int, tuple[int, str]] = field(default_factory=dict)
    posted: int = 0

    def add(self, table: str, **row: Any) -> None:
        self.connection.execute(self.tables.tables[table].insert().values(**row))

    def post(
        self, member: str, cause: str, kind: str, legs: Sequence[tuple[str, str | None, int]], *, origin: str | None,
        memo: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """A transaction as version 0.1 wrote it."""
        self.posted += 1
        id_, at, memo = f"{self.posted:032}", NOW + timedelta(minutes=self.posted), memo or {}
        chain = zlib.crc32(member.encode()) % 16
        length, previous = self.links.get(chain, (0, "0" * 64))
        head = [
            id_, "cafe", member, cause, kind, origin, NOW.isoformat(), at.isoformat(), memo, chain, length + 1,
        ]  # fmt: skip
        text = json.dumps([previous, head, [list(leg) for leg in legs]], sort_keys=True, separators=(",", ":"))
        hash_ = hashlib.sha256(text.encode()).hexdigest()
        self.add(
            "ledger_transaction", id=id_, programme_id="cafe", member_id=member, cause=cause, kind=kind, origin=origin,
            occurred_at=NOW, posted_at=at, memo=memo, chain=chain, sequence=length + 1, previous=previous, hash=hash_,
        )  # fmt: skip
        for account, lot, amount in legs:
            self.add("ledger_entry", transaction_id=id_, account=account, lot_id=lot, amount=amount)
        self.links[chain] = length + 1, hash_
        return id_

    def earn(self, member: str, cause: str, kind: str, amount: int, left: int, **more: Any) -> str:
        """Points, and what is left of them now. The lot has the number of the transaction."""
        lot = f"lot{self.posted:029}"
        self.add(
            "lot", id=lot, programme_id="cafe", member_id=member, origin=more.get("origin", cause), remaining=left,
            pending=0, created_at=NOW, activates_at=NOW, expires_at=NOW + timedelta(days=400),
        )  # fmt: skip
        self.post(
            member, cause, kind, [("issued", lot, -amount), ("available", lot, amount)],
            origin=more.pop("origin", cause), **more,
        )  # fmt: skip
        return lot

    def buys(self, member: str, key: str, amount: str, left: int) -> str:
        points = int(Decimal(amount))
        content = hashlib.sha256(json.dumps([member, amount, "EUR"]).encode()).hexdigest()
        self.add(
            "purchase", id=f"p-{key}", programme_id="cafe", member_id=member, key=key, amount=amount, currency="EUR",
            lines=[{"product": "Caffè", "quantity": 1}], occurred_at=NOW, recorded_at=NOW, content_hash=content,
        )  # fmt: skip
        if not points:
            return ""
        return self.earn(member, f"purchase:{key}", "purchase", points, left, memo={"amount": amount})

    def refunds(self, member: str | None, key: str, order: str, amount: str, points: int, lot: str = "") -> None:
        content = hashlib.sha256(json.dumps([order, amount, "EUR"]).encode()).hexdigest()
        self.add(
            "refund", id=f"r-{key}", programme_id="cafe", key=key, purchase_key=order, amount=amount, currency="EUR",
            occurred_at=NOW, content_hash=content,
        )  # fmt: skip
        if member is not None and points:
            legs = [("available", lot, -points), ("issued", lot, points)]
            self.post(member, f"refund:{key}", "refund", legs, origin=f"purchase:{order}")

    def redeems(self, member: str, number: int, points: int, lot: str, state: str, voucher: str | None = None) -> None:
        id_ = f"redemption-{number}"
        times: dict[str, Any] = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=15)}
        self.add(
            "redemption", id=id_, programme_id="cafe", member_id=member, key=f"key-{number}", reward_id="croissant",
            points=points, state=state, settled_at=None if state == "held" else NOW, **times,
        )  # fmt: skip
        self.post(member, f"hold:{id_}", "hold", [("available", lot, -points), ("held", lot, points)], origin=None)
        if state == "voided":
            self.post(
                member, f"void:{id_}", "release", [("held", lot, -points), ("available", lot, points)], origin=None
            )
        if voucher is not None:
            legs = [("held", lot, -points), ("redeemed", lot, points)]
            self.post(member, f"confirm:{id_}", "redemption", legs, origin=None)
            self.add(
                "voucher", id=f"voucher-{number}", programme_id="cafe", member_id=member, redemption_id=id_,
                reward_id="croissant", reward_name="Cornetto", code=f"CODE-{number}", status=voucher,
                used_at=NOW if voucher == "used" else None, **times,
            )  # fmt: skip

    def is_a_member(self, member: str, name: str, **balance: int) -> None:
        self.add(
            "member", id=member, programme_id="cafe", name=name, language="it", language_chosen=False,
            referral_code=f"CODE{name[:4]}", marketing_opt_in=name == "Anna", created_at=NOW, joined_at=NOW,
        )  # fmt: skip
        self.add("balance", **{"member_id": member, "pending": 0, "held": 0, "debt": 0, **balance})


def a_year_of_business(connection: Connection) -> None:
    tables = MetaData()
    tables.reflect(connection)
    then = Then(connection, tables)
    then.add("programme", id="cafe", created_at=NOW)
    then.is_a_member(ANNA, "Anna", available=60 + 40 + 15 + 5, lifetime=60 + 40 + 15 + 5)
    then.is_a_member(BRUNO, "Bruno", available=30, held=30, lifetime=30 + 60 + 30)
    then.is_a_member(CARLA, "Carla", available=10, lifetime=10)
    then.earn(ANNA, f"import:{ANNA}", "import", 60, 60)
    lot = then.buys(ANNA, "a", "42.50", 40)
    then.refunds(ANNA, "ra", "a", "2.50", 2, lot)
    lot = then.buys(ANNA, "b", "10.00", 0)
    then.refunds(ANNA, "rb1", "b", "6.00", 6, lot)
    then.refunds(ANNA, "rb2", "b", "4.00", 4, lot)
    lot = then.buys(BRUNO, "c", "12.00", 0)
    then.refunds(BRUNO, "rc", "c", "15.00", 12, lot)
    then.buys(BRUNO, "d", "0.00", 0)
    then.refunds(None, "rz", "z", "3.00", 0)
    then.earn(ANNA, "activity:r1", "activity", 15, 15, memo={"activity": "review"})
    then.earn(ANNA, "activity:activity:r1", "activity", 5, 5, memo={"activity": "newsletter"})
    lot = then.buys(BRUNO, "e", "60.00", 0)
    then.redeems(BRUNO, 1, 30, lot, "confirmed", "used")
    then.redeems(BRUNO, 2, 30, lot, "confirmed", "issued")
    lot = then.buys(BRUNO, "f", "60.00", 30)
    then.redeems(BRUNO, 3, 30, lot, "held")
    then.redeems(BRUNO, 4, 30, lot, "voided")
    then.earn(CARLA, f"join:{CARLA}", "join", 10, 10)
    for number, (referee, state, at) in enumerate(((BRUNO, "converted", NOW), (CARLA, "joined", None))):
        then.add(
            "referral", id=f"referral-{number}", programme_id="cafe", referrer_id=ANNA, referee_id=referee, state=state,
            created_at=NOW, converted_at=at,
        )  # fmt: skip
    then.add(
        "consent", programme_id="cafe", member_id=ANNA, purpose="marketing", given=True, words="sì", evidence="file",
        at=NOW,
    )  # fmt: skip
    for chain, (length, head) in then.links.items():
        then.add("ledger_chain", programme_id="cafe", number=chain, length=length, head=head)


@pytest.fixture
def database(old_database: str) -> str:
    """A database that was filled in the days of the first tables and has today's now."""
    run(old_database, a_year_of_business)
    upgrade(old_database)
    return old_database


def within(database: str, work: Callable[[Session], T]) -> T:
    """Do something in a session of the database, as a store would."""

    def with_session(connection: Connection) -> T:
        with Session(connection, autoflush=False, expire_on_commit=False) as session:
            result = work(session)
            session.flush()
            return result

    return run(database, with_session)


def test_everything_is_there_with_its_amounts_and_points(database: str) -> None:
    def look(session: Session) -> None:
        orders = session.scalars(select(Purchase).order_by(Purchase.key)).all()
        assert [(row.key, row.amount, str(row.paid), row.points, row.revision) for row in orders] == [
            ("a", Decimal("42.50"), "40.00", 40, None), ("b", Decimal("10.00"), "0", 0, None),
            ("c", Decimal("12.00"), "0", 0, None), ("d", Decimal("0.00"), "0", 0, None),
            ("e", Decimal("60.00"), "60.00", 60, None), ("f", Decimal("60.00"), "60.00", 60, None),
        ]  # fmt: skip
        assert {(row.occurred_at, row.recorded_at) for row in orders} == {(NOW, NOW)}
        changes = session.scalars(select(Amendment).order_by(Amendment.key)).all()
        assert [(row.kind, row.key, row.purchase_key, row.amount, row.lines, row.occurred_at) for row in changes] == [
            ("refund", key, key[1], amount, [], NOW)
            for key, amount in zip(
                ("ra", "rb1", "rb2", "rc", "rz"), (Decimal("2.50"), Decimal(6), Decimal(4), Decimal(15), Decimal(3)),
                strict=True,
            )
        ]  # fmt: skip
        deeds = session.scalars(select(Activity).order_by(Activity.key)).all()
        assert [(row.member_id, row.key, row.name, row.points, row.occurred_at, row.revision) for row in deeds] == [
            (ANNA, "activity:r1", "newsletter", 5, NOW, None), (ANNA, "r1", "review", 15, NOW, None),
        ]  # fmt: skip
        before = session.scalars(select(Member.id).where(Member.customer_before)).all()
        assert before == [ANNA]

    within(database, look)


def test_vouchers_referrals_and_what_was_given_out_are_as_before(database: str) -> None:
    def look(session: Session) -> None:
        vouchers = session.scalars(select(Voucher).order_by(Voucher.id)).all()
        assert [
            (row.origin, row.redemption_id, row.code, row.status, row.used, row.uses, row.kind) for row in vouchers
        ] == [
            ("redeem:redemption-1", "redemption-1", "CODE-1", "used", 1, 1, "product"),
            ("redeem:redemption-2", "redemption-2", "CODE-2", "issued", 0, 1, "product"),
        ]
        referrals = session.scalars(select(Referral).order_by(Referral.id)).all()
        assert [(row.state, row.converted_at, row.rewarded_at, row.unsettled) for row in referrals] == [
            ("rewarded", NOW, None, False), ("joined", None, None, False),
        ]  # fmt: skip
        stock = session.scalars(select(Stock)).all()
        assert [(row.item, row.taken, row.spent) for row in stock] == [("reward:croissant", 3, 0)]

    within(database, look)


def test_the_books_prove_right(database: str) -> None:
    def look(session: Session) -> None:
        proof = audit(session)
        assert proof.findings == ()
        assert (proof.transactions, proof.entries) == (20, 40)
        balances = [points_of(session, member) for member in (ANNA, BRUNO, CARLA)]
        assert balances == [Points(120, 0, 0, 0, 120), Points(30, 0, 30, 0, 120), Points(10, 0, 0, 0, 10)]

    within(database, look)


def test_the_tables_are_those_of_the_models(database: str) -> None:
    def compare(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)

    assert run(database, compare) == []


def test_the_ledger_and_the_consents_are_protected_still(database: str) -> None:
    for statement in (
        "UPDATE ledger_transaction SET kind = 'gift'", "DELETE FROM ledger_entry", "DELETE FROM consent",
        "UPDATE consent SET given = false",
    ):  # fmt: skip
        with pytest.raises(Exception, match="is only ever added to"):
            run(database, lambda connection, statement=statement: connection.exec_driver_sql(statement))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def test_what_is_told_again_is_known_and_what_is_told_now_goes_on_from_there(database: str, cafe: Programme) -> None:
    """Refunds of old orders end where the rules of then say, though there are other rules by now."""
    now = NOW + timedelta(days=30)
    doubled = cafe.earning.model_copy(update={"purchase": cafe.earning.purchase.model_copy(update={"points": 2})})
    first, today = only_earning(cafe), only_earning(cafe).model_copy(update={"earning": doubled})

    def work(session: Session) -> None:
        for programme in (first, today):
            ensure_programme(session, programme, now=now + timedelta(hours=programme is today))
        anna, bruno = (session.get_one(Member, member) for member in (ANNA, BRUNO))
        a = PurchaseReport("a", euros("42.50"), NOW)
        known = Outcome(ANNA, 40, repeated=True)
        assert record_purchase(session, today, anna, a, now=now) == known
        with pytest.raises(Conflict):
            record_purchase(session, today, bruno, a, now=now)
        again = OrderChange("refund", "ra", "a", euros("2.50"), NOW)
        assert record_change(session, today, again, now=now).repeated
        deed = {"key": "activity:r1", "activity": "newsletter", "occurred_at": NOW, "now": now}
        assert record_activity(session, today, anna, **deed) == Outcome(known.member, 5, repeated=True)  # type: ignore[arg-type]  # of several types
        more = OrderChange("refund", "new", "a", euros("20.00"), now)
        assert record_change(session, today, more, now=now).points == -20
        assert record_purchase(session, today, anna, PurchaseReport("z", euros("5.00"), now), now=now).points == 4
        assert audit(session).findings == ()

    within(database, work)
