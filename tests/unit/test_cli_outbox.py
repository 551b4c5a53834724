"""`passaparola outbox`: dead letters can be looked at, sent again and dropped; no phone number is shown."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from conversation.leaving import brakes
from conversation.leaving.dead_letters import NoSuchLetter
from conversation.tables import OutboxRow
from loyalty.clock import FixedClock
from loyalty.programme import Programme
from loyalty.store import open_store
from passaparola.commands.outbox import outbox
from passaparola.errors import CommandError
from tests.store.helpers import Shop
from tests.store.sending import NUMBER, Post

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture
def database(sqlite_database: str, cafe: Programme, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three dead letters of different kinds, and a paused number; the settings name the store."""

    async def fill() -> None:
        store = open_store(sqlite_database)
        post = Post(Shop(store, cafe, FixedClock(NOW)))
        for _ in range(3):
            await post.put(await post.member())

        def spoil(session: Session) -> None:
            for number, state, code in ((1, "failed", 131009), (2, "unsure", None), (3, "withheld", 131009)):
                values = {"state": state, "error_code": code, "error": "not to +393331234567"}
                session.execute(update(OutboxRow).where(OutboxRow.id == number).values(**values))
            brakes.pause(session, brakes.number_key(NUMBER), code=190, why="token", now=NOW)
            raise_alarm(session, "number", "token is over", subject=NUMBER, now=NOW)

        await store.write(spoil)
        await store.close()

    asyncio.run(fill())
    monkeypatch.setenv("PASSAPAROLA_DATABASE_URL", sqlite_database)
    return sqlite_database


def run(*arguments: str) -> str:
    result = CliRunner().invoke(outbox, arguments, catch_exceptions=False, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def states(database: str) -> list[str]:
    async def look() -> list[str]:
        store = open_store(database)
        rows = await store.read(lambda session: session.query(OutboxRow).order_by(OutboxRow.id).all())
        await store.close()
        return [row.state for row in rows]

    return asyncio.run(look())


def test_dead_letters_and_alarms_are_listed_without_phone_numbers(database: str) -> None:
    listed = run("list")
    assert all(word in listed for word in ("1  failed", "2  unsure", "3  withheld", "alarm: number", "paused: number"))
    assert "+39" not in listed
    assert "2  unsure" not in run("list", "--state", "failed")


def test_one_is_shown_with_what_it_says(database: str) -> None:
    shown = json.loads(run("show", "1"))
    assert (shown["state"], shown["message"]["text"]) == ("failed", "hi")
    assert "+39" not in json.dumps(shown)


def test_dead_letters_are_sent_again_one_by_one_or_by_their_code(database: str) -> None:
    run("resend", "2")
    assert states(database) == ["failed", "waiting", "withheld"]
    assert "2 messages" in run("resend", "--all-of", "131009")
    assert states(database) == ["waiting"] * 3
    with pytest.raises(NoSuchLetter, match="waiting"):
        run("resend", "2")
    with pytest.raises(NoSuchLetter, match="no message 99"):
        run("show", "99")
    with pytest.raises(CommandError):
        run("resend")


def test_a_dead_letter_is_dropped(database: str) -> None:
    run("drop", "1")
    assert states(database)[0] == "dropped"
    assert "1  failed" not in run("list")


def test_what_was_paused_goes_on(database: str) -> None:
    assert f"number:{NUMBER} goes on" in run("resume")
    assert "alarm" not in run("list")
    assert "nothing was paused" in run("resume")


def test_the_group_is_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(outbox, ["--help"])
    assert {"list", "show", "resend", "drop", "resume"} <= set(result.output.split())
