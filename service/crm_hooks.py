"""`POST /webhooks/crm/{system}`: a CRM says that something happened to a deal. Kept, then answered; looked at later."""

from datetime import datetime
from functools import partial

import structlog
from aiohttp import web
from sqlalchemy.orm import Session

from conversation.alarms import raise_alarm
from crm import deals
from crm.hooks import Told, Unreadable, deals_in, is_from
from service.context import CONTEXT
from service.middleware import error

log = structlog.get_logger()

SYSTEMS = frozenset({"hubspot", "zoho", "bitrix24", "kommo", "retailcrm"})
LARGEST = 256 * 1024
"""Bytes; HubSpot's lists of a hundred events are a fifth of that."""


async def accept(request: web.Request) -> web.Response:
    """Check who sends it, keep which deals it is about. 503 without a secret, 401 with another one."""
    context, system = request.app[CONTEXT], request.match_info["system"]
    if system not in SYSTEMS:
        return error(404, "not_found", f"there is no such CRM here; there are {', '.join(sorted(SYSTEMS))}")
    secret = context.crm_secrets.get(system)
    if secret is None:
        return error(503, "not_connected", f"deals of {system} are not connected; docs/crm.md names the secret to set")
    body = await request.content.read(LARGEST + 1)
    while len(body) <= LARGEST and (more := await request.content.read(LARGEST)):
        body += more
    if len(body) > LARGEST:
        return error(413, "too_large", f"a notification has at most {LARGEST} bytes")
    address = f"{context.public_url.rstrip('/')}{request.path_qs}"
    headers = {name.lower(): value for name, value in request.headers.items()}
    told, now = Told(address, headers, dict(request.query), body), context.clock.now()
    if not is_from(system, told, secret.get_secret_value(), now):
        return error(401, "unauthorized", "the signature or token is not the one in the settings")
    try:
        found = deals_in(system, told)
    except Unreadable as problem:
        detail = f"a notification of {system} could not be read: {problem}"
        await context.store.write(partial(_report, system=system, detail=detail, now=now))
        return error(400, "invalid", detail)
    if found:
        await context.store.write(lambda session: deals.keep(session, system, found, now=now))
    return web.json_response({"deals": len(found)})


def _report(session: Session, system: str, detail: str, now: datetime) -> None:
    raise_alarm(session, "crm_hook", detail, subject=system, now=now)
