"""Whether a delivery is the shop's: HMAC-SHA256 over the bytes as they came, in base64, by a secret both know."""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable

_SHORTEST = 16
"""A secret in a list is at least so long. A shorter part is no secret, so then the comma belongs to the secret."""
_ENTITIES = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#[xX]0*(?:22|26|27));")
_SIGNS = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "34": '"', "38": "&", "39": "'", "60": "<", "62": ">",
    "x22": '"', "x26": "&", "x27": "'",
}  # fmt: skip


def secrets_of(setting: str) -> tuple[str, ...]:
    """The secrets a setting names: one, or several with commas between them while one follows another.

    A secret may itself hold a comma, so the whole is one of them too.
    """
    whole = setting.strip()
    parts = [part.strip() for part in whole.split(",")]
    several = len(parts) > 1 and all(len(part) >= _SHORTEST for part in parts)
    return tuple(dict.fromkeys([whole, *(parts if several else ())])) if whole else ()


def unescaped(secret: str) -> str:
    """A secret as WooCommerce signs with it: after WordPress's `wp_specialchars_decode($secret, ENT_QUOTES)`.

    Source: `WC_Webhook::generate_signature` and wp-includes/formatting.php.
    """
    return _ENTITIES.sub(lambda found: _SIGNS[_name(found.group())], secret)


def _name(entity: str) -> str:
    name = entity[1:-1]
    if not name.startswith("#"):
        return name
    digits = name[1:].lower()
    return "x" + digits[1:].lstrip("0") if digits.startswith("x") else digits.lstrip("0")


def is_signed(keys: Iterable[bytes], body: bytes, given: str | None) -> bool:
    """Whether one of the keys made this signature. Every key is tried, so that time tells nothing."""
    # A header may hold any byte; aiohttp hands those that are no UTF-8 over as surrogates.
    said = (given or "").strip().encode("utf-8", "surrogateescape")
    found = False
    for key in keys:
        found |= hmac.compare_digest(b64encode(hmac.digest(key, body, "sha256")), said)
    return found
