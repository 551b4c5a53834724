"""What CRMs tell by themselves: read defensively, and only from who has the secret."""

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.hooks import Told, Unreadable, deals_in, is_from
from tests.crm.adapters import NAMES

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ADDRESS = "https://aurora.example/webhooks/crm/hubspot"


def told(body: object = b"", *, headers: dict[str, str] | None = None, **query: str) -> Told:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Told(ADDRESS, headers or {}, query, raw)


def form(**values: str) -> bytes:
    return urlencode(values).encode()


def signed(body: bytes, secret: str = "s", *, at: datetime = NOW) -> Told:
    stamp = str(int(at.timestamp() * 1000))
    text = b"POST" + ADDRESS.encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return told(body, headers={"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp})


def test_hubspots_signature_is_over_address_body_and_time() -> None:
    good = signed(b"[]")
    assert is_from("hubspot", good, "s", NOW)
    assert not is_from("hubspot", good, "another", NOW)
    assert not is_from("hubspot", Told(ADDRESS, good.headers, {}, b"[ ]"), "s", NOW)
    assert not is_from("hubspot", Told(ADDRESS + "?x=1", good.headers, {}, b"[]"), "s", NOW)
    assert not is_from("hubspot", signed(b"[]", at=datetime(2026, 11, 21, 9, 54, tzinfo=UTC)), "s", NOW)
    assert not is_from("hubspot", signed(b"[]", at=datetime(2026, 11, 21, 10, 6, tzinfo=UTC)), "s", NOW)


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "９９９", "9" * 17])
def test_a_time_that_is_none_is_no_signature(stamp: str) -> None:
    headers = {"x-hubspot-signature-v3": "x", "x-hubspot-request-timestamp": stamp}
    assert not is_from("hubspot", told(b"[]", headers=headers), "s", NOW)


def test_tokens_are_where_each_system_puts_them() -> None:
    assert is_from("bitrix24", told(form(**{"auth[application_token]": "s"})), "s", NOW)
    assert is_from("zoho", told({"token": "s"}), "s", NOW)
    assert is_from("zoho", told(b"", token="s"), "s", NOW)
    assert is_from("kommo", told(b"", token="s"), "s", NOW)
    assert is_from("retailcrm", told(b"", headers={"x-webhook-token": "s"}), "s", NOW)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", ["", "S", "s ", "é", "\udcff"])
def test_another_token_is_none(name: str, wrong: str) -> None:
    for one in (
        told({"token": wrong} if wrong.isprintable() else b""), told(b"", token=wrong),
        told(b"", headers={"x-webhook-token": wrong, "x-hubspot-signature-v3": wrong}),
        told(form(**{"auth[application_token]": wrong}) if wrong.isprintable() else b""),
    ):  # fmt: skip
        assert not is_from(name, one, "s", NOW)
        assert not is_from(name, one, "", NOW)


def test_deals_are_read_as_each_system_tells_them() -> None:
    events = [
        {"subscriptionType": "deal.propertyChange", "objectId": 12345678901234567890, "propertyName": "dealstage"},
        {"subscriptionType": "object.propertyChange", "objectTypeId": "0-3", "objectId": 7},
        {"subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "objectId": 8},
        {"subscriptionType": "contact.propertyChange", "objectId": 9},
        {"subscriptionType": "deal.propertyChange", "objectId": 7},
    ]
    assert deals_in("hubspot", told(events)) == ["12345678901234567890", "7"]
    assert deals_in("bitrix24", told(form(event="ONCRMDEALUPDATE", **{"data[FIELDS][ID]": "759"}))) == ["759"]
    assert deals_in("bitrix24", told(form(event="ONCRMCONTACTUPDATE", **{"data[FIELDS][ID]": "759"}))) == []
    kommo = form(**{"leads[status][0][id]": "25", "leads[update][0][id]": "25", "leads[status][0][status_id]": "142"})
    assert deals_in("kommo", told(kommo)) == ["25"]
    assert deals_in("kommo", told(form(**{"contacts[update][0][id]": "3"}))) == []
    assert deals_in("zoho", told({"module": "Deals", "ids": ["1", "2"], "operation": "update"})) == ["1", "2"]
    assert deals_in("zoho", told({"module": "Contacts", "ids": ["1"]})) == []
    assert deals_in("zoho", told({"id": "77"})) == ["77"]
    assert deals_in("retailcrm", told({"order_id": 9})) == ["9"]
    assert deals_in("retailcrm", told(form(order_id="9"))) == ["9"]
    assert deals_in("retailcrm", told(b"", order_id="9")) == ["9"]


@pytest.mark.parametrize("bad", ["../contacts/1", "1?x=2", "", "9" * 65, None, True, {"a": 1}])
def test_an_id_that_could_be_a_path_is_none(bad: object) -> None:
    assert deals_in("zoho", told({"ids": [bad, "5"]})) == ["5"]


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_none_is_said_to_be(body: bytes) -> None:
    for name in ("hubspot", "zoho"):
        with pytest.raises(Unreadable):
            deals_in(name, told(body))


@given(st.binary(max_size=200), st.sampled_from(NAMES))
def test_nothing_that_comes_in_does_harm(body: bytes, name: str) -> None:
    one = told(body, headers={"x-hubspot-request-timestamp": "1", "x-hubspot-signature-v3": body.decode("latin-1")})
    assert not is_from(name, one, "a secret of many letters", NOW)
    with suppress(Unreadable):
        assert isinstance(deals_in(name, one), list)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    _JSON, st.sampled_from(["ids", "order_id", "id", "objectId", "subscriptionType", "module"]), st.sampled_from(NAMES)
)
def test_json_of_any_shape_is_read_or_said_to_be_unreadable(value: object, key: str, name: str) -> None:
    for body in (value, {key: value}, [{key: value, "subscriptionType": "deal.creation"}]):
        try:
            found = deals_in(name, told(json.dumps(body).encode()))
        except Unreadable:
            continue
        assert all(one and "/" not in one for one in found)
