"""Spans for OpenTelemetry: one trace for all that comes of a request; off, nothing of it is loaded."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from loyalty.correlation import correlated
from loyalty.tracing import record, span, traced
from passaparola.errors import CommandError
from passaparola.otel import JsonExporter, OtelTracer, read_headers
from passaparola.telemetry import endpoint, switch_on

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> OtelTracer:
    return OtelTracer(SimpleSpanProcessor(exporter), "passaparola-test")


def trace_of(one: ReadableSpan) -> int:
    context = one.get_span_context()
    assert context is not None
    return context.trace_id


async def test_what_comes_of_a_request_is_one_trace_though_tasks_do_it_later(
    tracer: OtelTracer, exporter: InMemorySpanExporter
) -> None:
    async def later(name: str) -> None:
        with correlated("request-1"), span(name):
            await asyncio.sleep(0)

    with traced(tracer):
        tasks = [asyncio.create_task(later(name)) for name in ("turn", "send")]
        with correlated("request-1"), span("webhook", size=3):
            pass
        with correlated("request-2"), span("webhook"), span("within"):
            pass
        await asyncio.gather(*tasks)
    found = {(one.name, (one.attributes or {}).get("correlation")): one for one in exporter.get_finished_spans()}
    first = {trace_of(found[name, "request-1"]) for name in ("webhook", "turn", "send")}
    second = {trace_of(found[name, "request-2"]) for name in ("webhook", "within")}
    assert len(first) == len(second) == 1
    assert first != second
    assert dict(found["webhook", "request-1"].attributes or {}) == {"size": 3, "correlation": "request-1"}
    assert found["within", "request-2"].parent is not None


def test_an_error_is_told_by_its_kind_alone(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with traced(tracer), pytest.raises(ValueError, match="39333"), span("turn"):
        raise ValueError("no such phone: +393331234567")
    [one] = exporter.get_finished_spans()
    assert one.status.description == "ValueError"
    assert "39333" not in one.to_json()


def test_what_was_done_is_recorded_after_the_fact(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with traced(tracer):
        record("job", 1_000_000_000, failed=True, job="due")
    [one] = exporter.get_finished_spans()
    assert (one.start_time, dict(one.attributes or {}), one.status.is_ok) == (1_000_000_000, {"job": "due"}, False)


def test_without_a_tracer_nothing_happens() -> None:
    assert span("turn") is span("send")
    record("job", 0)


class Collector:
    """Takes what is exported, or answers with a status."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.told: list[Any] = []
        self.headers: list[Mapping[str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        self.headers.append(request.headers)
        return web.json_response({}, status=self.statuses.pop(0) if self.statuses else 200)

    async def exports(self, spans: tuple[ReadableSpan, ...]) -> SpanExportResult:
        app = web.Application()
        app.router.add_post("/v1/traces", self.take)
        async with TestServer(app, host="127.0.0.1") as server:
            sender = JsonExporter(str(server.make_url("/v1/traces")), {"api-key": "k"}, seconds=5)
            return await asyncio.to_thread(sender.export, spans)


async def test_spans_are_posted_as_otlp_has_them(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with traced(tracer), correlated("request-1"), span("outer", ok=True, share=0.5), span("inner"):
        pass
    collector = Collector()
    assert await collector.exports(exporter.get_finished_spans()) is SpanExportResult.SUCCESS
    assert collector.headers[0]["api-key"] == "k"
    inner, outer = (one["scopeSpans"][0]["spans"][0] for one in collector.told[0]["resourceSpans"])
    assert (inner["traceId"], inner["parentSpanId"]) == (outer["traceId"], outer["spanId"])
    assert (len(outer["traceId"]), len(outer["spanId"])) == (32, 16)
    assert int(outer["startTimeUnixNano"]) <= int(inner["startTimeUnixNano"]) <= int(inner["endTimeUnixNano"])
    assert {"key": "ok", "value": {"boolValue": True}} in outer["attributes"]
    assert {"key": "share", "value": {"doubleValue": 0.5}} in outer["attributes"]
    assert {"key": "correlation", "value": {"stringValue": "request-1"}} in outer["attributes"]
    resource = collector.told[0]["resourceSpans"][0]["resource"]["attributes"]
    assert {"key": "service.name", "value": {"stringValue": "passaparola-test"}} in resource


@pytest.mark.parametrize(
    ("statuses", "calls", "result"),
    [
        ((503,), 2, SpanExportResult.SUCCESS),
        ((503, 503), 2, SpanExportResult.FAILURE),
        ((400,), 1, SpanExportResult.FAILURE),
    ],
)
async def test_a_collector_that_is_busy_is_asked_once_more(
    tracer: OtelTracer, exporter: InMemorySpanExporter, statuses: tuple[int, ...], calls: int, result: SpanExportResult
) -> None:
    with traced(tracer), span("x"):
        pass
    collector = Collector(*statuses)
    assert await collector.exports(exporter.get_finished_spans()) is result
    assert len(collector.told) == calls


def test_a_collector_that_is_away_costs_only_the_spans(tracer: OtelTracer, exporter: InMemorySpanExporter) -> None:
    with traced(tracer), span("x"):
        pass
    sender = JsonExporter("http://127.0.0.1:9/v1/traces", {}, seconds=1)
    assert sender.export(exporter.get_finished_spans()) is SpanExportResult.FAILURE


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x"}, "http://t/x"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_where_spans_go(environment: dict[str, str], url: str | None) -> None:
    assert endpoint(environment) == url


def test_headers_and_addresses_are_read() -> None:
    assert read_headers("api-key=a%20b, x=1,,nonsense") == {"api-key": "a b", "x": "1"}
    with pytest.raises(CommandError, match="no http"):
        switch_on({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, "chat")


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_off_nothing_of_it_is_loaded() -> None:
    program = """
import sys
import passaparola.__main__, passaparola.serve, connectors.sending.sender, jobs.runner
from passaparola.telemetry import switch_on
print(switch_on({}, "service"), any(name.startswith("opentelemetry") for name in sys.modules))
"""
    assert run(program) == "False False"


def test_on_without_the_extra_is_one_line_that_says_what_to_install() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from passaparola.errors import CommandError
from passaparola.telemetry import switch_on
try:
    switch_on({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "service")
except CommandError as error:
    print(error)
"""
    assert run(program).endswith("install passaparola[otel]")
