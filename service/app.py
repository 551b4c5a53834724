"""The service, put together."""

from aiohttp import web

from service.context import CONTEXT, Context
from service.events import post_events
from service.members import get_ledger, get_member_view
from service.metrics import METRICS, Metrics
from service.middleware import errors, keyed, measured
from service.openapi import describe
from service.operations import follow_referral, healthz, metrics, readyz, shop_not_connected

LARGEST_BODY = 5 * 1024 * 1024


def build_app(context: Context, *, version: str) -> web.Application:
    """The aiohttp application of the service."""
    app = web.Application(middlewares=[measured, errors, keyed], client_max_size=LARGEST_BODY)
    app[CONTEXT] = context
    app[METRICS] = Metrics()
    document = describe(version)

    async def openapi(_request: web.Request) -> web.Response:
        return web.json_response(document)

    app.add_routes(
        [
            web.post("/v1/events", post_events),
            web.get("/v1/members/{ref}", get_member_view),
            web.get("/v1/members/{ref}/ledger", get_ledger),
            web.get("/r/{code}", follow_referral),
            web.post("/webhooks/shopify", shop_not_connected),
            web.post("/webhooks/woocommerce", shop_not_connected),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
            web.get("/openapi.json", openapi),
        ]
    )
    return app
