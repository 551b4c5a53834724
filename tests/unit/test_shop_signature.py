"""Signatures of shops, numbers and phones as they send them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from service.shops.errors import Unreadable
from service.shops.phones import country_of, read_phone
from service.shops.reading import amount, identifier, moment, read_object, text
from service.shops.signature import is_signed, secrets_of, unescaped
from tests.shop_fixtures import signature

KEY, OTHER = "shpss_0123456789abcdef", "shpss_fedcba9876543210"
BODY = '{"id": 1, "note": "crème"}'.encode()


def test_a_signature_is_of_exactly_these_bytes_by_one_of_the_keys() -> None:
    keys = [KEY.encode(), OTHER.encode()]
    assert is_signed(keys, BODY, signature(KEY, BODY))
    assert is_signed(keys, BODY, f" {signature(OTHER, BODY)} ")
    assert not is_signed(keys, BODY + b" ", signature(KEY, BODY))
    assert not is_signed(keys, BODY, signature("somebody else's", BODY))
    for given in (None, "", "é", "\udcff", "=", signature(KEY, BODY)[:-1]):
        assert not is_signed(keys, BODY, given)
    assert not is_signed([], BODY, signature("", BODY))


@pytest.mark.parametrize(
    ("setting", "secrets"),
    [
        ("", ()),
        ("  ", ()),
        (f" {KEY} ", (KEY,)),
        (f"{KEY},{OTHER}", (f"{KEY},{OTHER}", KEY, OTHER)),
        ("a,0123456789abcdef", ("a,0123456789abcdef",)),  # a short part must not become a key that can be guessed
        (f"{KEY},", (f"{KEY},",)),
    ],
)
def test_a_setting_names_one_secret_or_several(setting: str, secrets: tuple[str, ...]) -> None:
    assert secrets_of(setting) == secrets


@pytest.mark.parametrize(
    ("kept", "meant"),
    [
        ("a&amp;b", "a&b"),
        ("&lt;&gt;&quot;&#039;&#39;&#x27;&#X27;&#034;&#38;", "<>\"''''\"&"),
        ("&amp;lt;", "&lt;"),  # once, not again and again
        ("&nbsp;&eacute;&#64;&AMP;", "&nbsp;&eacute;&#64;&AMP;"),
    ],
)
def test_a_secret_is_unescaped_as_wordpress_does(kept: str, meant: str) -> None:
    assert unescaped(kept) == meant


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'"x"',
        b"null",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"\xff{}",
        b'{"a":' * 100_000,
        b"1" * 9000,
    ],
)
def test_what_is_no_json_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_object(body)


def test_ids_stay_whole_and_money_exact() -> None:
    body = read_object(
        b'{"id": 9007199254740993, "a": 10.10, "b": "10.10", "c": 1e400, "id2": "gid://shopify/Order/7"}'
    )
    assert identifier(body) == "9007199254740993"
    assert identifier(body, "id2") == "7"
    assert amount(body["a"]) == amount(body["b"]) == Decimal("10.10")
    assert amount(body["c"]) is None
    no_money: list[object] = [None, True, "", "x", [], {}, "NaN", "1e99", "9" * 50]
    assert [amount(one) for one in no_money] == [None] * 9
    no_ids: list[object] = [None, True, 0, -1, "0", "", [], "é", "x" * 65]
    assert [identifier({"id": one}) for one in no_ids] == [None] * 9
    assert text({"a": "  ", "b": " x\0 "}, "a", "b") == "x"


def test_times_have_an_offset_or_are_told_in_utc() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert moment("2026-11-20T13:00:00+01:00") == moment("2026-11-20T12:00:00Z") == noon
    assert moment("2026-11-20T12:00:00") is None
    assert moment("2026-11-20T12:00:00", utc=True) == noon
    assert [moment(one) for one in (None, 1, "", "soon", "0001-01-01T00:00:00+14:00")] == [None] * 5


@pytest.mark.parametrize(
    ("typed", "countries", "phone"),
    [
        ("333 123 4567", ["IT"], "+393331234567"),
        ("333-123.45.67 (mobile)", ["it"], "+393331234567"),
        ("tel. +39 333 1234567", [], "+393331234567"),
        ("0039 333 1234567", ["IT"], "+393331234567"),
        ("0039 333 1234567", [], "+393331234567"),
        ("(202) 555-0143", ["US"], "+12025550143"),
        ("333 123 4567", ["US", "IT"], "+393331234567"),
        ("06 1234 5678", [None, "", "Italy", "IT"], "+390612345678"),
        ("333 123 4567", [], None),
        ("12", ["IT"], None),
        ("ask my husband", ["IT"], None),
        ("", ["IT"], None),
        (None, ["IT"], None),
    ],
)
def test_a_phone_is_read_as_people_type_it(typed: str | None, countries: list[str | None], phone: str | None) -> None:
    found = read_phone(typed, countries)
    assert (found and found.value) == phone


def test_the_country_of_a_number_is_known() -> None:
    assert (country_of("+390612345678"), country_of("nonsense")) == ("IT", None)
