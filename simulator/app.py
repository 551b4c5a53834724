"""The simulator put together: the stand-in Graph API, the page, and the page's own routes, in one application."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from simulator.answers import refuse_politely
from simulator.chat_routes import ChatRoutes
from simulator.chats import ChatBook
from simulator.config import SimulatorConfig
from simulator.deliverer import Deliverer, Report
from simulator.graph import StandInGraph
from simulator.live import LiveFeed
from simulator.phones import Phones
from simulator.rules import ServiceWindow
from simulator.till import Till
from simulator.webhooks import WebhookBuilder

STATIC: Final = Path(__file__).parent / "static"
GRAPH: Final = web.AppKey("graph", StandInGraph)
# Pictures may come from anywhere, as the business sends links to them; everything else from here.
POLICY: Final = "default-src 'self'; img-src * data:; media-src *; base-uri 'none'; frame-ancestors 'none'"


class WebhookHealth:
    """Remembers how the webhook stands and tells the pages when that changes."""

    def __init__(self, live: LiveFeed) -> None:
        self._live = live
        self._last = Report(True, "")

    def report(self, report: Report) -> None:
        """One delivery was tried."""
        if report != self._last:
            self._last = report
            self._live.publish({"event": "webhook", **self.as_json()})

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        return {"ok": self._last.ok, "detail": self._last.detail}


def build_simulator(config: SimulatorConfig) -> web.Application:
    """The application; its stand-in Graph is ``app[GRAPH]``. ValueError if the settings contradict each other."""
    live = LiveFeed()
    health = WebhookHealth(live)
    book = ChatBook(config.customers, live.publish)
    window = ServiceWindow()
    for customer in config.customers:
        if customer.wrote_recently:
            window.wrote(customer.keys, time.time())
    graph = StandInGraph(config.access_token, config.phone_number_id, window=window)
    builder = WebhookBuilder(config.business)
    deliverer = Deliverer(config.webhook_url, config.app_secret, on_report=health.report)
    phones = Phones(book, builder, deliverer, graph, statuses=config.statuses, publish=live.publish)
    till = Till(book, config.service_url, config.api_key, config.currency)

    def about() -> dict[str, Any]:
        business = {"name": config.business_name, "phone": config.business_phone}
        rest = {"currency": config.currency, "templates": config.templates, "webhook": health.as_json()}
        return {"business": business, **rest}

    pages = web.Application(middlewares=[refuse_politely])
    pages.add_routes(ChatRoutes(book, phones, builder, about).routes())
    pages.add_routes(till.routes())
    pages.router.add_get("/live", live.handle)

    app = web.Application(client_max_size=256 * 1024)
    app[GRAPH] = graph
    app.add_routes(graph.routes())
    app.router.add_get("/", _page)
    app.router.add_get(r"/wa/{phone:\+?[0-9]+}", _link_to(config.business.digits))
    app.add_subapp("/sim/", pages)
    app.add_subapp("/static/", _static())

    async def stop(_: web.Application) -> None:
        await live.close()

    async def clean(_: web.Application) -> None:
        await deliverer.close()
        await till.close()

    app.on_shutdown.append(stop)
    app.on_cleanup.append(clean)
    return app


async def _page(request: web.Request) -> web.FileResponse:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
    return web.FileResponse(STATIC / "index.html", headers=headers)


def _link_to(digits: str) -> Any:
    """The handler of ``/wa/{phone}?text=…``, the local https://wa.me: opens the page with the text prefilled."""

    async def open_chat(request: web.Request) -> web.Response:
        phone = request.match_info["phone"].lstrip("+")
        if phone != digits:
            return web.Response(status=404, text=f"This link is for +{phone}; the business here is +{digits}.\n")
        raise web.HTTPFound(f"/?text={quote(request.query.get('text', ''), safe='')}")

    return open_chat


def _static() -> web.Application:
    """The page's files, checked for freshness at every load: a stale script beside a new page confuses."""
    files = web.Application()
    files.router.add_static("/", STATIC)

    async def stay_fresh(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Cache-Control"] = "no-cache"

    files.on_response_prepare.append(stay_fresh)
    return files
