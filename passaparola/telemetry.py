"""OpenTelemetry as an option, switched on by its own variables. Off, nothing of it is imported."""

from collections.abc import Mapping

import structlog

from loyalty.tracing import trace_with
from passaparola.errors import CommandError

log = structlog.get_logger()

ENDPOINT, TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
HEADERS, NAME, DISABLED = "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME", "OTEL_SDK_DISABLED"


def endpoint(environment: Mapping[str, str]) -> str | None:
    """Where spans go (OpenTelemetry, "OTLP exporter configuration"); None if nowhere."""
    if environment.get(DISABLED, "").lower() == "true":
        return None
    if exact := environment.get(TRACES):
        return exact
    base = environment.get(ENDPOINT)
    return f"{base.rstrip('/')}/v1/traces" if base else None


def switch_on(environment: Mapping[str, str], process: str) -> bool:
    """Take spans from here on, if the environment says so. Raises `CommandError` if what that needs is missing."""
    url = endpoint(environment)
    if url is None:
        return False
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{ENDPOINT} is no http:// or https:// address")
    try:
        from passaparola.otel import tracer_to  # noqa: PLC0415 -- an extra, and nothing of it is to be loaded else
    except ImportError:
        raise CommandError(f"{ENDPOINT} is set, but OpenTelemetry is missing: install passaparola[otel]") from None
    service = environment.get(NAME) or f"passaparola-{process}"
    trace_with(tracer_to(url, environment.get(HEADERS, ""), service))
    log.info("spans are sent to a collector", service=service)
    return True
