"""All routes of the service in one table: who may call them, what they take and give. `/openapi.json` is made of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel

from loyalty.api_keys import Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route of `/v1`."""

    method: str
    path: str
    handler: Handler
    scope: Scope
    summary: str
    gives: type[BaseModel]
    takes: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    status: int = 200
    """What it answers when all went well."""


SCOPES = web.AppKey("scopes", dict[tuple[str, str], Scope])
"""The scope that a method and path need."""


def add_routes(app: web.Application, routes: tuple[Route, ...]) -> None:
    """Serve the routes, and remember which scope each needs."""
    app[SCOPES] = {(route.method, route.path): route.scope for route in routes}
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
