"""Backups are one moment of the database and proved; what is restored has the same ledger and tells nobody twice."""

import asyncio
import os
import sqlite3
import stat
import uuid
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from conversation.alarms import open_alarms
from conversation.tables import InboxRow, OutboxRow
from loyalty.clock import FixedClock
from loyalty.news import Kind, tell
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from loyalty.tables import News
from passaparola.backups.proof import heads, prove
from passaparola.commands.backup import back_up, put_back
from passaparola.errors import CommandError
from tests.conftest import POSTGRES, _execute
from tests.store.helpers import Shop
from tests.store.sending import Post, empty_post


@pytest.fixture
async def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    return Shop(store, cafe, clock)


@pytest.fixture
async def elsewhere(backend: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database that is not there yet (SQLite) or empty (Postgres)."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored' / 'store.db'}"
        return
    name = f"passaparola_test_{uuid.uuid4().hex}"
    await _execute(POSTGRES, f"CREATE DATABASE {name}")
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        await _execute(POSTGRES, f"DROP DATABASE {name} WITH (FORCE)")


async def backed_up(url: str, file: Path) -> list[str]:
    said: list[str] = []
    await asyncio.to_thread(back_up, url, file, said.append)
    return said


async def put_there(url: str, file: Path, *, force: bool = False) -> list[str]:
    said: list[str] = []
    await asyncio.to_thread(put_back, url, file, said.append, force=force)
    return said


async def test_a_backup_under_load_is_restored_with_the_same_heads_and_a_sound_ledger(
    shop: Shop, database: str, elsewhere: str, tmp_path: Path
) -> None:
    members = [await shop.member() for _ in range(4)]
    await asyncio.gather(*(shop.buys(member, "10.00") for member in members))
    sold = 0

    async def sell(number: int) -> None:
        nonlocal sold
        while True:
            await shop.buys(members[number], "3.00")
            sold += 1

    tills = [asyncio.create_task(sell(number)) for number in range(4)]
    file = tmp_path / "backup"
    try:
        while sold < 20:  # noqa: ASYNC110 -- the tills know nothing of the test
            await asyncio.sleep(0.01)
        [said] = await backed_up(database, file)
        at_backup = sold
        while sold < at_backup + 20:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.01)
    finally:
        for till in tills:
            till.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tills)
    assert await shop.is_sound()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (await put_there(elsewhere, file))[0].startswith(f"{file} is restored: ")
    restored = await prove(elsewhere)
    now_there = await prove(database)
    assert 24 <= restored.transactions < now_there.transactions
    assert restored.heads != now_there.heads
    if elsewhere.startswith("sqlite"):
        assert restored.heads[:16] in said
    assert not any(".part" in name or name.endswith(".sql") for name in os.listdir(tmp_path))


async def test_a_quiet_installation_is_restored_head_for_head(
    shop: Shop, database: str, elsewhere: str, tmp_path: Path
) -> None:
    member = await shop.member()
    await shop.buys(member, "10.00")
    await backed_up(database, tmp_path / "backup")
    await put_there(elsewhere, tmp_path / "backup")
    assert (await prove(elsewhere)).heads == await shop.ask(heads)
    store = open_store(elsewhere)
    again = Shop(store, shop.programme, shop.clock)
    await again.buys(member, "5.00")  # and it goes on
    assert await again.is_sound()
    await store.close()


async def waiting(post: Post) -> None:
    """Something of each kind waits."""
    shop = post.shop
    member = await post.member()
    for _ in range(3):
        await post.put(member)
    (first,) = await post.take(1)
    await post.sent(first)
    await post.take(1)

    def more(session: Session) -> None:
        session.add(
            InboxRow(
                number_id="1", message_id="m", contact="1", body={}, state="new", sent_at=shop.now,
                received_at=shop.now,
            )
        )  # fmt: skip
        tell(session, shop.programme.id, member, Kind.MILESTONE_REACHED, key="m", about={}, at=shop.now, now=shop.now)

    await shop.do(more)


async def test_what_waited_is_marked_and_goes_out_to_nobody_by_itself(
    shop: Shop, database: str, elsewhere: str, tmp_path: Path
) -> None:
    post = await empty_post(shop)
    await waiting(post)
    assert await post.states() == {"sent": 1, "sending": 1, "waiting": 1}
    await backed_up(database, tmp_path / "backup")
    said = await put_there(elsewhere, tmp_path / "backup")
    assert said[1].startswith("2 messages may have gone out since")
    store = open_store(elsewhere)
    try:
        restored = Post(Shop(store, shop.programme, shop.clock))
        assert await restored.states() == {"sent": 1, "unsure": 2}
        assert await restored.take() == []
        assert await store.read(lambda session: list(session.scalars(select(InboxRow.state)))) == ["failed"]
        assert await store.read(lambda session: session.scalars(select(News).where(News.told_at.is_(None))).all()) == []
        [alarm] = await store.read(open_alarms)
        assert alarm.kind == "restored"
        rows = await store.read(lambda session: session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all())
        assert {row.error for row in rows[1:]} == {"it waited when the backup was made: perhaps it went out since"}
    finally:
        await store.close()


