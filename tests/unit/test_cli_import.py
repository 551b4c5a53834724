"""`import-members` with somebody in the file who was erased."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, get_member
from loyalty.programme import Programme
from loyalty.rights.erasure import erase
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from loyalty.tables import Identity
from passaparola.__main__ import cli

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
PHONE = "+393331234567"


def erase_somebody(url: str, programme: Programme) -> None:
    """Have a customer who was erased in the database."""

    def work(session: Session) -> None:
        import_row(session, programme, ImportRow(Ref.phone(PHONE), "Gilda", "it", "", 10), now=NOW)
        member = MemberId(get_member(session, programme.id, f"phone:{PHONE}").id)
        erase(session, programme, member, NOW)

    async def run() -> None:
        store = open_store(url)
        await store.write(work)
        await store.close()

    upgrade(url)
    asyncio.run(run())


def phones(url: str) -> list[str]:
    async def run() -> list[str]:
        store = open_store(url)
        found = await store.read(lambda session: list(session.scalars(select(Identity.value))))
        await store.close()
        return found

    return asyncio.run(run())


def test_a_customer_who_was_erased_is_not_taken_and_the_others_are(tmp_path: Path, cafe: Programme) -> None:
    url, file = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "members.csv"
    erase_somebody(url, cafe)
    rows = [f"{PHONE},Gilda,it,paper form,40", "+393337654321,Giulia,it,,5"]
    file.write_text("\n".join(["phone,name,language,opt_in_evidence,points", *rows, ""]), "utf-8")
    settings = {"PASSAPAROLA_DATABASE_URL": url, "PASSAPAROLA_PROGRAMME": "programmes/cafe.yml"}
    result = CliRunner().invoke(cli, ["import-members", str(file)], env=settings, catch_exceptions=False)
    assert result.exit_code == 0
    refused, done = result.output.splitlines()
    assert refused == f"{file}:2: not taken: the person was erased at her own wish; only she herself can come back"
    assert done == "2 customers read, 1 of them new members of Caffè Aurora, 1 not taken"
    assert phones(url) == ["+393337654321"]
