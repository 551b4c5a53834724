"""How the ledger is read and written: few statements, prebuilt, and on Postgres few round trips."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, Table, bindparam, insert, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from loyalty.books.posting import GENESIS, Account, Position, Posting, chain_of
from loyalty.ids import Cause, LotId, MemberId, ProgrammeId
from loyalty.store.hot import Hot
from loyalty.store.sql import insert_once, table_of
from loyalty.tables import Balance, Chain, Entry, Lot, Member, Transaction

_BALANCE, _CHAIN, _LOT, _POSTED = table_of(Balance), table_of(Chain), table_of(Lot), table_of(Transaction)
_CACHED = ("available", "pending", "held", "debt", "lifetime")
POSITION = (*(_BALANCE.c[name] for name in _CACHED), _CHAIN.c.length, _CHAIN.c.head)
"""The columns of a `Position`."""

_IS_POSTED = Hot(
    select(_POSTED.c.id).where(_POSTED.c.programme_id == bindparam("programme"), _POSTED.c.cause == bindparam("cause"))
)
_LOCK = Hot(select(_BALANCE.c.member_id).where(_BALANCE.c.member_id == bindparam("member")).with_for_update())
_POSITION = Hot(
    select(*POSITION)
    .where(
        _BALANCE.c.member_id == bindparam("member"),
        _CHAIN.c.programme_id == bindparam("programme"),
        _CHAIN.c.number == bindparam("number"),
    )
    .with_for_update()
)

_TRANSACTION = Hot(insert(_POSTED))
_ENTRY = Hot(insert(table_of(Entry)).inline())
_OPEN = Hot(insert(_LOT))
_MOVE = Hot(
    update(_LOT)
    .where(_LOT.c.id == bindparam("lot"))
    .values(remaining=_LOT.c.remaining + bindparam("available"), pending=_LOT.c.pending + bindparam("waiting"))
)
_KEEP = Hot(
    update(_BALANCE)
    .where(_BALANCE.c.member_id == bindparam("member"))
    .values({name: bindparam(f"new_{name}") for name in _CACHED})
)
_LINK = Hot(
    update(_CHAIN)
    .where(_CHAIN.c.programme_id == bindparam("programme"), _CHAIN.c.number == bindparam("chain_number"))
    .values(length=bindparam("new_length"), head=bindparam("new_head"))
)


@dataclass(frozen=True, slots=True)
class Beside:
    """A row of another table that is written with a posting: on Postgres in the same round trip."""

    table: Table
    values: Mapping[str, Any]


def _at_once(lots: str, moved: str, entries: str, beside: Table | None = None, columns: Sequence[str] = ()) -> Hot:
    """All of a posting in one round trip, for Postgres. With `beside`, so is a row of that table."""
    more, types = "", [bindparam("memo", type_=JSON())]
    if beside is not None:
        names, places = ", ".join(columns), ", ".join(f":beside_{name}" for name in columns)
        more = f"beside AS (INSERT INTO {beside.name} ({names}) VALUES ({places})), "  # noqa: S608 -- names of columns
        types += [bindparam(f"beside_{name}", type_=beside.c[name].type) for name in columns]
    return Hot(
        text(f"""
