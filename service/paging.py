"""Pages of an answer."""

from aiohttp import web

from loyalty.errors import Invalid

PAGE = 50
LARGEST_PAGE = 200


def limit_of(request: web.Request) -> int:
    """How many rows a request asks for. Raises `Invalid`."""
    text = request.query.get("limit", str(PAGE))
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= LARGEST_PAGE:
        raise Invalid(f"limit is a number from 1 to {LARGEST_PAGE}", field="limit")
    return int(text)
