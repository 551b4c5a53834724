"""Around every request: the key of `/v1`, errors as JSON, a measure of how long it took."""

import hmac
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from pydantic import ValidationError

from loyalty.errors import BadProgramme, Conflict, Invalid, LoyaltyError, NotFound, Refused, StoreUnavailable
from service.context import CONTEXT
from service.metrics import METRICS
from service.schemas import ErrorAnswer, ErrorBody

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS: dict[type[LoyaltyError], int] = {
    Invalid: 422, NotFound: 404, Conflict: 409, Refused: 422, StoreUnavailable: 503, BadProgramme: 500,
}  # fmt: skip


def error(status: int, code: str, message: str, field: str | None = None) -> web.Response:
    """An error of `/v1`."""
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, field=field))
    return web.Response(status=status, text=body.model_dump_json(), content_type="application/json")


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time requests by route."""
    began = time.perf_counter()
    response = await handler(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    request.app[METRICS].observe(request.method, route, response.status, time.perf_counter() - began)
    return response


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error as one JSON shape; never a traceback to a caller."""
    try:
        return await handler(request)
    except LoyaltyError as problem:
        return error(_STATUS.get(type(problem), 500), problem.code, str(problem), problem.field)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part not in {"purchase", "refund", "activity"})
        return error(422, "invalid", str(first["msg"]).removeprefix("Value error, "), field or None)
    except web.HTTPException as problem:
        if problem.status < 400:
            raise
        return error(problem.status, problem.reason.lower().replace(" ", "_"), problem.reason)
    except Exception:
        log.exception("a request failed", method=request.method, path=request.path)
        return error(500, "internal", "something went wrong here; it was logged, try again later")


@web.middleware
async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """`/v1` needs the bearer key; without a key in the settings it is closed to everybody."""
    if request.path.startswith("/v1/"):
        expected = request.app[CONTEXT].api_key
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        fits = expected and hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected.encode())
        if scheme.lower() != "bearer" or not fits:
            message = (
                "send Authorization: Bearer with the key of PASSAPAROLA_API_KEY"
                if expected
                else "PASSAPAROLA_API_KEY is not set, so /v1 is closed"
            )
            return error(401, "unauthorized", message, "Authorization")
    return await handler(request)
