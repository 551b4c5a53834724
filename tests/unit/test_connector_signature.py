"""The signature of a webhook."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.whatsapp.signature import is_signed, sign
from tests.unit.helpers_hypothesis import patiently

SECRET = "0f3a-app-secret"
BODY = '{"text":"caffè 👍 / @"}'.encode()


def test_what_was_signed_with_the_secret_is_accepted() -> None:
    assert is_signed(SECRET, BODY, sign(SECRET, BODY))


def test_the_signature_is_hmac_sha256_of_the_body_in_hexadecimal() -> None:
    expected = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, BODY) == f"sha256={expected}"
    # RFC 4231, test case 2
    assert sign("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@pytest.mark.parametrize("header", [None, "", "sha256=", "sha256", "=", " "])
def test_a_missing_or_empty_signature_is_refused(header: str | None) -> None:
    assert not is_signed(SECRET, BODY, header)


def test_the_bare_digest_another_scheme_and_upper_case_are_refused() -> None:
    right = sign(SECRET, BODY)
    for header in (right.removeprefix("sha256="), right.replace("sha256", "sha1"), right.upper(), f" {right}"):
        assert not is_signed(SECRET, BODY, header)


@pytest.mark.parametrize("place", [0, 7, 40, -1])
def test_one_wrong_sign_is_refused(place: int) -> None:
    signs = list(sign(SECRET, BODY))
    signs[place] = "0" if signs[place] != "0" else "1"
    assert not is_signed(SECRET, BODY, "".join(signs))


def test_a_signature_with_another_secret_is_refused() -> None:
    assert not is_signed(SECRET, BODY, sign("another secret", BODY))


def test_the_raw_bytes_count_and_not_the_json_they_mean() -> None:
    escaped = b'{"text":"caff\\u00e8 \\ud83d\\udc4d \\/ @"}'
    assert not is_signed(SECRET, escaped, sign(SECRET, BODY))
    assert is_signed(SECRET, escaped, sign(SECRET, escaped))
    assert not is_signed(SECRET, BODY + b"\n", sign(SECRET, BODY))


@pytest.mark.parametrize("header", ["sha256=é", "sha256=" + "٣" * 64, "\ud800", "sha256=\udcff\udc80", "\U0001f44d"])
def test_a_header_that_is_not_ascii_is_refused_like_any_other(header: str) -> None:
    assert not is_signed(SECRET, BODY, header)


@patiently()
@given(header=st.text(st.characters()) | st.none(), body=st.binary(max_size=50))
def test_no_header_whatever_makes_the_check_raise(header: str | None, body: bytes) -> None:
    assert not is_signed(SECRET, body, header)


@patiently()
@given(secret=st.text(min_size=1, max_size=40), body=st.binary(max_size=200), extra=st.binary(min_size=1, max_size=5))
def test_every_body_has_a_signature_of_its_own(secret: str, body: bytes, extra: bytes) -> None:
    assert is_signed(secret, body, sign(secret, body))
    assert not is_signed(secret, body + extra, sign(secret, body))
