"""JSON answers of the page's own routes, and one place for their errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """A request of the page that cannot be done: an HTTP status and one line for the person in front of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(body: Any, status: int = 200) -> web.Response:
    """``body`` as JSON."""
    return web.json_response(body, status=status)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The request's JSON object."""
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "Send a JSON object.")
    return body


def text_in(body: dict[str, Any], key: str, *, required: bool = True) -> str:
    """A text field of the body, trimmed; without ``required`` it may be missing and is then empty."""
    value = body.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise Refusal(400, f"Please fill in: {key}.")
    return value.strip()


@web.middleware
async def refuse_politely(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into JSON, and keep other sites' pages out: they could reach 127.0.0.1 through the browser."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return answer({"error": {"message": "Requests from other sites are not taken."}}, 403)
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer({"error": {"message": str(refusal)}}, refusal.status)
    except web.HTTPException as error:
        if error.status >= web.HTTPBadRequest.status_code:
            return answer({"error": {"message": error.reason}}, error.status)
        raise
