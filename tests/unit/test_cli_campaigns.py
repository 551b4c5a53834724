"""`passaparola campaign`: from the dry run to the report, and one line for whatever goes wrong."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from campaigns.errors import BadCampaign
from conversation.tables import OutboxRow
from loyalty.clock import FixedClock
from loyalty.errors import NotFound, Refused
from loyalty.programme import Programme
from loyalty.store import open_store
from loyalty.tables import Campaign, Identity, Member, Trail
from passaparola.commands.campaign import campaign
from passaparola.errors import CommandError
from tests.store.campaigning import Crowd
from tests.store.helpers import Shop

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture
def database(sqlite_database: str, cafe: Programme, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three members who want offers and one who does not; the settings name the store."""

    async def fill() -> None:
        store = open_store(sqlite_database)
        crowd = Crowd(Shop(store, cafe, FixedClock(NOW)))
        await crowd.template()
        await crowd.fans(3)
        await crowd.fan(wants=False)
        await store.close()

    asyncio.run(fill())
    monkeypatch.setenv("PASSAPAROLA_DATABASE_URL", sqlite_database)
    return sqlite_database


@pytest.fixture
def file(tmp_path: Path) -> str:
    found = tmp_path / "winter.yml"
    found.write_text("id: winter\nprogramme: cafe\nmessage: {template: we_miss_you}\n", "utf-8")
    return str(found)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(campaign, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def rows(database: str, table: type[Campaign] | type[OutboxRow] | type[Trail]) -> list[object]:
    async def work() -> list[object]:
        store = open_store(database)
        try:
            return await store.read(lambda session: list(session.scalars(select(table))))
        finally:
            await store.close()

    return asyncio.run(work())


def test_a_dry_run_counts_and_writes_nothing(database: str, file: str) -> None:
    result = run("plan", file, "--dry-run")
    assert "left out    1  no consent" in result.output
    assert "winter: nothing was written" in result.output
    assert rows(database, Campaign) == []
    counted = json.loads(run("plan", file, "--dry-run", "--json").stdout)
    assert (counted["audience"], counted["recipients"], counted["excluded"]) == (4, 3, {"no_consent": 1})


def test_from_the_plan_to_the_report(database: str, file: str) -> None:
    assert "it is planned" in run("plan", file).output
    assert "nothing changed" in run("plan", file).output
    assert "winter is started" in run("start", "winter").output
    assert "winter runs already" in run("start", "winter").output
    assert "cafe  winter  running" in run("list").output
    assert "winter is paused" in run("pause", "winter").output
    assert "paused by command line" in run("list").output
    assert "winter goes on" in run("resume", "winter").output
    assert "winter is stopped" in run("stop", "winter", "--programme", "cafe").output
    assert "was over before" in run("stop", "winter").output
    lines = run("report", "winter").output
    assert "winter (cafe) is stopped: stopped by command line" in lines
    assert "no verdict: there is nothing to compare with" in lines
    assert json.loads(run("report", "winter", "--json").stdout)["overview"]["recipients"] == {"planned": 3}
    assert json.loads(run("list", "--json").stdout)[0]["name"] == "winter"
    noted = [row.action for row in rows(database, Trail) if isinstance(row, Trail)]
    assert noted == ["campaign.started", "campaign.paused", "campaign.resumed", "campaign.stopped"]


def test_a_test_goes_to_one_member(database: str, file: str) -> None:
    async def phone() -> str | None:
        store = open_store(database)
        query = select(Identity.value).join(Member, Member.id == Identity.member_id).where(Member.marketing_opt_in)
        try:
            return await store.read(lambda session: session.scalars(query).first())
        finally:
            await store.close()

    found = asyncio.run(phone())
    assert found is not None
    assert "is in the outbox" in run("test-send", file, "--to", found).output
    [row] = rows(database, OutboxRow)
    assert isinstance(row, OutboxRow)
    assert row.key.startswith("campaign-test:winter:")
    with pytest.raises(NotFound):
        run("test-send", file, "--to", "+393990000000")


def test_whatever_goes_wrong_is_said(database: str, file: str, tmp_path: Path) -> None:
    assert database
    with pytest.raises(NotFound, match="there is no campaign 'summer'"):
        run("start", "summer")
    other = tmp_path / "other.yml"
    other.write_text("id: other\nprogramme: bar\nmessage: {template: we_miss_you}\n", "utf-8")
    with pytest.raises(CommandError, match="there is no programme bar here; there is: cafe"):
        run("plan", str(other))
    other.write_text("id: other\nprogramme: cafe\nmessage: {template: nothing}\n", "utf-8")
    with pytest.raises(Refused, match="the template nothing is not approved"):
        run("plan", str(other))
    other.write_text("id: other\n", "utf-8")
    with pytest.raises(BadCampaign, match=r"other\.yml:1: programme: is missing"):
        run("plan", str(other))
    assert "nothing is planned" in run("list").output
