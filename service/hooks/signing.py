"""Signatures of outgoing webhooks, as Standard Webhooks (standardwebhooks.com) has them.

Signed is `id.timestamp.body`, with HMAC-SHA256, once with each secret that is live; docs/hooks.md shows how a
receiver verifies it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
VERSION = "v1"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_BYTES = 32


def new_secret() -> str:
    """A fresh secret: `whsec_` and the key in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(id_: str, timestamp: int, body: bytes, live: Iterable[str]) -> Mapping[str, str]:
    """The headers that sign a body. `timestamp` is in seconds since 1970; `live` are secrets of `new_secret`."""
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    made = " ".join(f"{VERSION},{_sign(secret, signed)}" for secret in live)
    return {ID: id_, TIMESTAMP: str(timestamp), SIGNATURE: made}


def _sign(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
