"""`passaparola inbox`: what could not be answered is shown without what it says, and tried again."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from conversation.alarms import open_alarms
from conversation.arriving import inbox
from conversation.arriving.incoming import Incoming, Sender, Text
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from passaparola.__main__ import cli

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def poison(url: str) -> None:
    """Have a message in the database that was set aside."""
    message = Incoming("wamid.1", "1", Sender("393331234567", None, "Gilda"), NOW, Text("my secret"))

    def work(session: Session) -> None:
        inbox.accept(session, [message], now=NOW)
        inbox.fail(session, message, error="KeyError: +393331234567 is\nmissing", now=NOW)

    async def run() -> None:
        store = open_store(url)
        await store.write(work)
        await store.close()

    upgrade(url)
    asyncio.run(run())


def state(url: str) -> tuple[int, int]:
    """How many messages wait, and how many alarms are open."""

    async def run() -> tuple[int, int]:
        store = open_store(url)
        found = await store.read(lambda session: (len(inbox.waiting(session)), len(open_alarms(session))))
        await store.close()
        return found

    return asyncio.run(run())


def command(url: str, *arguments: str) -> Result:
    settings = {"PASSAPAROLA_DATABASE_URL": url, "PASSAPAROLA_PROGRAMME": "programmes/cafe.yml"}
    return CliRunner().invoke(cli, ["inbox", *arguments], env=settings)


def test_what_was_set_aside_is_listed_tried_again_and_its_alarm_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    poison(url)
    assert state(url) == (0, 1)
    listed = command(url, "list").output
    assert listed.splitlines() == ["1  2026-11-21 10:00  text  KeyError: …567 is"]
    assert "message 1 will be tried again" in command(url, "retry", "1").output
    assert state(url) == (1, 0)
    assert "no message is set aside" in command(url, "list").output


def test_what_is_not_set_aside_cannot_be_tried_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    poison(url)
    result = command(url, "retry", "7")
    assert "no message 7 is set aside" in str(result.exception)
    assert state(url) == (0, 1)