WITH {more}opened AS (
    INSERT INTO lot (id, programme_id, member_id, origin, remaining, pending, created_at, activates_at, expires_at)
    {lots}
), {moved} posted AS (
    INSERT INTO ledger_transaction (
        id, programme_id, member_id, cause, kind, origin, occurred_at, posted_at, memo, chain, sequence, previous, hash
    ) VALUES (
        :id, :programme_id, :member_id, :cause, :kind, :origin, :occurred_at, :posted_at, :memo, :chain, :sequence,
        :previous, :hash
    )
), entered AS (
    INSERT INTO ledger_entry (transaction_id, account, lot_id, amount)
    {entries}
), linked AS (
    UPDATE ledger_chain SET length = :sequence, head = :hash WHERE programme_id = :programme_id AND number = :chain
)
UPDATE balance SET available = :available, pending = :pending, held = :held, debt = :debt, lifetime = :lifetime
WHERE member_id = :member_id
""").bindparams(*types)  # noqa: S608 -- made of the texts below and names of columns
    )


_WRITE = _at_once(
    lots="""
    SELECT x.id, :programme_id, :member_id, x.origin, x.remaining, x.pending, x.created_at, x.activates_at, x.expires_at
    FROM unnest(
        CAST(:new_lots AS varchar[]), CAST(:origins AS varchar[]), CAST(:new_remaining AS bigint[]),
        CAST(:new_pending AS bigint[]), CAST(:created_at AS timestamptz[]), CAST(:activates_at AS timestamptz[]),
        CAST(:expires_at AS timestamptz[])
    ) AS x (id, origin, remaining, pending, created_at, activates_at, expires_at)""",
    moved="""moved AS (
    UPDATE lot SET remaining = lot.remaining + x.remaining, pending = lot.pending + x.pending
    FROM unnest(CAST(:old_lots AS varchar[]), CAST(:more_remaining AS bigint[]), CAST(:more_pending AS bigint[]))
        AS x (id, remaining, pending)
    WHERE lot.id = x.id
), """,
    entries="""
    SELECT :id, x.account, x.lot_id, x.amount
    FROM unnest(CAST(:accounts AS varchar[]), CAST(:lots AS varchar[]), CAST(:amounts AS bigint[]))
        WITH ORDINALITY AS x (account, lot_id, amount, place)
    ORDER BY x.place""",
)
_ONE_LOT = """VALUES (
        :lot, :programme_id, :member_id, :lot_origin, :remaining, :waiting, :created_at, :activates_at, :expires_at
    )"""
_TWO_LEGS = "VALUES (:id, :account_1, :lot_1, :amount_1), (:id, :account_2, :lot_2, :amount_2)"
"""What is by far the most frequent, something earned: one new lot, two legs. Postgres plans it once, not each time."""
_WRITE_ONE = _at_once(_ONE_LOT, "", _TWO_LEGS)


@cache
def _write_one_beside(table: Table, columns: tuple[str, ...]) -> Hot:
    return _at_once(_ONE_LOT, "", _TWO_LEGS, table, columns)


@cache
def _add(table: Table) -> Hot:
    return Hot(insert(table))


_LOCK_BOTH = Hot(
    text("""
SELECT balance.member_id
FROM (SELECT pg_advisory_xact_lock(hashtextextended(:name, 0)) OFFSET 0) AS named, balance
WHERE balance.member_id = :member FOR UPDATE OF balance
""").columns(_BALANCE.c.member_id)
)
"""A name as `lock_name` locks it, then the balance: rows are locked when all else of a query is done."""
_LOCK_ALL = Hot(
    text("""
SELECT balance.member_id, member.programme_id FROM balance JOIN member ON member.id = balance.member_id
WHERE balance.member_id = ANY(CAST(:members AS varchar[])) ORDER BY balance.member_id FOR UPDATE OF balance
""").columns(table_of(Member).c.id, table_of(Member).c.programme_id)
)
_BEGIN_CHAINS = Hot(
    text("""
INSERT INTO ledger_chain (programme_id, number, length, head)
SELECT x.programme_id, x.number, 0, :genesis
FROM unnest(CAST(:programmes AS varchar[]), CAST(:numbers AS integer[])) AS x (programme_id, number)
ORDER BY x.programme_id, x.number ON CONFLICT DO NOTHING
""")
)
_LOCK_CHAINS = Hot(
    text("""
