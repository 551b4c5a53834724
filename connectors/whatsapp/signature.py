"""The signature of a webhook: HMAC-SHA256 of the raw bytes with the app's secret.

Source: Meta, "Webhooks: validating payloads". Bytes are compared, because `compare_digest` refuses text that is
not ASCII, and a header may hold anything.
"""

import hashlib
import hmac

PREFIX = b"sha256="


def sign(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(secret: str, body: bytes, header: str | None) -> bool:
    """Whether the header is the signature of the body."""
    if not header:
        return False
    return hmac.compare_digest(sign(secret, body).encode(), header.encode("utf-8", "surrogatepass"))
