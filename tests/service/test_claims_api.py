"""Claims over `/v1`: the queue, decisions, and what the member hears."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.arriving.incoming import Incoming, Sender
from conversation.messages.contents import Text
from conversation.register import conversation_of
from conversation.tables import OutboxRow
from conversation.turning.place import introduce, look
from loyalty.ids import MemberId
from loyalty.orders.claims import Receipt, Told, file_claim
from loyalty.people.members import get_member
from service.context import Context
from tests.service.api import MEMBER, Api
from tests.service.conftest import ANNA, Client

SAID = {"author": "Mara", "reason": "seen on the till roll"}


async def filed(context: Context, *, picture: str = "m1", writes: bool = True) -> str:
    """Anna tells of a purchase; with `writes` she did so in the chat, a moment ago."""
    programme = next(iter(context.programmes.values()))

    def file(session: Session) -> str:
        now = context.clock.now()
        member = get_member(session, programme.id, f"phone:{ANNA}")
        if writes:
            incoming = Incoming("wamid.1", "100000000000001", Sender(ANNA[1:], None, "Anna"), now, Text("ciao"))
            introduce(session, programme, incoming, now=now)
            assert look(session, programme, incoming) is not None
            conversation = conversation_of(session, member.id)
            assert conversation is not None
            conversation.last_heard_at = now
        told = Told("ieri", "Via Roma", Decimal("12.50"), Receipt(picture, "image/jpeg", f"sha-{picture}"))
        return file_claim(session, programme, MemberId(member.id), told, key=picture, now=now).id

    return await context.store.write(file)


async def heard(context: Context) -> list[str]:
    """What Anna was told."""

    def texts(session: Session) -> list[str]:
        rows: list[Mapping[str, Any]] = list(session.scalars(select(OutboxRow.message).order_by(OutboxRow.id)))
        return [str(row["text"]) for row in rows]

    return await context.store.read(texts)


async def test_the_queue_says_what_was_told_and_until_when_the_picture_can_be_fetched(
    client: Client, context: Context
) -> None:
    api, id_ = Api(client), await filed(context)
    [row] = (await api.seen("/v1/claims"))["claims"]
    assert (row["id"], row["state"], row["when"], row["where"], row["amount"]) == (
        id_, "open", "ieri", "Via Roma", "12.50",
    )  # fmt: skip
    assert (row["receipt"]["media_id"], row["receipt"]["sha256"]) == ("m1", "sha-m1")
    assert row["receipt"]["until"] > row["created_at"]
    assert (await api.seen("/v1/claims?state=accepted"))["claims"] == []
    assert (await api.get("/v1/claims?state=lost"))[0] == 422


async def test_pages_of_the_queue_follow_one_another(client: Client, context: Context) -> None:
    ids = [await filed(context, picture=f"m{number}") for number in range(3)]
    api = Api(client)
    first = await api.seen("/v1/claims?limit=2")
    assert [row["id"] for row in first["claims"]] == ids[:2]
    rest = await api.seen(f"/v1/claims?limit=2&cursor={first['next']}")
    assert ([row["id"] for row in rest["claims"]], rest["next"]) == (ids[2:], None)


async def test_who_is_credited_hears_of_it_once_in_her_language(client: Client, context: Context) -> None:
    api, id_ = Api(client), await filed(context)
    body = {"decision": "accept", "amount": "12.50", "purchase_id": "till-7/0815", **SAID}
    answer = await api.ok(f"/v1/claims/{id_}", body)
    assert answer == {
        "id": id_, "status": "accepted", "state": "accepted", "points": 12, "purchase_id": "till-7/0815", "told": True,
    }  # fmt: skip
    assert (await api.ok(f"/v1/claims/{id_}", body))["status"] == "repeated"
    assert (await api.buys("till-7/0815", "12.50"))[1]["status"] == "repeated"
    assert (await api.seen())["points"]["available"] == 122
    [said] = await heard(context)
    assert said.startswith("Abbiamo controllato il tuo acquisto: ti porta *12 punti*. Ora hai 122 punti.")


async def test_who_is_not_credited_hears_why_and_what_she_can_do(client: Client, context: Context) -> None:
    api, id_ = Api(client), await filed(context)
    answer = await api.ok(f"/v1/claims/{id_}", {"decision": "reject", "why": "unreadable", **SAID})
    assert (answer["state"], answer["points"], answer["told"]) == ("rejected", 0, True)
    [said] = await heard(context)
    assert said.startswith("Non siamo riusciti a leggere il tuo scontrino")
    assert SAID["reason"] not in said
    [row] = (await api.seen("/v1/claims?state=rejected"))["claims"]
    assert (row["why"], row["decided_by"]) == ("unreadable", "PASSAPAROLA_API_KEY: Mara")


async def test_one_who_does_not_chat_is_not_told_and_the_answer_says_so(client: Client, context: Context) -> None:
    api, id_ = Api(client), await filed(context, writes=False)
    answer = await api.ok(f"/v1/claims/{id_}", {"decision": "accept", "points": 7, **SAID})
    assert (answer["points"], answer["told"]) == (7, False)
    assert await heard(context) == []


async def test_a_decision_says_what_is_credited_one_way_and_who_made_it(client: Client, context: Context) -> None:
    api, id_ = Api(client), await filed(context)
    path = f"/v1/claims/{id_}"
    for body in (
        {"decision": "accept", **SAID},
        {"decision": "accept", "amount": "1.00", "points": 3, **SAID},
        {"decision": "accept", "points": 0, **SAID},
        {"decision": "reject", "why": "we do not like her", **SAID},
        {"decision": "reject", "author": "Mara"},
    ):
        assert await api.refused(path, body)
    assert (await api.post("/v1/claims/nobody", {"decision": "reject", **SAID}))[0] == 404
    assert (await api.seen("/v1/claims"))["claims"][0]["state"] == "open"


async def test_decisions_stand_in_the_trail_and_go_with_her_when_she_is_erased(
    client: Client, context: Context
) -> None:
    api, id_ = Api(client), await filed(context)
    await api.ok(f"/v1/claims/{id_}", {"decision": "reject", **SAID})
    rows = (await api.seen("/v1/trail"))["entries"]
    assert "claim.rejected" in {row["action"] for row in rows}
    assert [one["told_where"] for one in (await api.seen(f"{MEMBER}/export"))["loyalty"]["claims"]] == ["Via Roma"]
    await api.ok(f"{MEMBER}/erasure", {"author": "Mara", "reason": "she asked"})
    assert (await api.seen("/v1/claims?state=rejected"))["claims"] == []
