"""Health, readiness, metrics and referral links."""

import re
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import select

from loyalty.codes import read_code, show_code
from loyalty.errors import NotFound
from loyalty.referral.numbers import count_opening
from loyalty.tables import Member, Programme
from service.context import CONTEXT
from service.metrics import METRICS, NUMBERS, exposition

_PREVIEW = re.compile(r"(?i)bot|crawl|preview|facebookexternalhit|^WhatsApp/")
"""Programs that open a link to show a picture of it beside a message: nobody has followed it."""


async def healthz(_request: web.Request) -> web.Response:
    """The process lives."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """The store answers and has its tables."""
    await request.app[CONTEXT].store.read(lambda session: session.execute(select(Programme.id).limit(1)).first())
    return web.json_response({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """Numbers for Prometheus."""
    context = request.app[CONTEXT]
    body = await exposition(request.app[NUMBERS], request.app[METRICS], context.clock.now())
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def follow_referral(request: web.Request) -> web.Response:
    """Open a WhatsApp chat with the code filled in."""
    context = request.app[CONTEXT]
    code = read_code(request.match_info["code"])
    owner = await context.store.read(
        lambda session: session.scalar(select(Member.programme_id).where(Member.referral_code == code))
    )
    programme = next((one for one in context.programmes.values() if one.id == owner), None)
    if not code or programme is None:
        raise NotFound("nobody has this referral code; ask your friend for the link again", field="code")
    if request.method == "GET" and not _PREVIEW.search(request.headers.get("User-Agent", "")):
        now = context.clock.now()
        await context.store.write(lambda session: count_opening(session, programme, code, now))
    words = context.sentences.say(programme.language, "referral.prefill", code=show_code(code))
    phone = programme.whatsapp.phone.removeprefix("+")
    location = f"{context.chat_url.rstrip('/')}/{phone}?text={quote(words)}"
    return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})
