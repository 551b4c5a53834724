"""Customers of shops: who they are here, what is remembered, and what becomes of what they ask for."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from conversation.alarms import open_alarms
from conversation.tables import Alarm
from loyalty.ids import MemberId
from loyalty.people.members import Ref, find_member
from loyalty.rights.erasure import erase
from loyalty.tables import Consent, Member, Trail
from service.context import Context
from service.shops.worker import forget
from tests.service.conftest import ANNA, KEY
from tests.service.shops import Desk, ShopDesk, connected
from tests.shop_fixtures import CUSTOMER, DOMAIN, line, order, shopify, woo, woo_order

BEA = "+393337654321"
HERS = f"external:shopify:{CUSTOMER}"


@pytest.fixture
async def desk(context: Context) -> AsyncIterator[ShopDesk]:
    async with Desk(connected(context)) as desk:
        yield desk


async def enrol(desk: ShopDesk, phone: str) -> str:
    async with desk.client.post("/v1/members", json={"phone": phone}, headers=KEY) as response:
        return str((await response.json())["id"])


async def alarms(desk: ShopDesk) -> list[Alarm]:
    return await desk.context.store.read(open_alarms)


async def test_an_order_by_the_phone_of_her_account_makes_her_number_known(desk: ShopDesk) -> None:
    await desk.delivers(shopify("orders/paid", order()))
    status, found = await desk.member(HERS)
    assert (status, found["phone"]) == (200, ANNA)
    other = order(8, customer={"id": CUSTOMER, "phone": None}, billing_address=None)
    assert await desk.delivers(shopify("orders/paid", other)) == 84


async def test_a_customer_of_the_shop_is_no_member_by_that_and_agreed_to_nothing(desk: ShopDesk) -> None:
    stranger = {"id": 77, "phone": BEA, "sms_marketing_consent": {"state": "subscribed"}}
    known = {"id": CUSTOMER, "phone": ANNA, "sms_marketing_consent": {"state": "subscribed"}}
    await desk.delivers(shopify("customers/create", stranger), shopify("customers/update", known))
    assert (await desk.member(f"phone:{BEA}"))[0] == 404
    status, found = await desk.member(HERS)
    assert (status, found["marketing_opt_in"]) == (200, False)
    assert await desk.context.store.read(lambda session: session.scalars(select(Consent)).all()) == []
    assert [state for state, _ in await desk.states()] == ["ignored", "done"]


async def test_a_number_is_only_remembered_if_it_is_certain(desk: ShopDesk) -> None:
    """Who types another's phone into her account gets nothing of hers, and cannot take her number away."""
    bea = await enrol(desk, BEA)
    await desk.delivers(shopify("customers/update", {"id": 1, "phone": ANNA}))
    await desk.delivers(
        shopify("customers/update", {"id": 2, "phone": ANNA}),  # she has a number here
        shopify("customers/update", {"id": 1, "phone": BEA}),  # the number is Anna's
        shopify("customers/update", {"id": 3}),
    )
    assert (await desk.member("external:shopify:2"))[0] == 404
    assert (await desk.member("external:shopify:1"))[1]["phone"] == ANNA
    assert (await desk.member(bea))[1]["phone"] == BEA


async def test_the_phone_of_a_woocommerce_order_is_not_taken_for_her_account(desk: ShopDesk) -> None:
    assert await desk.delivers(woo("order.created", woo_order())) == 42
    assert (await desk.member("external:woocommerce:26"))[0] == 404
    await desk.delivers(woo("customer.updated", {"id": 26, "billing": {"phone": "3331234567", "country": "IT"}}))
    assert (await desk.member("external:woocommerce:26"))[1]["phone"] == ANNA


