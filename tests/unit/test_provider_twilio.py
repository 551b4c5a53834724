"""Twilio does what every provider has to do; what is its own is in `test_twilio_api.py`."""

import json

from connectors.provider import ChatProvider
from connectors.twilio.api import TwilioApi, TwilioConfig
from connectors.twilio.contents import Contents
from conversation.leaving.refusals import Do
from tests.unit.provider_conformance import SECRET, ProviderConformance


def refused(status: int, code: int) -> tuple[int, str, int]:
    return status, json.dumps({"code": code, "message": f"error {code}", "more_info": "…", "status": status}), code


class TestTwilio(ProviderConformance):
    name = "twilio"
    accepted = 201, '{"sid": "SM1", "status": "queued", "error_code": null}'
    sent_id = "SM1"
    refusals = {  # noqa: RUF012 -- read only
        Do.SLOW_DOWN: refused(429, 20429),
        Do.TRY_FEW_TIMES: refused(400, 63019),
        Do.TRY_TOMORROW: refused(400, 63038),
        Do.USE_TEMPLATE: refused(400, 63016),
        Do.MARK_UNREACHABLE: refused(400, 63003),
        Do.END_MARKETING: refused(400, 21610),
        Do.PAUSE_NUMBER: refused(401, 20003),
        Do.PAUSE_TEMPLATE: refused(400, 63041),
        Do.FIX: refused(400, 21617),
    }

    def provider(self, url: str) -> ChatProvider:
        return TwilioApi(TwilioConfig(url, "AC1", SECRET, Contents(), "https://chat.example"))