async def test_a_database_that_is_there_is_not_replaced_without_being_told_so(
    shop: Shop, database: str, elsewhere: str, tmp_path: Path
) -> None:
    member = await shop.member()
    await backed_up(database, tmp_path / "first")
    await put_there(elsewhere, tmp_path / "first")
    await shop.buys(member, "10.00")
    await backed_up(database, tmp_path / "second")
    before = await prove(elsewhere)
    with pytest.raises(CommandError, match="--force"):
        await put_there(elsewhere, tmp_path / "second")
    assert await prove(elsewhere) == before
    await put_there(elsewhere, tmp_path / "second", force=True)
    assert (await prove(elsewhere)).heads == await shop.ask(heads) != before.heads


async def test_a_backup_is_not_overwritten(shop: Shop, database: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("something dear")
    with pytest.raises(CommandError, match="is there already"):
        await backed_up(database, file)
    assert file.read_text() == "something dear"


async def test_what_is_no_backup_is_refused(shop: Shop, database: str, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(os.urandom(5000))
    with pytest.raises(CommandError):
        await put_there(elsewhere, file)
    with pytest.raises(CommandError, match="there is no file"):
        await put_there(elsewhere, tmp_path / "nowhere")


# ---- SQLite


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_database_in_use_is_not_replaced(shop: Shop, database: str, tmp_path: Path) -> None:
    await backed_up(database, tmp_path / "backup")
    member = await shop.member()
    await shop.buys(member, "1.00")
    with pytest.raises(CommandError, match="stop all processes"):
        await put_there(database, tmp_path / "backup", force=True)
    await shop.buys(member, "1.00")
    assert await shop.is_sound()


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_what_is_replaced_is_kept_beside_it(shop: Shop, database: str, elsewhere: str, tmp_path: Path) -> None:
    await backed_up(database, tmp_path / "backup")
    await put_there(elsewhere, tmp_path / "backup")
    said = await put_there(elsewhere, tmp_path / "backup", force=True)
    former = Path(said[0].removeprefix("the database that was there is "))
    assert former.parent == tmp_path / "restored"
    with closing(sqlite3.connect(former)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_backup_whose_ledger_was_altered_is_refused(
    shop: Shop, database: str, elsewhere: str, tmp_path: Path
) -> None:
    await shop.buys(await shop.member(), "10.00")
    file = tmp_path / "backup"
    await backed_up(database, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TRIGGER ledger_entry_no_update")
        connection.execute("UPDATE ledger_entry SET amount = amount * 2")
        connection.commit()
    with pytest.raises(CommandError, match="the ledger in it is broken"):
        await put_there(elsewhere, file)
    assert not os.listdir(tmp_path / "restored")


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_damaged_backup_is_refused(shop: Shop, database: str, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    await backed_up(database, file)
    whole = bytearray(file.read_bytes())
    for place in range(4096 * 2, len(whole), 4096 * 3):
        whole[place : place + 64] = os.urandom(64)
    file.write_bytes(whole)
    with pytest.raises(CommandError):
        await put_there(elsewhere, file)


# ---- Postgres


@pytest.mark.parametrize("backend", ["postgres"])
async def test_no_password_is_among_the_arguments(shop: Shop, database: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    told = tmp_path / "told"
    (programs / "pg_dump").write_text(f'#!/bin/sh\necho "$@" > {told}\necho "no such host: nobody" >&2\nexit 1\n')
    (programs / "pg_dump").chmod(0o755)
    url = make_url(database).set(password="s3cret").render_as_string(hide_password=False)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}:{path}"
    try:
        with pytest.raises(CommandError, match="pg_dump failed: no such host: nobody"):
            await backed_up(url, tmp_path / "backup")
    finally:
        os.environ["PATH"] = path
    assert "s3cret" not in told.read_text()
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("backend", ["postgres"])
async def test_a_dump_that_cannot_be_read_changes_nothing(
    shop: Shop, database: str, elsewhere: str, tmp_path: Path
) -> None:
    await backed_up(database, tmp_path / "backup")
    await put_there(elsewhere, tmp_path / "backup")
    before = await prove(elsewhere)
    cut = tmp_path / "cut"
    cut.write_bytes((tmp_path / "backup").read_bytes()[:-2000])
    with pytest.raises(CommandError):
        await put_there(elsewhere, cut, force=True)
    assert await prove(elsewhere) == before


@pytest.mark.parametrize("backend", ["postgres"])
async def test_a_database_in_use_is_not_replaced_by_a_dump(shop: Shop, database: str, tmp_path: Path) -> None:
    await backed_up(database, tmp_path / "backup")
    await shop.member()  # our store holds a connection
    with pytest.raises(CommandError, match="stop all processes"):
        await put_there(database, tmp_path / "backup", force=True)