SELECT number FROM ledger_chain
WHERE (programme_id, number) IN (SELECT * FROM unnest(CAST(:programmes AS varchar[]), CAST(:numbers AS integer[])))
ORDER BY programme_id, number FOR UPDATE
""")
)


def is_posted(session: Session, programme: ProgrammeId, cause: Cause) -> bool:
    """Whether a transaction has this cause."""
    return _IS_POSTED.first(session, {"programme": programme, "cause": cause}) is not None


def lock(session: Session, member: MemberId, name: str | None = None) -> None:
    """Lock a member's balance until the transaction ends, and before it a name, if one is given.

    Raises `LookupError` for somebody who has none.
    """
    if name is None or _is_sqlite(session):
        found = _LOCK.first(session, {"member": member})
    else:
        found = _LOCK_BOTH.first(session, {"member": member, "name": name})
    if found is None:
        raise LookupError(f"no member {member}")
    if session.identity_map and (balance := session.identity_map.get(identity_key(Balance, member))) is not None:
        session.refresh(balance)


def lock_all(session: Session, members: Collection[MemberId]) -> None:
    """Lock balances by id, then their chains by number. Nothing to do on SQLite, where a writer is alone."""
    if _is_sqlite(session):
        return
    found = _LOCK_ALL.all(session, {"members": sorted(members)})
    chains = sorted({(row.programme_id, chain_of(row.id)) for row in found})
    which = {"programmes": [programme for programme, _ in chains], "numbers": [number for _, number in chains]}
    _BEGIN_CHAINS.run(session, {**which, "genesis": GENESIS})
    _LOCK_CHAINS.run(session, which)


def read_position(session: Session, programme: ProgrammeId, member: MemberId) -> Position:
    """A member's balance and the end of her chain, locked; her first posting begins the chain if nobody has."""
    number = chain_of(member)
    where = {"member": member, "programme": programme, "number": number}
    found = _POSITION.first(session, where)
    if found is None:
        begin_chain(session, programme, member)
        found = _POSITION.first(session, where)
    if found is None:
        raise LookupError(f"no member {member}")
    return Position._make(found)


def with_position(query: Select[Any], member: ColumnElement[str]) -> Select[Any]:
    """A query that finds one row, and beside it (last) where the `member` stands whom it names by a column.

    Her chain is locked, of which it takes `programme` and `number`. See `first_with_position`.
    """
    hers = (_BALANCE.c.member_id == member) & (_CHAIN.c.programme_id == bindparam("programme"))
    return (
        query.add_columns(*(column.label(f"at_{column.name}") for column in POSITION))
        .where(hers, _CHAIN.c.number == bindparam("number"))
        .with_for_update(of=_CHAIN)
    )


def first_with_position(session: Session, query: Hot, values: Mapping[str, Any]) -> tuple[Any, Position] | None:
    """The row, and where the member stands; None if there is no such row. The values name her as `member`.

    She is locked by the caller. The position is of use for the next posting and no other.
    """
    member = MemberId(values["member"])
    where = {**values, "number": chain_of(member)}
    found = query.first(session, where)
    if found is None:
        begin_chain(session, values["programme"], member)
        found = query.first(session, where)
    if found is None:
        return None
    return found, Position._make(found[-len(POSITION) :])


def begin_chain(session: Session, programme: ProgrammeId, member: MemberId) -> None:
    """Begin the chain of a member, unless somebody has."""
    row = {"programme_id": programme, "number": chain_of(member), "length": 0, "head": GENESIS}
    insert_once(session, Chain, row)


def write(
    session: Session, row: Mapping[str, Any], posting: Posting, after: Position, beside: Beside | None = None
) -> None:
    """Write a transaction (`row`), its entries and lots, what they make of the caches, and what goes beside it."""
    changes = _lot_changes(posting)
    if _is_sqlite(session):
        _write_each(session, row, posting, after, changes)
        if beside is not None:
            add(session, beside)
    else:
        _write_at_once(session, row, posting, after, changes, beside)
    _tell_objects(session, posting.member, after, changes)


def add(session: Session, beside: Beside) -> None:
    """Write a row by itself, where there is nothing to post."""
    _add(beside.table).run(session, beside.values)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _lot_changes(posting: Posting) -> dict[LotId, tuple[int, int]]:
    """What comes to each lot: available and pending points."""
    changes: dict[LotId, tuple[int, int]] = {lot.id: (0, 0) for lot in posting.opens}
    for leg in posting.legs:
        if leg.lot is not None and leg.account in {Account.AVAILABLE, Account.PENDING}:
            available, pending = changes.get(leg.lot, (0, 0))
            is_available = leg.account is Account.AVAILABLE
            changes[leg.lot] = (available + leg.amount, pending) if is_available else (available, pending + leg.amount)
    return changes


