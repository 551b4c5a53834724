"""Corrections over `/v1`: order changes, points by hand, enrolment, consents, members made one."""

from loyalty.books.audit import audit
from service.context import Context
from tests.service.api import BEA, MEMBER, Api
from tests.service.conftest import ANNA, Client


async def available(api: Api) -> int:
    return int((await api.seen())["points"]["available"])


async def test_a_cancelled_order_is_worth_nothing(client: Client, context: Context) -> None:
    api, before = Api(client), await available(Api(client))
    await api.buys("a", "42.00")
    cancelled = {"type": "cancellation", "id": "c", "purchase_id": "a"}
    assert (await api.ok("/v1/events", cancelled))["points"] == -42
    assert (await api.ok("/v1/events", cancelled))["status"] == "repeated"
    assert await available(api) == before
    assert not (await context.store.read(audit)).findings


async def test_an_edited_order_is_worth_what_it_comes_to_now(client: Client) -> None:
    api, before = Api(client), await available(Api(client))
    await api.buys("a", "42.00")
    edit = {"type": "edit", "id": "e", "purchase_id": "a", "amount": "50.00", "currency": "EUR"}
    assert (await api.ok("/v1/events", edit))["points"] == 8
    assert await available(api) == before + 50


async def test_a_change_may_be_told_before_its_order(client: Client) -> None:
    api, before = Api(client), await available(Api(client))
    await api.ok("/v1/events", {"type": "cancellation", "id": "c", "purchase_id": "late"})
    assert (await api.buys("late", "42.00"))[1]["points"] == 0
    assert await available(api) == before


async def test_points_are_given_and_taken_by_hand_once(client: Client) -> None:
    api, before = Api(client), await available(Api(client))
    given = {"id": "1", "points": 30, "author": "Mara", "reason": "apology"}
    first = await api.ok(f"{MEMBER}/adjustments", given)
    assert (first["status"], first["points"]["available"]) == ("accepted", before + 30)
    assert (await api.ok(f"{MEMBER}/adjustments", given))["status"] == "repeated"
    assert await api.refused(f"{MEMBER}/adjustments", {**given, "points": 31}) == "conflict"
    taken = {"id": "2", "points": -10, "author": "Mara", "reason": "counted twice"}
    assert (await api.ok(f"{MEMBER}/adjustments", taken))["points"]["available"] == before + 20


async def test_more_points_than_there_are_become_a_debt_only_if_that_is_said(client: Client) -> None:
    api, before = Api(client), await available(Api(client))
    taken = {"id": "1", "points": -(before + 5), "author": "Mara", "reason": "fraud"}
    assert await api.refused(f"{MEMBER}/adjustments", taken) == "points"
    assert await available(api) == before
    owed = await api.ok(f"{MEMBER}/adjustments", {**taken, "allow_debt": True})
    assert (owed["points"]["available"], owed["points"]["debt"]) == (0, 5)


async def test_a_correction_without_author_reason_or_points_is_refused(client: Client) -> None:
    api = Api(client)
    whole = {"id": "1", "points": 1, "author": "Mara", "reason": "apology"}
    for field, wrong in (("author", ""), ("reason", " "), ("points", 0), ("points", 10**12), ("points", "many")):
        assert await api.refused(f"{MEMBER}/adjustments", {**whole, field: wrong}) == "invalid"


async def test_somebody_is_enrolled_at_the_till_once(client: Client) -> None:
    api = Api(client)
    person = {
        "phone": BEA, "name": "Bea", "language": "es", "birthday": "1990-02-28",
        "marketing": {"given": True, "words": "Sí, quiero ofertas", "evidence": "form 17"},
    }  # fmt: skip
    first = await api.ok("/v1/members", person)
    assert (first["name"], first["language"], first["marketing_opt_in"]) == ("Bea", "es", True)
    assert first["points"]["available"] == 10
    again = await api.ok("/v1/members", {"phone": BEA, "name": "Beatriz"})
    assert (again["id"], again["name"], again["points"]) == (first["id"], "Bea", first["points"])
    assert await api.refused("/v1/members", {"name": "Nobody"}) == "invalid"


async def test_consent_is_noted_with_its_words(client: Client) -> None:
    api = Api(client)
    given = {"given": True, "words": "yes please", "evidence": "till 7, receipt 12"}
    assert (await api.ok(f"{MEMBER}/consents", given))["marketing_opt_in"] is True
    assert (await api.ok(f"{MEMBER}/consents", {**given, "given": False}))["marketing_opt_in"] is False
    await api.ok(f"{MEMBER}/consents", {**given, "purpose": "photos"})
    consents = (await api.seen(f"{MEMBER}/export"))["loyalty"]["consents"]
    assert [(one["purpose"], one["given"], one["words"]) for one in consents] == [
        ("marketing", True, "yes please"), ("marketing", False, "yes please"), ("photos", True, "yes please"),
    ]  # fmt: skip


async def test_two_members_become_one(client: Client, context: Context) -> None:
    api = Api(client)
    other = await api.ok("/v1/members", {"phone": BEA, "name": "Anna B."})
    await api.buys("b", "20.00", phone=BEA)
    mine = await api.seen()
    asked = {"other": other["id"], "author": "Mara", "reason": "two phones"}
    merged = await api.ok(f"{MEMBER}/merge", asked)
    assert merged["id"] == mine["id"]
    assert merged["points"]["available"] == mine["points"]["available"] + 20  # one gift for joining, not two
    for ref in (f"phone:{BEA}", f"phone:{ANNA}", other["id"]):
        assert (await api.seen(f"/v1/members/{ref}"))["id"] == mine["id"]
    assert (await api.ok(f"{MEMBER}/merge", asked))["points"] == merged["points"]
    assert not (await context.store.read(audit)).findings
