"""`GET /h/{token}/{name}`: files that WhatsApp fetches for a customer."""

from aiohttp import web

from conversation.leaving.handouts import find_file
from service.context import CONTEXT

_HEADERS = {
    "Cache-Control": "private, max-age=600", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}  # fmt: skip


async def fetch_file(request: web.Request) -> web.Response:
    """The file under an address; 404 for one that is wrong or too old, without telling which."""
    context, token = request.app[CONTEXT], request.match_info["token"]
    file = await context.store.read(lambda session: find_file(session, token, now=context.clock.now()))
    if file is None or file.name != request.match_info["name"]:
        raise web.HTTPNotFound(text="there is nothing here, or no longer")
    return web.Response(body=file.content, content_type=file.mime_type, headers=_HEADERS)
