"""The signature of Twilio's requests: HMAC-SHA1 of the address and the form, with the account's auth token, in base64.

Source: Twilio, "Webhooks security": the exact address that was called, then each parameter, name and value, sorted by
name; a name that comes several times stands with each different value. With or without the port: Twilio's own library
tries both, because it is not signed the same way everywhere.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

Form = Sequence[tuple[str, str]]
_MOST_FIELDS = 500
_PORTS = {"https": 443, "http": 80}


def read_form(body: bytes) -> Form:
    """The fields of a form, in order, empty ones as well. Raises `ValueError` for a body that is none."""
    return parse_qsl(
        body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS
    )


def sign(token: str, url: str, form: Form) -> str:
    """The value of `X-Twilio-Signature` for a form posted to an address."""
    said = url + "".join(name + value for name, value in sorted(set(form)))
    mac = hmac.new(token.encode(), said.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def is_signed(token: str, url: str, form: Form, header: str | None) -> bool:
    """Whether the header is the signature of a form posted to this address, its port written or not."""
    if not header:
        return False
    given = header.encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(sign(token, one, form).encode(), given) for one in _spellings(url))


def _spellings(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a host that somebody made up
        return (url,)
    if parts.hostname is None or parts.scheme not in _PORTS:
        return (url,)
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    written = parts._replace(netloc=f"{host}:{port or _PORTS[parts.scheme]}").geturl()
    return parts._replace(netloc=host).geturl(), written
