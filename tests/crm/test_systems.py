"""What is particular to each CRM: tokens, fields, finding people, limits, bonus accounts."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import case, update

from crm.errors import NotAllowed, Wait
from crm.pace import Pace
from crm.system import Contact, Results, Written
from crm.systems.bitrix24 import Bitrix24, Bitrix24Config
from crm.systems.hubspot import HubSpot, HubSpotConfig
from crm.systems.kommo import Kommo, KommoConfig
from crm.systems.retailcrm import RetailCrm, RetailCrmConfig
from crm.systems.zoho import Zoho, ZohoConfig
from crm.tables import CrmCursor
from loyalty.ids import MemberId
from loyalty.tables import Member
from simulator.crm import StandInHubSpot, StandInRetailCrm, StandInZoho, Trouble
from tests.crm.adapters import ADAPTERS, NAMES
from tests.crm.conftest import Kit, kit_of
from tests.store.helpers import Shop


class Watch:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("name", NAMES)
async def test_the_limit_of_calls_is_never_reached_at_our_own_pace(shop: Shop, name: str) -> None:
    watch = Watch()
    async with kit_of(name, shop, clock=watch) as kit:
        system = ADAPTERS[name](kit.url, _own_pace(name, watch))
        members = await kit.members(60)
        async with system:
            await system.prepare()
            for _ in range(3):
                results: Results = {}
                contacts = [Contact(one, None, await _card(kit, one), tried=True) for one in members]
                for start in range(0, len(contacts), system.batch):
                    await system.push(contacts[start : start + system.batch], results)
                assert len(results) == len(members)
            for _ in range(120):
                await system.contact("1001")
        assert kit.crm.limited == 0
        assert len(kit.crm.calls) > 120


def _own_pace(name: str, watch: Watch) -> Pace:
    """The pace that the adapter has by itself, on this watch."""
    from crm.systems import bitrix24, hubspot, kommo, retailcrm, zoho  # noqa: PLC0415 -- their names are needed here alone

    rates = {
        "hubspot": (hubspot.RATE, hubspot.BURST), "zoho": (zoho.RATE, zoho.BURST), "kommo": (kommo.RATE, 1),
        "bitrix24": (bitrix24.RATE, bitrix24.BURST), "retailcrm": (retailcrm.RATE, 1),
    }  # fmt: skip
    rate, burst = rates[name]
    return Pace(rate, burst, clock=watch, sleep=watch.sleep)


async def _card(kit: Kit, member: MemberId) -> Any:
    from crm.gathering import cards_of  # noqa: PLC0415 -- used here alone

    programmes = {kit.shop.programme.id: kit.shop.programme}
    found = await kit.shop.ask(lambda session: cards_of(session, programmes, [member], "https://aurora.example"))
    return found[member]


@pytest.fixture
async def hubspot(shop: Shop) -> AsyncIterator[Kit]:
    async with kit_of("hubspot", shop) as kit:
        yield kit


@pytest.fixture
async def zoho(shop: Shop) -> AsyncIterator[Kit]:
    async with kit_of("zoho", shop) as kit:
        yield kit


async def test_fields_that_are_missing_are_made_once(shop: Shop) -> None:
    for name in ("hubspot", "bitrix24", "kommo", "retailcrm"):
        async with kit_of(name, shop) as kit:
            async with kit.system:
                assert len((await kit.system.check()).missing) == 19, name
                await kit.system.prepare()
                assert (await kit.system.check()).missing == (), name
                calls = len(kit.crm.calls)
                await kit.system.prepare()
                assert all(one.startswith(("GET", "POST /rest")) for one in kit.crm.calls[calls:]), name


async def test_the_unique_property_is_ours(hubspot: Kit) -> None:
    from crm.card import FIELDS  # noqa: PLC0415 -- used here alone
    from crm.systems.hubspot import _definition  # noqa: PLC0415 -- as above

    unique = [field.key for field in FIELDS if _definition(field).get("hasUniqueValue")]
    assert unique == ["loyalty_member_id"]


async def test_hubspot_tells_which_scope_is_missing(hubspot: Kit) -> None:
    await hubspot.members(1)
    cast(StandInHubSpot, hubspot.crm).scopes = False
    done = await hubspot.runs()
    assert "scope" in done.why


async def test_hubspots_wait_is_as_long_as_it_says(hubspot: Kit) -> None:
    await hubspot.members(1)
    hubspot.crm.trouble(Trouble.BUSY)
    await hubspot.runs()
    assert (await hubspot.sees()).paused_until == hubspot.shop.now + timedelta(seconds=7)


@pytest.mark.parametrize("version", ["v3", "2026-03"])
async def test_hubspot_goes_by_the_version_of_the_settings(hubspot: Kit, version: str) -> None:
    system = HubSpot(HubSpotConfig(hubspot.url, "hubspot-token", version))
    async with system:
        await system.prepare()
    prefix = "/crm/v3/properties" if version == "v3" else "/crm/properties/2026-03"
    assert all(call.split()[1].startswith(prefix) for call in hubspot.crm.calls)


async def test_a_name_that_was_corrected_there_stays(shop: Shop) -> None:
    for name in NAMES:
        async with kit_of(name, shop) as kit:
            (anna,) = await kit.members(1)
            await kit.runs()
            (contact,) = kit.crm.of(anna)
            key = next(one for one in ("firstname", "last_name", "name", "firstName") if one in contact)
            contact[key] = "Dottoressa Rossi"
            await kit.shop.buys(anna, "7.00")
            await kit.runs()
            assert kit.crm.of(anna)[0][key] == "Dottoressa Rossi", name


async def test_zoho_lacks_fields_until_somebody_makes_them(zoho: Kit) -> None:
    (anna,) = await zoho.members(1)
    made, zoho.crm.fields = zoho.crm.fields, set()
    done = await zoho.runs()
    assert "Loyalty_Member_Id" in done.why
    zoho.crm.fields = made
    await zoho.later(minutes=20)
    assert await zoho.is_told(anna)


async def test_zohos_token_is_renewed_once_when_its_hour_is_over(zoho: Kit) -> None:
    crm = cast(StandInZoho, zoho.crm)
    (anna,) = await zoho.members(1)
    await zoho.runs()
    assert crm.renewed == 1
    crm.expire()
    await zoho.shop.buys(anna, "2.00")
    assert (await zoho.runs()).why == ""
    assert crm.renewed == 2
    assert await zoho.is_told(anna)


async def test_a_refresh_token_that_was_withdrawn_is_an_alarm(zoho: Kit) -> None:
    await zoho.members(1)
    cast(StandInZoho, zoho.crm).refresh_token = "another"
    done = await zoho.runs()
    assert "ZOHO_REFRESH_TOKEN" in done.why
    assert len([call for call in zoho.crm.calls if "token" in call]) == 1


async def test_zoho_always_gets_a_last_name(zoho: Kit) -> None:
    anna = await zoho.shop.member()
    await zoho.runs()
    assert str(zoho.crm.of(anna)[0]["last_name"]).startswith("Member ")


@pytest.mark.parametrize("name", ["bitrix24", "kommo"])
async def test_a_contact_with_her_phone_becomes_hers_and_one_of_another_member_does_not(shop: Shop, name: str) -> None:
    async with kit_of(name, shop) as kit:
        kit.crm.put(phone="+393330000001", name="Known since 2019")
        kit.crm.put(phone="+393330000002", loyalty_member_id="0" * 32)
        anna = await shop.member(phone="+393330000001")
        bea = await shop.member(phone="+393330000002")
        await kit.runs()
        assert await kit.is_told(anna, bea)
        assert kit.crm.of(anna)[0]["name"] == "Known since 2019"
        assert len(kit.crm.contacts) == 3


@pytest.mark.parametrize("name", ["bitrix24", "kommo"])
async def test_part_of_a_phone_is_not_her_phone(shop: Shop, name: str) -> None:
    async with kit_of(name, shop) as kit:
        kit.crm.put(phone="+3933300000011", name="Somebody else")
        anna = await shop.member(phone="+393330000001")
        await kit.runs()
        assert await kit.is_told(anna)
        assert len(kit.crm.contacts) == 2


async def test_bitrix24s_secret_is_in_no_error(shop: Shop) -> None:
    async with kit_of("bitrix24", shop) as kit:
        system = Bitrix24(Bitrix24Config("http://127.0.0.1:1/rest/1/topsecret/"))
        await kit.members(1)
        done = await kit.worker(system).run(shop.now, batches=None, pages=None)
        assert done.why
        assert "topsecret" not in done.why
        assert "topsecret" not in repr(system)
        assert "topsecret" not in repr(Bitrix24Config("http://127.0.0.1:1/rest/1/topsecret/"))


async def test_a_method_that_was_called_for_too_long_is_waited_for() -> None:
    from calls.answers import Answer  # noqa: PLC0415 -- used here alone
    from crm.http import wait_of  # noqa: PLC0415 -- used here alone

    http = ADAPTERS["bitrix24"]("http://127.0.0.1:1", Pace(1))._http  # type: ignore[attr-defined]  # looked into
    with pytest.raises(Wait) as caught:
        http._judged(429, b'{"error": "OPERATION_TIME_LIMIT"}', {})
    assert caught.value.after == timedelta(minutes=10)
    with pytest.raises(Wait) as caught:
        http._judged(429, b"busy", {"Retry-After": "42"})
    assert caught.value.after == timedelta(seconds=42)
    assert wait_of(Answer(429, None, {"retry-after": "soon"}), timedelta(seconds=3)) == timedelta(seconds=3)
    assert wait_of(Answer(429, None, {"retry-after": "9" * 400}), timedelta(seconds=3)) <= timedelta(hours=24)


async def test_a_blocked_address_is_an_alarm(shop: Shop) -> None:
    http = ADAPTERS["kommo"]("http://127.0.0.1:1", Pace(1))._http  # type: ignore[attr-defined]  # looked into
    with pytest.raises(NotAllowed):
        http._judged(401, b'{"detail": "Unauthorized"}', {})


async def test_bonus_accounts_follow_the_points_and_never_by_more(shop: Shop) -> None:
    async with kit_of("retailcrm", shop) as kit:
        crm = cast(StandInRetailCrm, kit.crm)
        (anna,) = await kit.members(1)
        await shop.buys(anna, "30.00", key="order")
        await kit.runs()
        (account,) = crm.accounts.values()
        assert (account["amount"], account["active"]) == (30, True)
        await shop.refunds("order", "10.00")
        await kit.runs()
        assert account["amount"] == 20
        assert crm.operations == [(1, 30), (1, -10)]


async def test_a_credit_in_doubt_is_not_given_twice(shop: Shop) -> None:
    async with kit_of("retailcrm", shop) as kit:
        crm = cast(StandInRetailCrm, kit.crm)
        (anna,) = await kit.members(1)
        await kit.runs()
        for round_ in range(4):  # cut at each call of a push in turn
            await shop.buys(anna, "10.00")
            for _ in range(round_):
                crm._troubles.append(None)  # type: ignore[arg-type]  # this call goes well
            crm.trouble(Trouble.DONE_AND_CUT)
            await kit.runs()
            await kit.later(minutes=20)
            await kit.later(minutes=20)
            crm._troubles.clear()
        (account,) = crm.accounts.values()
        assert account["amount"] == 40
        assert sum(amount for _, amount in crm.operations) == 40
        assert len(crm.operations) == 4


async def test_without_bonuses_in_the_settings_no_account_is_touched(shop: Shop) -> None:
    async with kit_of("retailcrm", shop) as kit:
        system = RetailCrm(RetailCrmConfig(kit.url, "retail-key", "shop"))
        (anna,) = await kit.members(1)
        await kit.worker(system).run(shop.now, batches=None, pages=None)
        assert len(kit.crm.of(anna)) == 1
        assert not any("loyalty/" in call for call in kit.crm.calls)


async def test_who_was_erased_has_no_bonuses_left(shop: Shop) -> None:
    from loyalty.rights.erasure import erase  # noqa: PLC0415 -- used here alone

    async with kit_of("retailcrm", shop) as kit:
        crm = cast(StandInRetailCrm, kit.crm)
        (anna,) = await kit.members(1)
        await shop.buys(anna, "30.00")
        await kit.runs()
        await shop.do(lambda session: erase(session, shop.programme, anna, now=shop.now))
        await kit.runs()
        assert [one["amount"] for one in crm.accounts.values()] == [0]


async def test_a_name_that_changed_is_found_by_the_nightly_sweep(hubspot: Kit) -> None:
    (anna,) = await hubspot.members(1)
    await hubspot.runs()
    far = case((CrmCursor.source == "consent.member_id", str(10**9)), else_="f" * 32)
    await hubspot.shop.do(lambda session: session.connection().execute(update(CrmCursor).values(seen=far)))
    await hubspot.shop.do(lambda session: setattr(session.get_one(Member, anna), "name", "Anna"))
    assert (await hubspot.runs()).written == 0  # nothing that is read tells of it
    assert (await hubspot.later(days=1)).written == 1
    assert hubspot.crm.of(anna)[0]["loyalty_name"] == "Anna"


async def test_a_sweep_that_was_cut_off_goes_on_where_it_was(hubspot: Kit) -> None:
    members = await hubspot.members(3)
    marked, over = await hubspot.sync.finder.sweep(hubspot.shop.now, pages=0)
    assert (marked, over) == (0, False)
    assert await hubspot.worker().finder.sweep(hubspot.shop.now, pages=None) == (3, True)
    assert await hubspot.sync.finder.sweep(hubspot.shop.now, pages=None) == (0, True)
    await hubspot.runs()
    assert await hubspot.is_told(*members)


def test_configurations_show_no_secret() -> None:
    told = [
        HubSpotConfig("https://a.example", "s3cret"), KommoConfig("https://a.example", "s3cret"),
        ZohoConfig("https://a.example", "https://b.example", "id", "s3cret", "s3cret"),
        RetailCrmConfig("https://a.example", "s3cret", "shop"),
    ]  # fmt: skip
    assert "s3cret" not in repr(told)
    for system in (HubSpot(told[0]), Kommo(told[1]), Zoho(told[2])):  # type: ignore[arg-type]  # each its own
        assert "s3cret" not in repr(system)


async def test_an_unknown_contact_of_nobody_is_not_created(shop: Shop) -> None:
    for name in NAMES:
        async with kit_of(name, shop) as kit, kit.system:
            await kit.system.prepare()
            results: Results = {}
            await kit.system.push([Contact(MemberId("a" * 32), None, None, tried=True)], results)
            assert results == {MemberId("a" * 32): Written(None)}, name
            assert kit.crm.contacts == {}, name
