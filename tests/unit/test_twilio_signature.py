"""Twilio's signature: the same as Twilio's own library makes, and nothing else passes."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it has no types

from connectors.twilio.signature import is_signed, read_form, sign
from tests.unit.helpers_hypothesis import patiently

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"), ("From", "+12349013030"),
    ("To", "+18005551212"),
]  # fmt: skip
SIGNED = "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
"""Twilio's example."""
TEXT = st.characters(codec="utf-8")
FORMS = st.dictionaries(st.text(TEXT, min_size=1, max_size=20), st.text(TEXT, max_size=50), max_size=20)


def test_twilios_own_example_is_signed_so() -> None:
    assert sign(TOKEN, URL, FORM) == SIGNED
    assert is_signed(TOKEN, URL, FORM, SIGNED)


@patiently()
@given(FORMS)
def test_it_is_what_twilios_library_makes_of_what_was_posted(form: dict[str, str]) -> None:
    posted = read_form(urlencode(form).encode())
    signature = RequestValidator(TOKEN).compute_signature(URL, form)
    assert is_signed(TOKEN, URL, posted, signature)
    assert not is_signed(TOKEN + "6", URL, posted, signature)
    assert not is_signed(TOKEN, URL + "3", posted, signature)
    assert not is_signed(TOKEN, URL, [*posted, ("X", "1")], signature)


def test_a_name_that_comes_twice_counts_with_each_value_once() -> None:
    class Twice(dict[str, list[str]]):
        def getlist(self, name: str) -> list[str]:
            return self[name]

    signature = RequestValidator(TOKEN).compute_signature(URL, Twice(A=["2", "1", "2"], B=[""]))
    assert is_signed(TOKEN, URL, [("A", "2"), ("B", ""), ("A", "1"), ("A", "2")], signature)


@pytest.mark.parametrize(
    ("called", "seen"),
    [
        ("https://chat.example:443/status?outbox=1", "https://chat.example/status?outbox=1"),
        ("https://chat.example/a", "https://chat.example:443/a"),
        ("http://chat.example:80/a", "http://chat.example/a"),
        ("http://[::1]:5005/a", "http://[::1]:5005/a"),
    ],
)
def test_the_port_may_be_written_or_not(called: str, seen: str) -> None:
    assert is_signed(TOKEN, seen, FORM, sign(TOKEN, called, FORM))


@pytest.mark.parametrize("header", [None, "", "é", "\udcff", SIGNED[:-1], SIGNED + "=", SIGNED.lower()])
def test_any_other_header_is_no_signature(header: str | None) -> None:
    assert not is_signed(TOKEN, URL, FORM, header)


@pytest.mark.parametrize("url", ["", "//", "http://", "http://a:b/", "ftp://a/"])
def test_a_strange_address_is_signed_as_it_is(url: str) -> None:
    assert is_signed(TOKEN, url, FORM, sign(TOKEN, url, FORM))


@patiently()
@given(st.binary(max_size=2000))
def test_no_body_makes_reading_fail_but_for_one_with_too_many_fields(body: bytes) -> None:
    try:
        assert all(isinstance(name, str) for name, _ in read_form(body))
    except ValueError:
        assert body.count(b"&") > 400


def test_a_body_with_a_million_fields_is_none() -> None:
    with pytest.raises(ValueError, match="fields"):
        read_form(b"a=1&" * 100_000)
