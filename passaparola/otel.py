"""Spans for OpenTelemetry. Imported only where that is switched on: it needs the extra `passaparola[otel]`.

All spans of one correlation are of one trace, whichever process made them and however much later: the trace's id is
made of the correlation. The exporter speaks OTLP over HTTP in JSON (opentelemetry.io, "OTLP specification"), since
OpenTelemetry's own needs protobuf 5 and Rasa has 4.23.
"""

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Span, Status, StatusCode

from loyalty.correlation import current
from loyalty.tracing import Attributes

SECONDS = 10.0
"""How long a collector may take."""
_AGAIN = frozenset({429, 502, 503, 504})
"""What OTLP says is worth another try; the batch is dropped after one."""


class OtelTracer:
    """A `loyalty.tracing.Tracer` of OpenTelemetry's."""

    def __init__(self, processor: SpanProcessor, service: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}), id_generator=_Ids(), shutdown_on_exit=True
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("passaparola")

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name, attributes=_with_correlation(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))  # what it says may name somebody
                raise

    def record(self, name: str, began: int, attributes: Attributes, *, failed: bool) -> None:
        span = self._tracer.start_span(name, attributes=_with_correlation(attributes), start_time=began)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()


class JsonExporter(SpanExporter):
    """Posts spans to a collector: OTLP over HTTP, in JSON."""

    def __init__(self, url: str, headers: Mapping[str, str], *, seconds: float = SECONDS) -> None:
        self._url = url
        self._headers = {**headers, "Content-Type": "application/json"}
        self._seconds = seconds

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = json.dumps({"resourceSpans": [_told(span) for span in spans]}).encode()
        for attempt in (1, 2):
            request = urllib.request.Request(self._url, body, self._headers)  # noqa: S310 -- the operator's collector
            try:
                with urllib.request.urlopen(request, timeout=self._seconds):  # noqa: S310 -- as above
                    return SpanExportResult.SUCCESS
            except urllib.error.HTTPError as error:
                if error.code not in _AGAIN or attempt == 2:
                    return SpanExportResult.FAILURE
            except OSError:
                if attempt == 2:
                    return SpanExportResult.FAILURE
            time.sleep(0.5)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        pass


def tracer_to(url: str, headers: str, service: str) -> OtelTracer:
    """A tracer that sends to a collector in batches, in a thread of its own. `headers` as in the variable."""
    return OtelTracer(BatchSpanProcessor(JsonExporter(url, read_headers(headers))), service)


def read_headers(text: str) -> dict[str, str]:
    """What `OTEL_EXPORTER_OTLP_HEADERS` says: `name=value,name=value`, percent-encoded."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


class _Ids(IdGenerator):
    """Ids by chance, but of a trace by its correlation."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        return self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        correlation = current()
        if correlation is None:
            return self._random.generate_trace_id()
        return int.from_bytes(hashlib.sha256(correlation.encode()).digest()[:16], "big")


def _with_correlation(attributes: Attributes) -> Attributes:
    correlation = current()
    return attributes if correlation is None else {**attributes, "correlation": correlation}


def _told(span: ReadableSpan) -> dict[str, Any]:
    """A span as OTLP's JSON has it: ids in hexadecimal, nanoseconds as text."""
    context, status = span.get_span_context(), span.status
    assert context is not None  # it was started
    told: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}", "name": span.name, "kind": 1,
        "startTimeUnixNano": str(span.start_time), "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
    }  # fmt: skip
    if span.parent is not None:
        told["parentSpanId"] = f"{span.parent.span_id:016x}"
    if status.status_code is StatusCode.ERROR:
        told["status"] = {"code": 2, "message": status.description or ""}
    return {
        "resource": {"attributes": _attributes(span.resource.attributes)},
        "scopeSpans": [{"scope": {"name": "passaparola"}, "spans": [told]}],
    }


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