async def test_a_data_request_asks_a_person_to_answer(desk: ShopDesk) -> None:
    body = {"shop_id": 1, "customer": {"id": 7, "email": "a@b.c", "phone": ANNA}, "data_request": {"id": 99}}
    await desk.delivers(shopify("customers/data_request", body), shopify("customers/data_request", body))
    member = (await desk.member(f"phone:{ANNA}"))[1]["id"]
    (alarm,) = await alarms(desk)
    assert (alarm.kind, alarm.count) == ("shop_data_request", 2)
    assert f"/v1/members/{member}/export" in alarm.detail
    assert ANNA not in alarm.detail
    noted = select(Trail.subject, Trail.detail).where(Trail.action == "shop.data_request")
    row = (await desk.context.store.read(lambda session: session.execute(noted).all()))[0]
    assert (row.subject, row.detail) == (member, {"shop": DOMAIN, "request": "99"})


async def test_who_is_to_be_redacted_is_forgotten_with_what_waits_of_her_orders(desk: ShopDesk) -> None:
    guest = order(8, customer=None, billing_address={"phone": BEA})
    await desk.delivers(shopify("orders/paid", order()), shopify("orders/paid", guest))
    assert len(await desk.parked()) == 1
    body = {"customer": {"id": CUSTOMER, "phone": ANNA}, "orders_to_redact": [8]}
    async with desk.client.get(f"/v1/members/{HERS}", headers=KEY) as response:
        assert response.status == 200
    await desk.client.post("/webhooks/shopify", data=b"")  # an unsigned request changes nothing
    for _ in range(2):
        one = shopify("customers/redact", body)
        assert (await desk.post(one))[0] == 200
        await desk_works(desk)
    assert (await desk.member(f"phone:{ANNA}"))[0] == 410
    assert await desk.parked() == []
    await desk.post(shopify("orders/updated", order(9)))
    await desk_works(desk)
    assert (await desk.states())[-1][0] == "ignored"
    assert await desk.parked() == []
    assert await desk.is_sound()


async def desk_works(desk: ShopDesk) -> None:
    from service.shops.worker import work_off  # noqa: PLC0415 -- the desk itself would look for Anna, who is gone

    await work_off(desk.context, desk.context.clock.now())


async def test_whom_nobody_finds_a_person_looks_for(desk: ShopDesk) -> None:
    await desk.delivers(shopify("customers/redact", {"customer": {"id": 7, "email": "x@example.com"}}))
    (alarm,) = await alarms(desk)
    assert alarm.kind == "shop_redaction"
    assert "example.com" not in alarm.detail


async def test_a_shop_that_goes_leaves_members_and_points(desk: ShopDesk) -> None:
    guest = order(8, customer=None, billing_address={"phone": BEA})
    bad = {"id": 9, "financial_status": "paid"}
    assert await desk.delivers(*(shopify("orders/paid", one) for one in (order(), guest, bad))) == 42
    assert await desk.delivers(shopify("app/uninstalled", {}), shopify("shop/redact", {"shop_id": 1})) == 42
    assert await desk.parked() == []
    assert [bytes(row.body) for row in await desk.rows()] == [b""] * 5
    assert [(alarm.kind, alarm.count) for alarm in await alarms(desk)] == [("shop_gone", 2)]


async def test_parked_words_about_somebody_who_was_erased_since_are_forgotten(desk: ShopDesk) -> None:
    strange = order(line_items=[line("1.00", sku="x" * 10, quantity=1)], updated_at="2027-06-01T00:00:00Z")
    await desk.delivers(shopify("orders/paid", strange))
    ((state, _),) = await desk.states()
    assert state == "parked"
    now = desk.context.clock.now()
    assert await forget(desk.context, now) == ""

    def forget_anna(session):  # type: ignore[no-untyped-def]
        member = find_member(session, desk.programme.id, (Ref.phone(ANNA),))
        assert isinstance(member, Member)
        erase(session, desk.programme, MemberId(member.id), now)

    await desk.context.store.write(forget_anna)
    assert "1 of erased people" in await forget(desk.context, now)
    assert [bytes(row.body) for row in await desk.rows()] == [b""]
