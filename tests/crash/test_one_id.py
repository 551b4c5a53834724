"""The id of WhatsApp's request is on everything that comes of it, through a whole chat process, and in its spans."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from benchmarks.programs import free_port
from connectors.whatsapp.channel import WhatsAppInput
from conversation.tables import InboxRow, OutboxRow
from loyalty.clock import SystemClock
from loyalty.correlation import correlated
from loyalty.store import open_store
from loyalty.tracing import span, traced
from passaparola.commands.trace import lines_of
from passaparola.otel import OtelTracer
from simulator import Business, Customer, StandInGraph, WebhookBuilder, encode, serve, sign
from tests.crash.chat_process import HOST, NUMBER_ID, PATH, SECRET, TOKEN
from tests.crash.kills import _answers, start_parrot
from tests.crash.parrot import Parrot, ParrotWiring, settings

ANNA, BEA = Customer("Anna", "+393331234567"), Customer("Bea", "+393337654321")
PATIENCE = timedelta(seconds=20)


def webhooks() -> WebhookBuilder:
    return WebhookBuilder(Business("Caffè Aurora", "+390612345678", NUMBER_ID), SystemClock().now().timestamp)


def kept(session: Session) -> set[tuple[str | None, str | None]]:
    """Under which ids messages came in, and answers were written."""
    came = set(session.scalars(select(InboxRow.correlation)))
    went = set(session.scalars(select(OutboxRow.correlation)))
    return {("in", one) for one in came} | {("out", one) for one in went}


@pytest.mark.timeout(100)
async def test_the_id_in_the_header_is_on_the_answer(sqlite_database: str) -> None:
    graph, store, port = StandInGraph(TOKEN), open_store(sqlite_database), free_port()
    url, build = f"http://{HOST}:{port}{PATH}", webhooks()
    async with serve(graph) as api, aiohttp.ClientSession() as session:
        kill = await start_parrot(sqlite_database, api, port)
        try:
            await _answers(url)
            for customer, id_ in ((ANNA, "request-of-anna"), (BEA, "393337654321")):
                body = encode(build.text(customer, "ciao").body)
                headers = {"X-Hub-Signature-256": sign(SECRET, body), "X-Request-Id": id_}
                async with session.post(url, data=body, headers=headers) as response:
                    assert response.status == 200
            await graph.wait_for(2, timeout=PATIENCE.total_seconds())
        finally:
            await kill()
    found = await store.read(kept)
    lines = await store.read(lambda session: lines_of(session, "request-of-anna"))
    await store.close()
    assert {("in", "request-of-anna"), ("out", "request-of-anna")} < found
    other = {id_ for _, id_ in found} - {"request-of-anna"}
    assert len(other) == 1  # Bea's was no id but a phone: it got another one, which is on both
    assert not any("3933" in str(id_) for id_ in other)
    assert [line.split("  ", 1)[1].split(" ")[0] for line in lines] == ["message", "message"]


async def test_each_step_logs_one_line_and_all_spans_are_one_trace(sqlite_database: str) -> None:
    graph, exporter, build = StandInGraph(TOKEN), InMemorySpanExporter(), webhooks()
    tracer = OtelTracer(SimpleSpanProcessor(exporter), "test")
    async with serve(graph) as api:
        with traced(tracer), capture_logs() as logged:
            wiring = ParrotWiring(settings(sqlite_database, api, free_port()), Parrot())
            await wiring.start(None)
            channel = WhatsAppInput(wiring)
            body = encode(build.text(ANNA, "ciao").body)
            with correlated("request-1"), span("webhook"):
                await channel.receive(body, sign(SECRET, body))
            await graph.wait_for(1, timeout=PATIENCE.total_seconds())
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while not any(line["event"] == "message sent" for line in logged):  # noqa: ASYNC110 -- nobody tells
                    await asyncio.sleep(0.01)
            await wiring.close()
    told = [line["event"] for line in logged if line["log_level"] == "info"]
    for event in ("update accepted", "message answered", "message sent"):
        assert told.count(event) == 1
    assert "333" not in "".join(str(line.get("error", "")) for line in logged)
    spans = {one.name: one for one in exporter.get_finished_spans()}
    assert {"webhook", "turn", "send"} <= set(spans)
    contexts = [spans[name].get_span_context() for name in ("webhook", "turn", "send")]
    assert len({context.trace_id for context in contexts if context is not None}) == 1
