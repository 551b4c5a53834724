"""Logs show nobody's number and no token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passaparola.logs import mask
from tests.unit.helpers_hypothesis import patiently


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("393331234567", "…567"),
        ("+393331234567", "…567"),
        ("message from +39333123456 to 447700900123.", "message from …456 to …123."),
        ("phone:+393331234567", "phone:…567"),
        ("https://wa.me/393331234567?text=K7QX", "https://wa.me/…567?text=K7QX"),
        ("{'wa_id': '393331234567'}", "{'wa_id': '…567'}"),
        ("(#131030) Recipient 393331234567 not in allowed list", "(#131030) Recipient …567 not in allowed list"),
        ("GET /v1/members/phone:%2B393331234567", "GET /v1/members/phone:%2B…567"),
        ("IT.134912086553", "IT.…553"),
        ("39333 1234567", "39333 …567"),
    ],
)
def test_phones_are_masked_down_to_their_end(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer EAAGsecret",
        "authorization: bearer  EAAGsecret",
        "{'Authorization': 'Bearer EAAGsecret'}",
        "X-Hub-Signature-256: sha256=EAAGsecret",
        "https://graph.facebook.com/v24.0/me?access_token=EAAGsecret",
        "https://graph.facebook.com/v24.0/me?access_token=EAAGsecret&fields=id",
        "ACCESS_TOKEN: EAAGsecret",
        '{"access_token": "EAAGsecret"}',
        "{'access_token': 'EAAGsecret'}",
        "GET /webhooks/whatsapp/webhook?hub.verify_token=EAAGsecret&hub.mode=subscribe",
    ],
)
def test_tokens_are_masked_wherever_they_stand(text: str) -> None:
    hidden = mask(text)
    assert "EAAGsecret" not in hidden
    assert "…" in hidden


def test_what_follows_a_token_is_kept() -> None:
    assert mask("a Bearer EAAG, then b") == "a Bearer … then b"
    assert mask('{"access_token": "EAAG", "x": 1}') == '{"access_token": "…", "x": 1}'
    assert mask("?access_token=EAAG&fields=id") == "?access_token=…&fields=id"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21T10:00:00.123456+00:00",
        "2026-11-21T10:00:00.123456Z",
        "20261121T100000Z is no phone either",
        "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
        "0192f0c17e4b7a3c8d5e6f708192a3b4",
        "018f3a52-0192-7e4b-7a3c-123456789012",
        "a1234567b",
        "order_1234567",
        "till-7/000123",
        "port 5005, 123456 points, code 131047",
        "K7QX-4M2P-A",
        "IT.13491208655302741918",
        "12345678901234567890",
    ],
)
def test_times_and_ids_and_small_numbers_stay_as_they_are(text: str) -> None:
    assert mask(text) == text


@patiently()
@given(
    st.sampled_from(["", "+"]),
    st.text("0123456789", min_size=7, max_size=15),
    st.sampled_from([("", ""), (" ", " "), ("'", "'"), ("(", ")"), ("phone:", ","), ("to=", "&x=1"), ("/", "?")]),
)
def test_no_phone_gets_through_whatever_stands_around_it(plus: str, number: str, around: tuple[str, str]) -> None:
    before, after = around
    assert mask(f"{before}{plus}{number}{after}") == f"{before}…{number[-3:]}{after}"


@patiently()
@given(st.text(max_size=60))
def test_masking_twice_hides_no_more_than_masking_once(text: str) -> None:
    assert mask(mask(text)) == mask(text)
