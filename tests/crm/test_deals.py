"""A deal that was won in a CRM becomes a purchase, once by its id, whatever is told, repeated, cut off or raced."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from sqlalchemy import func, select

from conversation.alarms import open_alarms
from conversation.saying.notices import Notices
from conversation.saying.sentences import Sentences
from crm import deals
from crm.tables import CrmDeal
from loyalty.orders import parked
from loyalty.tables import ParkedEvent, Purchase
from service.app import build_app
from service.context import Context
from service.crm_deals import DealTaker
from service.parking import claim_parked
from simulator.crm import Trouble
from tests.crm.adapters import NAMES
from tests.crm.conftest import PUBLIC, Kit, kit_of
from tests.crm.test_hooks import signed
from tests.store.helpers import Shop

Client = TestClient[Any, Any]
SECRET = "s"
DEAL = 4711


def a_deal(name: str, *, won: bool = True, amount: str | None = "42.50", contact: int | None = None) -> dict[str, Any]:
    """A deal as each system keeps it."""
    match name:
        case "hubspot":
            deal = {"amount": amount, "deal_currency_code": "EUR", "hs_is_closed_won": str(won).lower()}
            return {**deal, "closedate": "2026-11-20T10:00:00Z", "contacts": [contact] if contact else []}
        case "zoho":
            person = {"contact_name": {"id": str(contact)}} if contact else {}
            return {"stage": "Closed Won" if won else "Proposal", "amount": float(amount) if amount else None, **person}
        case "bitrix24":
            return {
                "ID": str(DEAL), "STAGE_SEMANTIC_ID": "S" if won else "P", "OPPORTUNITY": amount, "CURRENCY_ID": "EUR",
                "CONTACT_ID": str(contact) if contact else None,
            }  # fmt: skip
        case "kommo":
            people = {"contacts": [{"id": contact, "is_main": True}] if contact else []}
            price = float(amount) if amount else None
            return {"status_id": 142 if won else 143, "price": price, "closed_at": 1795168800, "_embedded": people}
        case _:
            customer = {"customer": {"id": contact}} if contact else {}
            status = "complete" if won else "new"
            return {"status": status, "totalSumm": float(amount) if amount else None, "currency": "EUR", **customer}


def notification(name: str, *, secret: str = SECRET, deal: int = DEAL) -> tuple[str, bytes, dict[str, str]]:
    """A path, a body and headers, as each system tells of a deal."""
    path = f"/webhooks/crm/{name}"
    match name:
        case "hubspot":
            body = json.dumps([{"subscriptionType": "deal.propertyChange", "objectId": deal}]).encode()
            return path, body, dict(signed(body, secret).headers)
        case "zoho":
            return path, json.dumps({"module": "Deals", "ids": [str(deal)], "token": secret}).encode(), {}
        case "bitrix24":
            told: dict[str, Any] = {
                "event": "ONCRMDEALUPDATE",
                "data[FIELDS][ID]": deal,
                "auth[application_token]": secret,
            }
            return path, urlencode(told).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        case "kommo":
            return f"{path}?token={secret}", urlencode({"leads[status][0][id]": deal}).encode(), {}
        case _:
            return path, json.dumps({"order_id": deal}).encode(), {"X-Webhook-Token": secret}


@dataclass
class Desk:
    """A CRM, the service it notifies, and the worker that looks at deals."""

    kit: Kit
    context: Context
    client: Client
    taker: DealTaker

    async def told(self, *, secret: str = SECRET, deal: int = DEAL) -> int:
        path, body, headers = notification(self.kit.name, secret=secret, deal=deal)
        async with self.client.post(path, data=body, headers=headers) as response:
            return response.status

    async def works(self) -> str:
        return await self.taker.work(self.kit.shop.now)

    async def later(self, **by: float) -> str:
        self.kit.shop.clock.forward(timedelta(**by))
        return await self.works()

    async def row(self) -> CrmDeal:
        key = self.kit.name, str(DEAL)
        return await self.kit.shop.ask(lambda session: session.get_one(CrmDeal, key))

    async def purchases(self) -> list[Purchase]:
        return await self.kit.shop.ask(lambda session: list(session.scalars(select(Purchase))))

    async def rows(self) -> int:
        count = await self.kit.shop.ask(lambda session: session.scalar(select(func.count()).select_from(CrmDeal)))
        return int(count or 0)


@pytest.fixture(params=NAMES)
async def desk(request: pytest.FixtureRequest, shop: Shop, sentences: Sentences) -> AsyncIterator[Desk]:
    async with kit_of(request.param, shop) as kit:
        context = Context(
            shop.store, {shop.programme.id: shop.programme}, sentences, Notices(sentences), shop.clock, "key", PUBLIC,
            "https://wa.me", crm_secrets={kit.name: SecretStr(SECRET)},
        )  # fmt: skip
        async with TestClient(TestServer(build_app(context, version="test"))) as client:
            yield Desk(kit, context, client, DealTaker(context, kit.system))


async def test_a_won_deal_of_a_contact_we_wrote_becomes_her_purchase(desk: Desk) -> None:
    anna = await desk.kit.shop.member()
    await desk.kit.runs()
    (remote,) = desk.kit.crm.contacts
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, contact=remote)
    assert await desk.told() == 200
    assert await desk.works() == "1 deals became purchases"
    (purchase,) = await desk.purchases()
    assert (purchase.key, purchase.member_id) == (f"{desk.kit.name}:{DEAL}", anna)
    assert str(purchase.amount) in {"42.5", "42.50"}
    assert (await desk.kit.shop.points(anna)).available == 42
    assert (await desk.row()).state == deals.DONE


async def test_told_again_and_again_it_stays_one_purchase(desk: Desk) -> None:
    anna = await desk.kit.shop.member()
    await desk.kit.runs()
    (remote,) = desk.kit.crm.contacts
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, contact=remote)
    assert set(await asyncio.gather(*(desk.told() for _ in range(8)))) == {200}
    others = [DealTaker(desk.context, desk.kit.worker().system) for _ in range(2)]
    await asyncio.gather(*(one.work(desk.kit.shop.now) for one in others))
    for _ in range(3):
        await desk.told()
        await desk.later(minutes=20)
    assert len(await desk.purchases()) == 1
    assert (await desk.kit.shop.points(anna)).available == 42


async def test_a_deal_waits_until_it_is_won(desk: Desk) -> None:
    await desk.kit.shop.member()
    await desk.kit.runs()
    (remote,) = desk.kit.crm.contacts
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, won=False, contact=remote)
    await desk.told()
    await desk.works()
    assert (await desk.row()).state == deals.OPEN
    assert await desk.purchases() == []
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, contact=remote)
    await desk.told()
    await desk.works()
    assert len(await desk.purchases()) == 1


@pytest.mark.parametrize("secret", ["", "another", "S"])
async def test_another_secret_has_no_effect(desk: Desk, secret: str) -> None:
    assert await desk.told(secret=secret) == 401
    assert await desk.rows() == 0


async def test_without_a_secret_the_route_is_closed(desk: Desk) -> None:
    closed = replace(desk.context, crm_secrets={})
    async with TestClient(TestServer(build_app(closed, version="test"))) as client:
        path, body, headers = notification(desk.kit.name)
        async with client.post(path, data=body, headers=headers) as response:
            assert response.status == 503
        async with client.post("/webhooks/crm/salesforce", data=b"") as response:
            assert response.status == 404
    assert await desk.rows() == 0


async def test_a_body_that_is_too_large_is_refused(desk: Desk) -> None:
    path, _, headers = notification(desk.kit.name)
    async with desk.client.post(path, data=b"x" * 300_000, headers=headers) as response:
        assert response.status == 413
    assert await desk.rows() == 0


async def test_an_outage_delays_a_deal_and_loses_it_not(desk: Desk) -> None:
    await desk.kit.shop.member()
    await desk.kit.runs()
    (remote,) = desk.kit.crm.contacts
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, contact=remote)
    await desk.told()
    for kind in (Trouble.HTML, Trouble.ERROR, Trouble.CUT, Trouble.BUSY, Trouble.LOCKED_OUT):
        desk.kit.crm.trouble(kind, times=2)
        await desk.later(minutes=20)
        assert await desk.purchases() == []
        desk.kit.crm._troubles.clear()
    await desk.later(minutes=20)
    assert len(await desk.purchases()) == 1


async def test_a_worker_that_died_is_taken_over_from(desk: Desk) -> None:
    shop = desk.kit.shop
    await shop.member()
    await desk.kit.runs()
    (remote,) = desk.kit.crm.contacts
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, contact=remote)
    await desk.told()
    await shop.do(lambda session: deals.claim(session, desk.kit.name, "dead", limit=9, now=shop.now))
    assert await desk.works() == ""
    assert await desk.later(minutes=6) == "1 deals became purchases"


async def test_a_deal_of_somebody_with_a_phone_counts_once_she_joins(desk: Desk) -> None:
    phone = "+393339998877"
    await desk.kit.shop.member()
    spelled: dict[str, Any] = (
        {"phones": [{"number": phone}]} if desk.kit.name == "retailcrm" else {"phone": "333 999 8877"}
    )
    remote = desk.kit.crm.put(**spelled)
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, contact=remote)
    await desk.told()
    await desk.works()
    assert await desk.purchases() == []
    waiting = await desk.kit.shop.ask(lambda session: session.scalars(select(ParkedEvent)).one())
    assert (waiting.member_ref, waiting.state) == (f"phone:{phone}", parked.WAITING)
    member = await desk.kit.shop.member(phone=phone)
    assert await claim_parked(desk.context, desk.kit.shop.programme) == 1
    assert (await desk.kit.shop.points(member)).available == 42


@pytest.mark.parametrize("amount", [None, "0"])
async def test_a_won_deal_without_an_amount_is_set_aside_and_said(desk: Desk, amount: str | None) -> None:
    remote = desk.kit.crm.put(phone="+393339998877")
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name, amount=amount, contact=remote)
    await desk.told()
    await desk.works()
    row = await desk.row()
    assert (row.state, row.error) == (deals.ASIDE, "it is won, but has no amount")


async def test_a_deal_that_is_not_there_or_names_nobody_is_set_aside(desk: Desk) -> None:
    await desk.told()
    await desk.works()
    assert (await desk.row()).state == deals.ASIDE
    desk.kit.crm.deals[DEAL] = a_deal(desk.kit.name)
    await desk.told()
    await desk.works()
    row = await desk.row()
    assert (row.state, row.error) == (deals.ASIDE, "it is won, but names nobody with a phone")
    await desk.kit.shop.do(lambda session: deals.retry(session, desk.kit.name, now=desk.kit.shop.now))
    assert (await desk.row()).state == deals.WAITING


async def test_a_body_with_the_right_token_that_cannot_be_read_is_refused_with_the_reason(desk: Desk) -> None:
    if desk.kit.name not in {"hubspot", "zoho"}:
        pytest.skip("a form is never unreadable")
    path, body, headers = f"/webhooks/crm/{desk.kit.name}?token=s", b'{"half', {}
    if desk.kit.name == "hubspot":
        path, headers = "/webhooks/crm/hubspot", dict(signed(body).headers)
    async with desk.client.post(path, data=body, headers=headers) as response:
        assert response.status == 400
        assert "no JSON" in (await response.json())["error"]["message"]
    (alarm,) = await desk.kit.shop.ask(open_alarms)
    assert alarm.kind == "crm_hook"


async def test_news_that_comes_while_a_deal_is_looked_at_is_looked_at_again(desk: Desk) -> None:
    shop, name = desk.kit.shop, desk.kit.name
    await desk.told()
    (claimed,) = await shop.do(lambda session: deals.claim(session, name, "me", limit=9, now=shop.now))
    await desk.told()
    settled = await shop.do(
        lambda session: deals.settle(session, name, "me", claimed, deals.OPEN, now=shop.now, why="not won")
    )
    assert not settled
    assert (await desk.row()).state == deals.WAITING
