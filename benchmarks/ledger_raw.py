"""The limit of the machine: the rows of a purchase, written as directly as each database allows.

Each purchase is a transaction of its own: balance and chain read, purchase, lot, transaction and two entries inserted,
balance and chain updated. No rule is applied and nothing is checked; the hash is over a few bytes.
"""

import asyncio
import hashlib
import re
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from urllib.parse import urlsplit

from benchmarks.ledger_stores import MEMO, POINTS, cafe, member_id, sqlite_file
from benchmarks.programs import NotReady
from loyalty.books.posting import CHAINS, chain_of
from loyalty.ids import new_id

MEMO_TEXT = str(MEMO).replace("'", '"')
_AT = "2026-11-21 10:00:00.000000"


def sqlite_rate(url: str, owners: Sequence[int], seconds: float) -> float:
    """Purchases per second of one bare connection: WAL, synchronous=FULL, one BEGIN IMMEDIATE … COMMIT each."""
    connection = sqlite3.connect(sqlite_file(url), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"):
        connection.execute(f"PRAGMA {pragma}")
    programme, done, began = cafe().id, 0, perf_counter()
    while (taken := perf_counter() - began) < seconds:
        _sqlite_purchase(connection, programme, owners[done % len(owners)])
        done += 1
    connection.close()
    return done / taken


def _sqlite_purchase(connection: sqlite3.Connection, programme: str, owner: int) -> None:
    run, member = connection.execute, member_id(owner)
    number, lot, transaction, purchase = chain_of(member), new_id(), new_id(), new_id()
    cause = f"purchase:{purchase}"
    run("BEGIN IMMEDIATE")
    available, lifetime = run("SELECT available, lifetime FROM balance WHERE member_id = ?", (member,)).fetchone()
    where = (programme, number)
    length, head = run("SELECT length, head FROM ledger_chain WHERE programme_id = ? AND number = ?", where).fetchone()
    hash_ = hashlib.sha256(f"{head}{transaction}".encode()).hexdigest()
    run(
        "INSERT INTO purchase (id, programme_id, member_id, key, amount, currency, lines, occurred_at, recorded_at, "
        "paid, points, content_hash) VALUES (?, ?, ?, ?, '42.50', 'EUR', '[]', ?, ?, '42.50', ?, ?)",
        (purchase, programme, member, purchase, _AT, _AT, POINTS, hash_),
    )
    run(
        "INSERT INTO lot (id, programme_id, member_id, origin, remaining, pending, created_at, activates_at, "
        "expires_at) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
        (lot, programme, member, cause, POINTS, _AT, _AT, _AT),
    )
    run(
        "INSERT INTO ledger_transaction (id, programme_id, member_id, cause, kind, origin, occurred_at, posted_at, "
        "memo, chain, sequence, previous, hash) VALUES (?, ?, ?, ?, 'purchase', ?, ?, ?, ?, ?, ?, ?, ?)",
        (transaction, programme, member, cause, cause, _AT, _AT, MEMO_TEXT, number, length + 1, head, hash_),
    )
    for account, amount in (("issued", -POINTS), ("available", POINTS)):
        run(
            "INSERT INTO ledger_entry (transaction_id, account, lot_id, amount) VALUES (?, ?, ?, ?)",
            (transaction, account, lot, amount),
        )
    run(
        "UPDATE balance SET available = ?, lifetime = ? WHERE member_id = ?",
        (available + POINTS, lifetime + POINTS, member),
    )
    run(
        "UPDATE ledger_chain SET length = ?, head = ? WHERE programme_id = ? AND number = ?",
        (length + 1, hash_, *where),
    )
    run("COMMIT")


_PGBENCH = """\\set n random(0, {members} - 1)
\\set k random(1, 1000000000000000)
BEGIN;
SELECT available, lifetime FROM balance WHERE member_id = lpad(:n::text, 32, '0') FOR UPDATE \\gset
SELECT length, head FROM ledger_chain WHERE programme_id = '{programme}' AND number = :n % {chains} FOR UPDATE \\gset c_
INSERT INTO purchase (id, programme_id, member_id, key, amount, currency, lines, occurred_at, recorded_at, paid, points, content_hash) VALUES (lpad(:k::text, 32, '0'), '{programme}', lpad(:n::text, 32, '0'), :k::text, '42.50', 'EUR', '[]', now(), now(), '42.50', {points}, repeat('0', 64));
INSERT INTO lot (id, programme_id, member_id, origin, remaining, pending, created_at, activates_at, expires_at) VALUES (lpad(:k::text, 32, '0'), '{programme}', lpad(:n::text, 32, '0'), 'purchase/' || :k::text, {points}, 0, now(), now(), now());
INSERT INTO ledger_transaction (id, programme_id, member_id, cause, kind, origin, occurred_at, posted_at, memo, chain, sequence, previous, hash) VALUES (lpad(:k::text, 32, '0'), '{programme}', lpad(:n::text, 32, '0'), 'purchase/' || :k::text, 'purchase', 'purchase/' || :k::text, now(), now(), '{memo}', :n % {chains}, :c_length + 1, :c_head, encode(sha256((:c_head::text || :k::text)::bytea), 'hex'));
INSERT INTO ledger_entry (transaction_id, account, lot_id, amount) VALUES (lpad(:k::text, 32, '0'), 'issued', lpad(:k::text, 32, '0'), -{points});
INSERT INTO ledger_entry (transaction_id, account, lot_id, amount) VALUES (lpad(:k::text, 32, '0'), 'available', lpad(:k::text, 32, '0'), {points});
UPDATE balance SET available = :available + {points}, lifetime = :lifetime + {points} WHERE member_id = lpad(:n::text, 32, '0');
UPDATE ledger_chain SET length = :c_length + 1, head = encode(sha256((:c_head::text || :k::text)::bytea), 'hex') WHERE programme_id = '{programme}' AND number = :n % {chains};
COMMIT;
"""  # noqa: E501 -- pgbench wants a statement on one line


async def postgres_rate(url: str, members: int, clients: int, seconds: float) -> float:
    """Purchases per second of pgbench with so many clients and prepared statements."""
    script = _PGBENCH.format(
        members=members, programme=cafe().id, chains=CHAINS, points=POINTS, memo=MEMO_TEXT.replace(":", " :")
    )
    where = urlsplit(url)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "purchase.sql"
        file.write_text(script, "utf-8")
        process = await asyncio.create_subprocess_exec(
            _pgbench(), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=2",
            f"--time={max(round(seconds), 1)}", f"--file={file}", "-h", where.hostname or "", "-p",
            str(where.port or 5432), "-U", where.username or "postgres", where.path.lstrip("/"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said = (await process.communicate())[0].decode()
    found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
    if process.returncode or found is None or "failed transactions: 0 " not in said:
        raise NotReady(f"pgbench did not do its work: {said}")
    return float(found[1])


def _pgbench() -> str:
    found = shutil.which("pgbench") or next(
        (str(file) for file in sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)), None
    )
    if found is None:
        raise NotReady("pgbench is missing: it comes with Postgres (postgresql-contrib)")
    return found
