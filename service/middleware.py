"""Around every request: the key of `/v1`, errors as JSON, a measure of how long it took."""

import hmac
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from pydantic import ValidationError

from loyalty.api_keys import PREFIX, Caller, Scope, caller_of
from loyalty.correlation import correlated, correlation_of
from loyalty.errors import BadProgramme, Conflict, Forbidden, Invalid, LoyaltyError, NotFound, Refused, StoreUnavailable
from loyalty.tracing import span
from service.context import CALLER, CONTEXT, Context
from service.metrics import METRICS
from service.routes import SCOPES
from service.schemas.common import AMOUNT, CURRENCY, ErrorAnswer, ErrorBody

log = structlog.get_logger()

REQUEST_ID = "X-Request-Id"
"""The id of a request, if the caller has one; it is in the answer in any case."""
LOGGED = ("/v1/", "/webhooks/", "/r/")
"""What is logged of requests; not those that ask every few seconds how we are."""
ERASED = "erased"
"""Why somebody is refused who was erased: nothing brings her back, and nothing about her is kept."""
EVENT_TYPES = frozenset({"purchase", "refund", "cancellation", "edit", "activity", "subscription"})
"""Which of the events it is stands in the way to a field, as far as pydantic is concerned."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS: dict[type[LoyaltyError], int] = {
    Invalid: 422, NotFound: 404, Conflict: 409, Refused: 422, StoreUnavailable: 503, BadProgramme: 500,
    Forbidden: 403,
}  # fmt: skip


def error(status: int, code: str, message: str, field: str | None = None) -> web.Response:
    """An error of `/v1`."""
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, field=field))
    return web.Response(status=status, text=body.model_dump_json(), content_type="application/json")


_PATTERNS = {
    AMOUNT: 'is an amount as text with a point, not below zero, such as "42.50": at most 12 digits before it, 4 behind',
    CURRENCY: "is a currency by its three letters (ISO 4217), such as EUR",
}
"""What a pattern asks for, in words."""


def told(problem: ValidationError) -> tuple[str | None, str]:
    """The first thing wrong with a body: the field and what is wrong with it."""
    first = problem.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"] if part not in EVENT_TYPES)
    pattern = str((first.get("ctx") or {}).get("pattern"))
    return field or None, _PATTERNS.get(pattern) or str(first["msg"]).removeprefix("Value error, ")


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time requests by route, and give each an id that goes with all that comes of it."""
    began = time.perf_counter()
    correlation = correlation_of(request.headers.get(REQUEST_ID))
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    with correlated(correlation):
        with span(f"{request.method} {route}"):
            response = await handler(request)
        seconds = time.perf_counter() - began
        if request.path.startswith(LOGGED):
            log.info(
                "request answered", method=request.method, route=route, status=response.status,
                milliseconds=round(seconds * 1000, 1),
            )  # fmt: skip
    if not response.prepared:
        response.headers[REQUEST_ID] = correlation
    request.app[METRICS].observe(request.method, route, response.status, seconds)
    return response


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error as one JSON shape; never a traceback to a caller."""
    try:
        return await handler(request)
    except Refused as problem:
        status = web.HTTPGone.status_code if problem.reason == ERASED else 422
        return error(status, problem.reason, str(problem), problem.field)
    except LoyaltyError as problem:
        return error(_STATUS.get(type(problem), 500), problem.code, str(problem), problem.field)
    except ValidationError as problem:
        field, message = told(problem)
        return error(422, "invalid", message, field)
    except web.HTTPException as problem:
        if problem.status < 400:
            raise
        return error(problem.status, problem.reason.lower().replace(" ", "_"), problem.reason)
    except Exception:
        log.exception("a request failed", method=request.method, path=request.path)
        return error(500, "internal", "something went wrong here; it was logged, try again later")


@web.middleware
async def current(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Programme files that changed take effect before a request is answered; `/healthz` and its like need none."""
    refresh = request.app[CONTEXT].refresh
    if refresh is not None and request.path.startswith(("/v1/", "/r/", "/webhooks/")):
        await refresh()
    return await handler(request)


@web.middleware
async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """`/v1` needs a bearer key with the scope of the route; without a key in the settings it is closed to everybody.

    The key of the settings may do everything; `passaparola keys` makes others that may do less.
    """
    if not request.path.startswith("/v1/"):
        return await handler(request)
    context = request.app[CONTEXT]
    expected = context.api_key
    if not expected:
        return error(401, "unauthorized", "PASSAPAROLA_API_KEY is not set, so /v1 is closed", "Authorization")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    found = await _caller(context, expected, given.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        message = "send Authorization: Bearer with the key of PASSAPAROLA_API_KEY, or one of `passaparola keys`"
        return error(401, "unauthorized", message, "Authorization")
    resource = request.match_info.route.resource
    needed = request.app[SCOPES].get((request.method, resource.canonical if resource is not None else ""))
    if needed is not None and needed not in found.scopes:
        return error(403, "forbidden", f"this key lacks the scope {needed}", "Authorization")
    request[CALLER] = found
    return await handler(request)


async def _caller(context: Context, expected: str, given: str) -> Caller | None:
    if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode()):
        return Caller("PASSAPAROLA_API_KEY", frozenset(Scope))
    return await context.store.look(lambda session: caller_of(session, given)) if given.startswith(PREFIX) else None
