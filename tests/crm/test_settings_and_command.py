"""Settings of CRMs, and `passaparola crm`: wrong ones are one line, secrets are shown nowhere."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from crm import queue
from loyalty.programme import Programme
from loyalty.store import open_store
from passaparola.commands.crm import crm
from passaparola.crm_jobs import crm_jobs
from passaparola.crm_settings import CrmSettings, secrets_of, systems_of
from passaparola.errors import CommandError
from simulator.crm import StandInHubSpot, StandInKommo, Trouble
from tests.store.helpers import Shop, set_up_member

WHOLE = {
    "HUBSPOT_ACCESS_TOKEN": "topsecret", "HUBSPOT_WEBHOOK_SECRET": "topsecret", "ZOHO_REFRESH_TOKEN": "topsecret",
    "ZOHO_CLIENT_ID": "id", "ZOHO_CLIENT_SECRET": "topsecret", "ZOHO_WEBHOOK_TOKEN": "topsecret",
    "BITRIX24_WEBHOOK_URL": "https://x.bitrix24.com/rest/1/topsecret/", "BITRIX24_APPLICATION_TOKEN": "topsecret",
    "KOMMO_URL": "https://x.kommo.com", "KOMMO_ACCESS_TOKEN": "topsecret", "KOMMO_WEBHOOK_TOKEN": "topsecret",
    "RETAILCRM_URL": "https://x.retailcrm.pro", "RETAILCRM_API_KEY": "topsecret", "RETAILCRM_SITE": "shop",
    "RETAILCRM_WEBHOOK_TOKEN": "topsecret",
}  # fmt: skip
ALL = ["hubspot", "zoho", "bitrix24", "kommo", "retailcrm"]


def settings(**values: Any) -> CrmSettings:
    """Settings with these values and no others."""
    known = {str(field.alias): field.get_default() for field in CrmSettings.model_fields.values()}
    return CrmSettings(**{**known, **values})


def test_a_system_is_on_once_its_token_is_set() -> None:
    assert systems_of(settings()) == {}
    assert list(systems_of(settings(**WHOLE))) == ALL
    assert list(secrets_of(settings(**WHOLE))) == ALL
    assert list(systems_of(settings(HUBSPOT_ACCESS_TOKEN=" ", KOMMO_ACCESS_TOKEN=""))) == []
    assert secrets_of(settings(HUBSPOT_WEBHOOK_SECRET="s")) == {}
    assert secrets_of(settings(HUBSPOT_WEBHOOK_SECRET="", HUBSPOT_ACCESS_TOKEN="x")) == {}


def test_nothing_shows_a_secret() -> None:
    whole = settings(**WHOLE)
    assert "topsecret" not in repr(whole)
    assert "topsecret" not in repr(systems_of(whole))
    assert "topsecret" not in repr(secrets_of(whole))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ZOHO_CLIENT_ID": ""}, "ZOHO_CLIENT_ID"),
        ({"ZOHO_CLIENT_SECRET": ""}, "ZOHO_CLIENT_SECRET"),
        ({"ZOHO_WON_STAGES": " , "}, "ZOHO_WON_STAGES"),
        ({"ZOHO_API_URL": "zohoapis.eu"}, "ZOHO_API_URL"),
        ({"KOMMO_URL": ""}, "KOMMO_URL"),
        ({"KOMMO_URL": "http://x.kommo.com"}, "KOMMO_URL"),
        ({"KOMMO_URL": "https://[x"}, "KOMMO_URL"),
        ({"BITRIX24_WEBHOOK_URL": "https://x.bitrix24.com/topsecret"}, "BITRIX24_WEBHOOK_URL"),
        ({"BITRIX24_WEBHOOK_URL": "topsecret"}, "BITRIX24_WEBHOOK_URL"),
        ({"RETAILCRM_URL": ""}, "RETAILCRM_URL"),
        ({"RETAILCRM_SITE": ""}, "RETAILCRM_SITE"),
        ({"HUBSPOT_API_URL": "ftp://x"}, "HUBSPOT_API_URL"),
    ],
)
def test_half_or_wrong_settings_are_one_line_that_names_the_variable(change: dict[str, str], named: str) -> None:
    with pytest.raises(CommandError) as caught:
        systems_of(settings(**{**WHOLE, **change}))
    assert str(caught.value).startswith(named)
    assert len(str(caught.value).splitlines()) == 1
    assert "topsecret" not in str(caught.value)


@pytest.fixture
def hubspot() -> Iterator[tuple[StandInHubSpot, str]]:
    """A stand-in in a thread of its own, since commands run loops of their own."""
    crm, loop, ready = StandInHubSpot(), asyncio.new_event_loop(), threading.Event()
    server = TestServer(crm.application())

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.start_server())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(server.close())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(10)
    yield crm, str(server.make_url("")).rstrip("/")
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def member(
    sqlite_database: str, cafe: Programme, hubspot: tuple[StandInHubSpot, str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """A member of a store; the settings name it and the stand-in."""

    async def fill() -> str:
        store = open_store(sqlite_database)
        now = datetime(2026, 11, 21, 10, tzinfo=UTC)
        found = await store.write(lambda session: set_up_member(session, cafe, now, phone="+393331112223"))
        await store.close()
        return found

    monkeypatch.setenv("PASSAPAROLA_DATABASE_URL", sqlite_database)
    monkeypatch.setenv("HUBSPOT_API_URL", hubspot[1])
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "hubspot-token")
    return asyncio.run(fill())


def run(*arguments: str) -> str:
    result = CliRunner().invoke(crm, arguments, catch_exceptions=False, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_sync_status_retry_and_check(member: str, hubspot: tuple[StandInHubSpot, str]) -> None:
    stand_in, _ = hubspot
    assert "0 up to date, 0 waiting" in run("status")
    assert "it lacks loyalty_member_id" in run("check")
    stand_in.refused = {member}
    assert run("sync").endswith("hubspot: 1 set aside\n")
    told = run("status", "hubspot")
    assert f"set aside: member {member}: " in told
    assert "333" not in told
    stand_in.refused = set()
    assert run("retry") == "hubspot: 1 wait to be tried again\n"
    assert run("sync") == "hubspot: 1 contacts written\n"
    assert run("sync") == "hubspot: nothing to tell\n"
    assert "1 up to date, 0 waiting, 0 set aside" in run("status")
    assert "it has all fields" in run("check")


def test_a_system_in_trouble_is_one_line(member: str, hubspot: tuple[StandInHubSpot, str]) -> None:
    hubspot[0].always(Trouble.LOCKED_OUT)
    for command in ("check", "sync"):
        with pytest.raises(CommandError) as caught:
            run(command)
        assert "hubspot: HubSpot does not accept our token" in str(caught.value)
    told = run("status")
    assert "left alone until" in told
    assert "hubspot-token" not in told
    hubspot[0].always(None)
    assert run("sync", "hubspot") == "hubspot: 1 contacts written\n"  # asked for, it does not wait


def test_a_system_that_is_not_on_is_said(member: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="zoho is not on; on are: hubspot"):
        run("status", "zoho")
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN")
    with pytest.raises(CommandError, match="no CRM is on"):
        run("status")


async def test_each_system_has_a_job_and_one_that_is_down_delays_only_its_own(shop: Shop) -> None:
    from tests.crm.conftest import kit_of  # noqa: PLC0415 -- used here alone

    async with kit_of("hubspot", shop) as one, kit_of("kommo", shop) as two:
        one.crm.always(Trouble.ERROR)
        house = _House(shop)
        jobs = crm_jobs(house, _context(shop), {"hubspot": one.system, "kommo": two.system})  # type: ignore[arg-type]  # what it needs of a house
        assert [job.name for job in jobs] == ["crm:hubspot", "crm:kommo"]
        assert all(job.alone for job in jobs)
        anna = await shop.member()
        reports = [await job.work(shop.now) for job in jobs]
        assert "HubSpot answered 500" in reports[0]
        assert reports[1] == "1 contacts written"
        assert await two.is_told(anna)
        assert (await one.sees()).contacts == {queue.WAITING: 1}
        assert isinstance(two.crm, StandInKommo)


class _Programmes(dict[Any, Any]):
    async def refresh(self) -> None:
        """Files that changed; there are none."""


class _House:
    """As much of a house as jobs need."""

    def __init__(self, shop: Shop) -> None:
        self.store, self.clock = shop.store, shop.clock
        self.programmes = _Programmes({shop.programme.id: shop.programme})
        self.settings = type("Settings", (), {"public_url": "https://aurora.example"})()


def _context(shop: Shop) -> Any:
    return type("Context", (), {"store": shop.store, "clock": shop.clock, "programmes": {}})()
