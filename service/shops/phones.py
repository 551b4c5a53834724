"""Phones as people type them into a checkout, made international."""

import re
from collections.abc import Iterable

import phonenumbers

from loyalty.errors import Invalid
from loyalty.people.identities import Ref

_LIKE_A_PHONE = re.compile(r"(?:\+|00)?[0-9(][0-9\s().\-/–]{4,30}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


def read_phone(typed: str | None, countries: Iterable[str | None]) -> Ref | None:
    """The phone in a text, by the first country in which it is one; None if it is nobody's number for certain.

    `countries` are two-letter codes, such as that of the order's address; those that are none are passed over.
    """
    found = _LIKE_A_PHONE.search((typed or "")[:100].replace("\N{NO-BREAK SPACE}", " "))
    if found is None:
        return None
    number = found.group()
    regions = [code.upper() for code in countries if code and _COUNTRY.fullmatch(code)]
    ways: list[tuple[str, str | None]] = [(number, region) for region in regions]
    if number.startswith("+"):
        ways = [(number, None)]
    elif number.startswith("00"):
        ways = [(f"+{number[2:]}", None), *ways]
    for written, region in ways:
        try:
            parsed = phonenumbers.parse(written, region)
            # What names its country need only be possible; what we add a country to has to be a number there.
            certain = phonenumbers.is_possible_number if region is None else phonenumbers.is_valid_number
            if certain(parsed):
                return Ref.phone(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
        except (phonenumbers.NumberParseException, Invalid):
            continue
    return None


def country_of(phone: str) -> str | None:
    """The two-letter code of the country of an international number."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
