"""Keys with scopes, and the trail of who did what."""

import pytest

from loyalty.api_keys import Scope, create_key, keys, revoke_key
from loyalty.errors import Invalid, NotFound
from loyalty.ids import ProgrammeId
from service.app import ROUTES
from service.context import Context
from tests.service.api import MEMBER, Api
from tests.service.conftest import ANNA, Client


async def a_key(context: Context, *scopes: str, programme: str | None = None) -> str:
    only = ProgrammeId(programme) if programme else None
    now = context.clock.now()
    key = await context.store.write(
        lambda session: create_key(session, "till 7", scopes, programme=only, actor="test", now=now)
    )
    return f"Bearer {key}"


async def test_a_key_may_do_what_its_scopes_say_and_nothing_else(client: Client, context: Context) -> None:
    till = Api(client, await a_key(context, "till", "events"))
    assert (await till.buys("a", "10.00"))[0] == 200
    assert (await till.post("/v1/vouchers/validate", {"code": "ABCD"}))[0] == 200
    status, answer = await till.get(MEMBER)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert "members:read" in answer["error"]["message"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_asks_for_its_scope(client: Client, context: Context, route: object) -> None:
    other = next(scope for scope in Scope if scope is not route.scope)  # type: ignore[attr-defined]  # a route
    api = Api(client, await a_key(context, other))
    path = route.path.replace("{ref}", f"phone:{ANNA}").replace("{id}", "x")  # type: ignore[attr-defined]  # as above
    match route.method:  # type: ignore[attr-defined]  # as above
        case "GET":
            status, _ = await api.get(path)
        case "DELETE":
            status, _ = await api.delete(path)
        case _:
            status, _ = await api.post(path, {})
    assert status == 403


async def test_a_key_that_was_ended_or_never_made_is_nobodys(client: Client, context: Context) -> None:
    key = await a_key(context, "members:read")
    assert (await Api(client, key).get(MEMBER))[0] == 200
    rows = await context.store.read(keys)
    now = context.clock.now()
    await context.store.write(lambda session: revoke_key(session, rows[0].id, actor="test", now=now))
    assert (await Api(client, key).get(MEMBER))[0] == 401
    assert (await Api(client, "Bearer pk_made-up").get(MEMBER))[0] == 401
    with pytest.raises(NotFound, match="keys list"):
        await context.store.write(lambda session: revoke_key(session, "nobody", actor="test", now=now))


async def test_only_the_hash_of_a_key_is_kept(context: Context) -> None:
    key = (await a_key(context, "till")).removeprefix("Bearer ")
    row = (await context.store.read(keys))[0]
    assert key not in str(vars(row))
    assert row.scopes == ["till"]


async def test_a_key_with_a_scope_that_does_not_exist_is_refused(context: Context) -> None:
    with pytest.raises(Invalid, match=r"no scope 'everything'.*events"):
        await a_key(context, "everything")
    with pytest.raises(Invalid, match="at least one scope"):
        await a_key(context)


async def test_a_key_of_one_programme_is_not_good_for_another(client: Client, context: Context) -> None:
    api = Api(client, await a_key(context, "members:read", programme="cafe"))
    assert (await api.get(MEMBER))[0] == 200
    status, answer = await api.get(f"{MEMBER}?programme=other")
    assert (status, answer["error"]["field"]) == (403, "programme")


async def test_the_trail_says_who_did_what(client: Client, context: Context) -> None:
    api = Api(client, await a_key(context, "members:write", "trail"))
    correction = {"id": "c1", "points": 5, "author": "Mara", "reason": "spilled coffee"}
    await api.ok(f"{MEMBER}/adjustments", correction)
    await api.ok(f"{MEMBER}/adjustments", correction)
    status, page = await api.get("/v1/trail?limit=1")
    assert status == 200
    entry = page["entries"][0]
    assert (entry["actor"], entry["action"]) == ("till 7", "points.adjusted")
    assert entry["detail"] == {"points": 5, "author": "Mara", "reason": "spilled coffee", "key": "c1"}
    of_her = await api.seen(f"/v1/trail?subject={entry['subject']}")
    assert len(of_her["entries"]) == 1
    assert of_her["next"] is None
