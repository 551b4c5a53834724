"""Requests whose length makes no sense are refused before Sanic counts by it.

Sanic 21.12 answers 500 to a length that is no number, and never comes back from a negative one: one such request of
anybody would stop the server.
"""

from typing import Any

from httptools import HttpParserInvalidURLError
from sanic.exceptions import InvalidUsage
from sanic.request import Request

NOWHERE = b"*"
_MOST_DIGITS = 15


class StrictRequest(Request):  # type: ignore[misc]  # Sanic has no types
    """A request that says how long it is in one way that can be believed; anything else is 400."""

    def __init__(self, url_bytes: bytes, headers: Any, *args: Any, **kwargs: Any) -> None:
        lengths, encodings = headers.getall("content-length", []), headers.getall("transfer-encoding", [])
        if not all(length.isascii() and length.isdecimal() and len(length) <= _MOST_DIGITS for length in lengths):
            raise InvalidUsage("Content-Length must be a number")
        if len(lengths) + len(encodings) > 1 or any(encoding != "chunked" for encoding in encodings):
            raise InvalidUsage("a body has one Content-Length, or Transfer-Encoding: chunked")
        try:
            super().__init__(url_bytes, headers, *args, **kwargs)
        except HttpParserInvalidURLError:
            super().__init__(NOWHERE, headers, *args, **kwargs)  # answered as any address that is not there
