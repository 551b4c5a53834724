"""The conformance kit: every trouble a sender meets on demand, and customers who behave as Meta's do."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator import (
    AD,
    Customers,
    Habits,
    PortfolioLimit,
    Rejected,
    ServiceWindow,
    StandInGraph,
    Throughput,
    Update,
    batch,
    serve,
)
from simulator.errors import KNOWN
from simulator.pytest_plugin import MakeCustomers, stand_in_graph, whatsapp_customers
from tests.unit.helpers_echo_bot import EchoBot, echo_bot

FIXTURES = (stand_in_graph, whatsapp_customers)
Json = dict[str, Any]
SECRET, TOKEN, PHONE = "app-secret", "access-token", "+393331234567"
GIULIA = Customers.somebody(PHONE)
HIDDEN = Customers.somebody()


def text(body: str = "x", **more: Any) -> Json:
    return {"messaging_product": "whatsapp", "to": PHONE, "type": "text", "text": {"body": body}, **more}


def reaction(wamid: str) -> Json:
    told = {"message_id": wamid, "emoji": "👍"}
    return {"messaging_product": "whatsapp", "to": PHONE, "type": "reaction", "reaction": told}


def template(to: str) -> Json:
    named = {"name": "points", "language": {"code": "en"}}
    return {"messaging_product": "whatsapp", "to": to, "type": "template", "template": named}


def refusal(graph: StandInGraph, body: Json) -> int | None:
    try:
        graph.accept(body)
    except Rejected as error:
        return error.code
    return None


# ---- calls


@pytest.fixture
async def served() -> AsyncIterator[StandInGraph]:
    graph = StandInGraph(TOKEN)
    async with serve(graph):
        yield graph


async def send(graph: StandInGraph, body: Json | None = None, within: float = 5.0) -> int:
    headers, timeout = {"Authorization": f"Bearer {TOKEN}"}, aiohttp.ClientTimeout(total=within)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        async with session.post(f"{graph.url}/1/messages", json=body or text()) as answer:
            return answer.status


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_connection_is_cut_off_before_or_after_the_message_is_accepted(
    served: StandInGraph, accepted: bool
) -> None:
    served.drop_next(accepted=accepted)
    with pytest.raises(aiohttp.ClientError):
        await send(served)
    assert len(served.messages) == int(accepted)
    assert await send(served) == 200


@pytest.mark.parametrize("accepted", [True, False])
async def test_an_answer_never_comes_and_the_server_stops_all_the_same(accepted: bool) -> None:
    graph = StandInGraph(TOKEN)
    async with asyncio.timeout(5):
        async with serve(graph):
            graph.hang_next(accepted=accepted)
            with pytest.raises(TimeoutError):
                await send(graph, within=0.1)
            assert len(graph.messages) == int(accepted)
            graph.hang_next(accepted=False)
            waiting = asyncio.create_task(send(graph, within=30))
            await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def test_single_calls_are_late(served: StandInGraph) -> None:
    served.delay_next(0.2)
    with pytest.raises(TimeoutError):
        await send(served, within=0.05)
    assert await send(served, within=1) == 200


@pytest.mark.parametrize("code", KNOWN)
async def test_every_code_comes_in_the_answer_in_a_status_or_in_both(code: int) -> None:
    graph, told = StandInGraph(TOKEN), list[str]()
    graph.on_message.append(lambda sent: told.append(f"message {sent.failure and sent.failure.code}"))
    graph.on_failure.append(lambda sent: told.append(f"failure {sent.failure and sent.failure.code}"))
    graph.fail_next(code)
    assert refusal(graph, text()) == code
    assert told == []
    graph.fail_next(code, later=True)
    assert refusal(graph, text()) is None
    graph.fail_next(code, both=True)
    assert refusal(graph, text()) == code
    assert told == [f"message {code}", f"failure {code}"]
    assert len(graph.messages) == 1


async def test_mistakes_are_told_apart_from_what_a_test_asked_for(served: StandInGraph) -> None:
    served.fail_next(100)
    assert [await send(served), await send(served, text(""))] == [400, 400]
    assert [refused.error.code for refused in served.mistakes] == [131008]


# ---- rules


def test_a_number_sends_so_many_messages_a_second_and_what_comes_in_counts() -> None:
    now = [100.0]
    graph = StandInGraph(TOKEN, throughput=Throughput(20), clock=lambda: now[0])
    graph.heard("wamid.in", "text", now[0])
    assert [refusal(graph, text()) for _ in range(20)] == [None] * 19 + [130429]
    now[0] += 0.99
    assert refusal(graph, text()) == 130429
    now[0] += 0.02
    assert [refusal(graph, text()) for _ in range(21)] == [None] * 20 + [130429]


def test_a_business_writes_first_to_so_many_people_a_day() -> None:
    now = [1_000_000.0]
    window = ServiceWindow()
    graph = StandInGraph(TOKEN, window=window, portfolio=PortfolioLimit(2), clock=lambda: now[0])
    people = [f"39333000000{number}" for number in range(4)]
    window.wrote(people[3:], now[0])
    assert [refusal(graph, template(to)) for to in people] == [None, None, 131064, None]
    assert refusal(graph, template(people[0])) is None
    now[0] += 24 * 3600
    assert refusal(graph, template(people[2])) is None


def test_reactions_are_for_messages_of_thirty_days_that_are_no_reactions() -> None:
    now = [1_000_000.0]
    graph = StandInGraph(TOKEN, clock=lambda: now[0])
    graph.heard("wamid.in", "text", now[0])
    assert refusal(graph, reaction("wamid.in")) is None
    assert refusal(graph, reaction(graph.messages[-1].wamid)) == 131009
    now[0] += 30 * 24 * 3600 + 1
    assert refusal(graph, reaction("wamid.in")) == 131009


# ---- customers


@asynccontextmanager
async def talking(graph: StandInGraph, **options: Any) -> AsyncIterator[tuple[Customers, EchoBot]]:
    async with echo_bot(graph.url, TOKEN, SECRET) as (url, bot), Customers(graph, url, SECRET, **options) as customers:
        yield customers, bot


def told(bot: EchoBot, part: str = "statuses") -> list[Json]:
    values = [change["value"] for body in bot.bodies for entry in body["entry"] for change in entry["changes"]]
    return [one for value in values for one in value.get(part, ())]


async def test_customers_with_and_without_a_phone_are_answered_and_get_statuses(served: StandInGraph) -> None:
    async with talking(served) as (customers, bot):
        for customer in (GIULIA, HIDDEN):
            await customers.says(customer, "ciao")
            assert served.last_to(customer.key).text == "you said ciao"
        await customers.settled()
    statuses = told(bot)
    assert Counter(status["status"] for status in statuses) == {"sent": 2, "delivered": 2}
    assert {status.get("recipient_user_id") for status in statuses} == {HIDDEN.user_id, None}
    assert {str(status["pricing"]) for status in statuses} == {
        str({"pricing_model": "PMP", "type": "regular", "category": "service"})
    }


async def test_statuses_come_twice_in_any_order_without_contacts_and_some_never(served: StandInGraph) -> None:
    habits = Habits(("sent", "read", "played"), copies=2, shuffled=True, contacts=False)
    async with talking(served, habits=habits, dice=random.Random(1)) as (customers, bot):
        await customers.says(GIULIA, "ciao")
        await customers.settled()
    assert len(served.messages) == 1
    assert Counter(status["status"] for status in told(bot)) == {"sent": 2, "read": 2, "played": 2}
    assert [status["status"] for status in told(bot)][:3] != ["sent", "read", "played"]
    assert len(told(bot, "messages")) == 2
    assert len(told(bot, "contacts")) == 2, "only the messages have them"


async def test_failed_messages_have_a_failed_status_alone(served: StandInGraph) -> None:
    async with talking(served) as (customers, bot):
        served.fail_next(131026, later=True)
        await customers.says(GIULIA, "ciao")
        await customers.settled()
    (status,) = told(bot)
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)


@pytest.mark.parametrize(("shape", "entries", "changes"), [("entries", 30, 30), ("changes", 1, 30), ("values", 1, 1)])
async def test_updates_of_many_people_come_in_one_body(
    served: StandInGraph, shape: Any, entries: int, changes: int
) -> None:
    people = [Customers.somebody(f"+3933312345{number:02}") for number in range(10)]
    async with talking(served, habits=Habits(())) as (customers, bot):
        updates = [(one, customers.build.text(one, str(number))) for number in range(3) for one in people]
        await customers.send_together(updates, shape)
    (body,) = bot.bodies
    assert len(body["entry"]) == entries
    assert sum(len(entry["changes"]) for entry in body["entry"]) == changes
    assert len(told(bot, "messages")) == len(served.messages) == 30
    assert len(told(bot, "contacts")) == (10 if shape == "values" else 30)


async def test_a_thousand_updates_go_into_a_body_and_the_rest_into_another(served: StandInGraph) -> None:
    async with talking(served) as (customers, bot):
        update = customers.build.reaction(GIULIA, "👍", to="wamid.q")
        await customers.send_together([(GIULIA, update)] * 1001)
    assert sorted(len(body["entry"]) for body in bot.bodies) == [1, 1000]


async def test_buttons_rows_and_quick_replies_of_templates_are_tapped(served: StandInGraph) -> None:
    button = {"type": "reply", "reply": {"id": "t1", "title": "Yes"}}
    row = {"id": "t2", "title": "Mug", "description": "Blue"}
    parameters = [{"type": "payload", "payload": "Stop"}]
    quick = {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": parameters}
    actions = {"button": {"buttons": [button]}, "list": {"button": "Show", "sections": [{"rows": [row]}]}}
    for kind, action in actions.items():
        shown = {"type": kind, "body": {"text": "?"}, "action": action}
        served.accept({"messaging_product": "whatsapp", "to": PHONE, "type": "interactive", "interactive": shown})
    served.accept({**template(PHONE), "template": {**template(PHONE)["template"], "components": [quick]}})
    async with talking(served) as (customers, _):
        taps = [await customers.taps(GIULIA, title) for title in ("Yes", "Mug", "Stop")]
        with pytest.raises(AssertionError, match="offers 'No'"):
            await customers.taps(GIULIA, "No")
    assert [tap.message["type"] for tap in taps] == ["interactive", "interactive", "button"]
    assert [tap.message["context"]["id"] for tap in taps] == [sent.wamid for sent in served.messages]


def field_of(update: Update) -> tuple[str, Json]:
    change = update.body["entry"][0]["changes"][0]
    return change["field"], change["value"]


async def test_what_is_no_message_to_be_answered(served: StandInGraph) -> None:
    async with talking(served) as (customers, _):
        build, events = customers.build, customers.events
    typed = build.text(GIULIA, "from an ad", ad=AD)
    assert typed.message["referral"]["ctwa_clid"]
    assert events.edit(GIULIA, typed.wamid, "better").message["edit"]["message"]["text"]["body"] == "better"
    assert events.revoke(GIULIA, typed.wamid).message["revoke"] == {"original_message_id": typed.wamid}
    field, value = field_of(events.echo(GIULIA, "from the shop's phone"))
    assert (field, value["message_echoes"][0]["to"]) == ("smb_message_echoes", "393331234567")
    moved, after = events.new_number(GIULIA, "+393337654321")
    assert (moved.message["from"], moved.message["system"]["wa_id"], after.key) == (
        "393331234567",
        *["393337654321"] * 2,
    )
    moved, after = events.new_user_id(HIDDEN, "IT.42")
    assert (moved.message["system"]["previous_user_id"], after.user_id) == (HIDDEN.user_id, "IT.42")
    field, value = field_of(events.preference(HIDDEN, "stop"))
    assert (field, value["user_preferences"][0]["value"]) == ("user_preferences", "stop")


def test_an_empty_batch_is_one() -> None:
    assert batch([], "values") == {"object": "whatsapp_business_account", "entry": []}


# ---- the fixtures


async def test_the_fixture_has_metas_rules_on(stand_in_graph: StandInGraph) -> None:
    assert await send(stand_in_graph) == 200
    assert stand_in_graph.messages[0].failure is not None
    assert stand_in_graph.messages[0].failure.code == 131047


async def test_the_example_of_the_page_is_run(stand_in_graph: StandInGraph, whatsapp_customers: MakeCustomers) -> None:
    page = (Path(__file__).parents[2] / "docs" / "connector.md").read_text("utf-8")
    example = page.partition("## Conformance kit")[2].partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(example, names)
    async with AsyncExitStack() as stack:

        async def my_bot(graph: str, token: str, app_secret: str) -> str:
            return (await stack.enter_async_context(echo_bot(graph, token, app_secret)))[0]

        await names["test_my_bot_answers_although_whatsapp_stumbles"](stand_in_graph, whatsapp_customers, my_bot)
    assert stand_in_graph.calls == 3
