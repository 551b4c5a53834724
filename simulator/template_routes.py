"""The stand-in's template endpoints, as Meta's "Template management" has them.

``GET``, ``POST`` and ``DELETE /{version}/{account}/message_templates``, ``POST /{version}/{template}``, and the two
steps of the upload of an example.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from simulator.errors import Rejected
from simulator.template_book import TemplateBook

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.Response]]
VERSION = r"/{version:v[0-9]+\.[0-9]+}"


def template_routes(book: TemplateBook, authorization: str) -> list[web.RouteDef]:
    """The routes of a book; calls need the header ``Authorization`` with this value."""
    token = authorization.removeprefix("Bearer ")

    def route(work: Callable[[web.Request], Awaitable[Json]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                if request.headers.get("Authorization") not in (authorization, f"OAuth {token}"):
                    raise Rejected(190, "Invalid OAuth access token - Cannot parse access token")
                if request.match_info.get("account", book.account_id) != book.account_id:
                    raise Rejected(33, "Object with this ID does not exist or cannot be loaded.")
                book.begin(f"{request.method} {request.path.split('/', 2)[2]}")
                return web.json_response(await work(request))
            except Rejected as error:
                return web.json_response(error.body(), status=error.http_status)

        return handle

    async def list_(request: web.Request) -> Json:
        return _page(book.rows(), request)

    async def create(request: web.Request) -> Json:
        return book.create(await _object(request))

    async def delete(request: web.Request) -> Json:
        return book.delete(request.query.get("name"), request.query.get("hsm_id"))

    async def edit(request: web.Request) -> Json:
        return book.edit(request.match_info["template"], await _object(request))

    async def begin_upload(_: web.Request) -> Json:
        return {"id": f"upload:{secrets.token_hex(12)}"}

    async def upload(request: web.Request) -> Json:
        if not await request.read():
            raise Rejected(100, "The file is empty.")
        return {"h": f"4::{secrets.token_urlsafe(24)}"}

    all_of_them = VERSION + "/{account:[0-9]+}/message_templates"
    return [
        web.get(all_of_them, route(list_)),
        web.post(all_of_them, route(create)),
        web.delete(all_of_them, route(delete)),
        web.post(VERSION + "/{app:[0-9]+}/uploads", route(begin_upload)),
        web.post(VERSION + "/{upload:upload:[0-9a-f]+}", route(upload)),
        web.post(VERSION + "/{template:[0-9]+}", route(edit)),
    ]


def _page(rows: list[Json], request: web.Request) -> Json:
    """One page, with cursors, and ``next`` if there is another."""
    query = request.query
    limit = int(query.get("limit", "25"))
    first = int(base64.urlsafe_b64decode(query["after"])) if "after" in query else 0
    fields = set(query["fields"].split(",")) | {"id"} if "fields" in query else None
    shown = [{key: value for key, value in row.items() if fields is None or key in fields} for row in rows]
    page = shown[first : first + limit]
    after = base64.urlsafe_b64encode(str(first + limit).encode()).decode()
    paging: Json = {"cursors": {"before": base64.urlsafe_b64encode(str(first).encode()).decode(), "after": after}}
    if first + limit < len(rows):
        paging["next"] = str(request.url.update_query(after=after))
    return {"data": page} | ({"paging": paging} if page else {})


async def _object(request: web.Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Rejected(100, "The body is not JSON.")
    return body