def _write_each(
    session: Session,
    row: Mapping[str, Any],
    posting: Posting,
    after: Position,
    changes: Mapping[LotId, tuple[int, int]],
) -> None:
    begun = {lot.id for lot in posting.opens}
    for lot in posting.opens:
        remaining, pending = changes[lot.id]
        _OPEN.run(session, {
            "id": lot.id, "programme_id": posting.programme, "member_id": posting.member, "origin": lot.origin,
            "remaining": remaining, "pending": pending, "created_at": lot.created_at,
            "activates_at": lot.activates_at, "expires_at": lot.expires_at,
        })  # fmt: skip
    _TRANSACTION.run(session, row)
    for leg in posting.legs:
        _ENTRY.run(
            session,
            {"transaction_id": row["id"], "account": leg.account, "lot_id": leg.lot, "amount": leg.amount},
        )
    for id_, (available, pending) in changes.items():
        if id_ not in begun:
            _MOVE.run(session, {"lot": id_, "available": available, "waiting": pending})
    _KEEP.run(session, {
        "member": posting.member, "new_available": after.available, "new_pending": after.pending,
        "new_held": after.held, "new_debt": after.debt, "new_lifetime": after.lifetime,
    })  # fmt: skip
    _LINK.run(session, {
        "programme": posting.programme, "chain_number": row["chain"], "new_length": after.length,
        "new_head": row["hash"],
    })  # fmt: skip


def _write_at_once(
    session: Session,
    row: Mapping[str, Any],
    posting: Posting,
    after: Position,
    changes: Mapping[LotId, tuple[int, int]],
    beside: Beside | None,
) -> None:
    kept = {
        "available": after.available, "pending": after.pending, "held": after.held, "debt": after.debt,
        "lifetime": after.lifetime,
    }  # fmt: skip
    if len(changes) == len(posting.opens) == 1 and len(posting.legs) == 2:
        (lot,), (first, second) = posting.opens, posting.legs
        remaining, waiting = changes[lot.id]
        more: dict[str, Any] = {}
        write_one = _WRITE_ONE
        if beside is not None:
            more = {f"beside_{name}": value for name, value in beside.values.items()}
            write_one = _write_one_beside(beside.table, tuple(beside.values))
        write_one.run(session, {
            **more, **row, **kept, "lot": lot.id, "lot_origin": lot.origin, "remaining": remaining, "waiting": waiting,
            "created_at": lot.created_at, "activates_at": lot.activates_at, "expires_at": lot.expires_at,
            "account_1": first.account, "lot_1": first.lot, "amount_1": first.amount,
            "account_2": second.account, "lot_2": second.lot, "amount_2": second.amount,
        })  # fmt: skip
        return
    if beside is not None:
        add(session, beside)
    begun = {lot.id for lot in posting.opens}
    old = [(id_, available, pending) for id_, (available, pending) in changes.items() if id_ not in begun]
    _WRITE.run(session, {
        **row, **kept,
        "new_lots": [lot.id for lot in posting.opens],
        "origins": [lot.origin for lot in posting.opens],
        "new_remaining": [changes[lot.id][0] for lot in posting.opens],
        "new_pending": [changes[lot.id][1] for lot in posting.opens],
        "created_at": [lot.created_at for lot in posting.opens],
        "activates_at": [lot.activates_at for lot in posting.opens],
        "expires_at": [lot.expires_at for lot in posting.opens],
        "old_lots": [id_ for id_, _, _ in old],
        "more_remaining": [available for _, available, _ in old],
        "more_pending": [pending for _, _, pending in old],
        "accounts": [leg.account for leg in posting.legs],
        "lots": [leg.lot for leg in posting.legs],
        "amounts": [leg.amount for leg in posting.legs],
    })  # fmt: skip


def _tell_objects(session: Session, member: MemberId, after: Position, lots: Collection[LotId]) -> None:
    """Let rows that the session has as objects say what was written past them.

    A balance is set, not just read again: so the session knows it as changed, and a savepoint that is rolled back
    takes it along.
    """
    known = session.identity_map
    if not known:
        return
    balance = known.get(identity_key(Balance, member))
    if balance is not None:
        for name in _CACHED:
            setattr(balance, name, getattr(after, name))
        session.flush()
    for id_ in lots:
        lot = known.get(identity_key(Lot, id_))
        if lot is not None:
            session.expire(lot, ["remaining", "pending"])
