"""Meta's error codes, and the error body in which the Graph API answers them.

Titles and HTTP statuses: Meta's page "Error codes" (state of 2026-05-15), the shape of the body: the same page,
section "Error response syntax". Everybody who builds on these should build on ``code`` alone: titles are deprecated.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any, NamedTuple


class Known(NamedTuple):
    """What Meta says about one code."""

    title: str
    http_status: int


KNOWN: dict[int, Known] = {
    0: Known("AuthException", 401),
    1: Known("API Unknown", 400),
    2: Known("API Service", 503),
    3: Known("API Method", 500),
    4: Known("API Too Many Calls", 400),
    10: Known("Permission Denied", 403),
    33: Known("Parameter value is not valid", 400),
    100: Known("Invalid parameter", 400),
    190: Known("Access token has expired", 401),
    200: Known("API Permission", 403),
    368: Known("Temporarily blocked for policies violations", 403),
    80007: Known("Rate limit issues", 400),
    130429: Known("Rate limit hit", 400),
    130472: Known("User's number is part of an experiment", 400),
    130497: Known("Business account is restricted from messaging users in this country", 403),
    131000: Known("Something went wrong", 500),
    131005: Known("Access denied", 403),
    131008: Known("Required parameter is missing", 400),
    131009: Known("Parameter value is not valid", 400),
    131016: Known("Service unavailable", 500),
    131021: Known("Recipient cannot be sender", 400),
    131026: Known("Message undeliverable", 400),
    131030: Known("Recipient phone number not in allowed list", 400),
    131031: Known("Account has been locked", 403),
    131037: Known("Display name approval needed", 400),
    131042: Known("Business eligibility payment issue", 400),
    131045: Known("Incorrect certificate", 500),
    131047: Known("Re-engagement message", 400),
    131048: Known("Spam rate limit hit", 400),
    131049: Known("Meta chose not to deliver", 400),
    131050: Known("User has stopped marketing messages", 400),
    131051: Known("Unsupported message type", 400),
    131052: Known("Media download error", 400),
    131053: Known("Media upload error", 400),
    131055: Known("Method not allowed", 400),
    131056: Known("(Business Account, Consumer Account) pair rate limit hit", 400),
    131057: Known("Account in maintenance mode", 500),
    131062: Known("Business-scoped User ID (BSUID) recipients are not supported for this message", 400),
    131064: Known("Messaging limit reached", 400),
    132000: Known("Template Param Count Mismatch", 400),
    132001: Known("Template does not exist", 404),
    132005: Known("Template Hydrated Text Too Long", 400),
    132007: Known("Template Format Character Policy Violated", 400),
    132012: Known("Template Parameter Format Mismatch", 400),
    132015: Known("Template is Paused", 400),
    132016: Known("Template is Disabled", 400),
    132068: Known("Flow is blocked", 400),
    132069: Known("Flow is throttled", 400),
    133004: Known("Server Temporarily Unavailable", 503),
    133010: Known("Phone number not registered", 400),
    134100: Known("Only marketing messages supported", 400),
    134101: Known("Template is still syncing", 400),
    135000: Known("Generic user error", 400),
    137000: Known("Recipient identity key mismatch", 400),
}
UNKNOWN = Known("Something went wrong", 400)


class Rejected(Exception):
    """A message the Cloud API refuses: ``code``, ``http_status`` and the ``details`` that name the field."""

    def __init__(self, code: int, details: str, *, http_status: int | None = None) -> None:
        known = KNOWN.get(code, UNKNOWN)
        self.code = code
        self.title = known.title
        self.details = details
        self.http_status = known.http_status if http_status is None else http_status
        super().__init__(f"(#{code}) {known.title}: {details}")

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer, with a trace id of its own each time, as Meta's."""
        error: dict[str, Any] = {"message": f"(#{self.code}) {self.title}", "type": "OAuthException", "code": self.code}
        error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = "A" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        return {"error": error}

    def in_webhook(self) -> dict[str, Any]:
        """The same error as an item of ``errors`` in a webhook (page "status messages webhook reference")."""
        return {
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": {"details": self.details},
            "href": "/documentation/business-messaging/whatsapp/support/error-codes",
        }
