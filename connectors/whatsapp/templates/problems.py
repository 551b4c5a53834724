"""What Meta answers when it does not take a template, each as one line that says what to do.

Sources: Meta, "Error codes" (2388040 to 2388299, 2388019), "Template management" (what can be edited, and how often);
2388023 and 2388024 are what the Graph API answers for a name that is being deleted or is there already.
"""

from collections.abc import Mapping
from typing import Any

from connectors.errors import ConnectorError

_SAID: Mapping[int, str] = {
    2388019: "the account has as many templates as it may have (250 until the business is verified); delete some",
    2388023: "this name was deleted and is free again after 30 days; give the template another name",
    2388024: "it is there already; `passaparola templates sync` finds it",
    2388040: "a text of it is too long",
    2388047: "its header has a wrong form",
    2388072: "its body has a wrong form",
    2388073: "its footer has a wrong form",
    2388293: "it has too many gaps for so few words; say more, or leave gaps out",
    2388299: "its body begins or ends with a gap; put words around it",
    190: "the access token is not valid (any more); renew WHATSAPP_ACCESS_TOKEN",
    0: "the access token is not valid (any more); renew WHATSAPP_ACCESS_TOKEN",
    10: "the access token may not manage templates; it needs the permission whatsapp_business_management",
    33: "WHATSAPP_BUSINESS_ACCOUNT_ID is no account that the access token may see",
    368: "the account is blocked for violating policies; look into WhatsApp Manager",
}
_SLOW = frozenset({4, 80007, 80008, 130429})
"""Too many calls: nothing is wrong but the pace."""
_FATAL = frozenset({0, 3, 10, 33, 190, 368, *range(200, 300)})
"""What is the same for every template: there is no use in going on."""
_SERVER_ERROR, _TOO_MANY = 500, 429


class TemplateRefused(ConnectorError):
    """Meta did not do what was asked. `stops` says that it would not do it for another template either."""

    def __init__(self, message: str, *, code: int | None = None, subcode: int | None = None, stops: bool = False):
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.stops = stops


class BadTemplates(ConnectorError):
    """Files of templates have mistakes; the message has a line for each."""


def refusal(status: int, answer: object) -> TemplateRefused:
    """The error in an answer of the Graph API, in one line."""
    fields: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    error = fields.get("error")
    if not isinstance(error, dict):
        return TemplateRefused(f"the Graph API answered {status} and nothing of use; try again later", stops=True)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    theirs = " ".join(str(error.get("error_user_msg") or _details(error) or error.get("message") or "").split())
    if code in _SLOW or status == _TOO_MANY:
        said, stops = "too many calls; what is left goes with the next `passaparola templates submit`, in an hour", True
    elif status >= _SERVER_ERROR:
        said, stops = "the Graph API does not work at the moment; try again later", True
    else:
        said, stops = _SAID.get(subcode or -1) or _SAID.get(-1 if code is None else code, ""), code in _FATAL
    told = f"{said} (Meta: {theirs[:300]})" if said and theirs else said or theirs[:300] or f"error {code}"
    return TemplateRefused(f"{told} [{subcode or code}]", code=code, subcode=subcode, stops=stops)


def _details(error: Mapping[str, Any]) -> object:
    data = error.get("error_data")
    return data.get("details") if isinstance(data, dict) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
