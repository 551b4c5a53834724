"""A member's invitation: link, message, QR code, and what a programme file may say in it."""

import struct
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from loyalty.programme import LANGUAGES, Programme
from loyalty.referral.sharing import Share, share
from loyalty.rules.referral import ReferralRule
from loyalty.tables import Member

URL = "https://aurora.example/"
MEMBER = Member(id="1", programme_id="cafe", referral_code="K7QX4M2P", created_at=datetime(2026, 11, 1, tzinfo=UTC))


def with_message(cafe: Programme, text: str) -> Programme:
    rule = {**cafe.referral.model_dump(), "message": dict.fromkeys(LANGUAGES, text)}
    return cafe.model_copy(update={"referral": ReferralRule.model_validate(rule)})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_message_with_the_link(cafe: Programme, language: str) -> None:
    made = share(cafe, MEMBER, URL, language)  # type: ignore[arg-type]  # one of the languages
    assert (made.code, made.link) == ("K7QX-4M2P", "https://aurora.example/r/K7QX4M2P")
    assert made.link in made.message
    assert cafe.name in made.message
    assert "{" not in made.message


def test_languages_differ(cafe: Programme) -> None:
    assert len({share(cafe, MEMBER, URL, language).message for language in LANGUAGES}) == len(LANGUAGES)


def test_a_programme_has_a_message_of_its_own(cafe: Programme) -> None:
    programme = with_message(cafe, "{{10 %}} off at {programme} with {code}!")
    assert share(programme, MEMBER, URL, "en").message == f"{{10 %}} off at {cafe.name} with K7QX-4M2P!"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Come to {programme}!", "neither"),
        ("{link} {nobody}", "{nobody}"),
        ("{link.__class__}", "{link.__class__}"),
        ("{link!r}", "{link!r}"),
        ("{link:>999999999}", "{link:>999999999}"),
        ("{link} {}", "{}"),
        ("{link} {", "brace"),
        ("{link} }", "brace"),
    ],
)
def test_a_message_that_cannot_be_filled_in_is_a_mistake_of_the_file(cafe: Programme, text: str, said: str) -> None:
    with pytest.raises(ValidationError) as mistake:
        with_message(cafe, text)
    assert said in str(mistake.value)


def test_the_qr_code_is_a_picture_of_the_link() -> None:
    one, other = (Share("", f"https://aurora.example/r/{code}", "") for code in ("K7QX4M2P", "K7QX4M2R"))
    svg = ElementTree.fromstring(one.svg())
    assert svg.tag == "svg"
    assert set(svg.attrib) == {"viewBox", "class"}
    assert one.svg() == one.svg() != other.svg()
    png = one.png()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert width == height == 10 * int(svg.attrib["viewBox"].split()[-1])
    assert png != other.png()
