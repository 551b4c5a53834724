"""Meta's Cloud API does what every provider has to do."""

import json

from connectors.provider import ChatProvider
from connectors.whatsapp.graph import Graph, GraphConfig
from conversation.leaving.refusals import Do
from tests.unit.provider_conformance import SECRET, ProviderConformance


def refused(status: int, code: int) -> tuple[int, str, int]:
    return status, json.dumps({"error": {"code": code, "message": f"(#{code}) no", "type": "OAuthException"}}), code


class TestMeta(ProviderConformance):
    name = "meta"
    accepted = 200, '{"messages": [{"id": "wamid.HBg"}]}'
    sent_id = "wamid.HBg"
    refusals = {  # noqa: RUF012 -- read only
        Do.SLOW_DOWN: refused(400, 130429),
        Do.WAIT_FOR_HER: refused(400, 131056),
        Do.USE_TEMPLATE: refused(400, 131047),
        Do.MARK_UNREACHABLE: refused(400, 131026),
        Do.END_MARKETING: refused(400, 131050),
        Do.PAUSE_NUMBER: refused(401, 190),
        Do.PAUSE_TEMPLATE: refused(400, 132015),
        Do.FIX: refused(400, 131009),
    }

    def provider(self, url: str) -> ChatProvider:
        return Graph(GraphConfig(f"{url}/v24.0", SECRET))
