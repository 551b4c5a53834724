"""Filling templates: values are cleaned and cut until WhatsApp takes them; one line says what Meta refused."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.whatsapp.templates.problems import refusal
from conversation.errors import BadSentence
from conversation.messages.cutting import units
from conversation.messages.extras import Medium, Template
from conversation.saying.template_text import BODY, EMPTY, cleaned, fitted, gaps_of, put_in
from conversation.saying.templating import TemplateMessage, fill
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_templates import sentences

ODD = st.sampled_from(["\n", "\t", " ", "\r", "\u2028", "👩", "\u200d"])
TEXTS = st.lists(st.one_of(st.characters(exclude_categories=["Cs"]), ODD), max_size=400).map("".join)


@patiently(200)
@given(TEXTS)
def test_a_cleaned_value_is_what_whatsapp_takes(value: str) -> None:
    clean = cleaned(value)
    assert clean
    assert clean == clean.strip()
    assert not re.search(r"[\n\r\t]| {2,}", clean)
    assert cleaned(clean) == clean


@pytest.mark.parametrize("value", ["a\nb", "a\t\tb", "a     b", "  a b ", "a\0b"])
def test_values_are_cleaned(value: str) -> None:
    assert cleaned(value) == "a b"


@pytest.mark.parametrize("value", ["", " \n ", "\t"])
def test_a_value_is_never_empty(value: str) -> None:
    assert cleaned(value) == EMPTY


@patiently(200)
@given(st.lists(st.sampled_from(["{a}", "{b:points}", "word", "🎂"]), min_size=1, max_size=30), TEXTS, TEXTS)
def test_the_text_with_its_values_is_never_too_long(pieces: list[str], first: str, second: str) -> None:
    text = " ".join(pieces)
    values = {name: value for name, value in (("a", first * 5), ("b", second * 5)) if name in gaps_of(text)}
    fit = fitted(text, values)
    assert units(put_in(text, fit)) <= BODY
    assert fit.keys() == values.keys()
    assert all(fit.values())


def test_a_value_that_fits_is_left_as_it_is() -> None:
    assert fitted("You have {points:points}.", {"points": "40 points"}) == {"points": "40 points"}


# ---- filling

CONTENT = {
    "body": "Your code {code:code} at {programme} is good until {day:date}, as agreed.",
    "buttons": [
        {"kind": "quick_reply", "title": "My codes", "asks": "my_vouchers"},
        {"kind": "url", "title": "Menu", "link": "https://x.it/"},
        {"kind": "url", "title": "Code", "link": "https://x.it/{reward}"},
        {"kind": "copy_code", "title": "", "code": "{code:code}"},
        {"kind": "phone", "title": "Call", "number": "+390612345678"},
    ],
}
VALUES = {"code": "K7QX4M2P", "programme": "Caffè\nAurora", "day": "2026-12-31", "reward": "due caffè/tè", "more": 1}


def filled(content: Mapping[str, object], language: str = "it", **options: str) -> tuple[str, Template]:
    message = fill(TemplateMessage("x", language, "utility", content), sentences(), VALUES, **options)
    (extra,) = message.extras
    assert isinstance(extra, Template)
    return message.text, extra


def test_values_are_written_as_the_language_of_the_template_writes_them() -> None:
    text, template = filled(CONTENT)
    assert text == "Your code K7QX-4M2P at Caffè Aurora is good until 31 dicembre 2026, as agreed."
    assert template.parameters == {"code": "K7QX-4M2P", "programme": "Caffè Aurora", "day": "31 dicembre 2026"}
    assert (template.name, template.language, template.category) == ("x", "it", "utility")


def test_only_buttons_that_take_something_are_filled_at_their_places() -> None:
    _, template = filled(CONTENT)
    assert list(template.buttons) == [
        {"kind": "url", "index": 2, "value": "due%20caff%C3%A8%2Ft%C3%A8"},
        {"kind": "copy_code", "index": 3, "value": "K7QX-4M2P"},
    ]


def test_a_picture_is_put_in_where_the_template_has_one() -> None:
    content = {**CONTENT, "header": {"image": "cup.jpg"}}
    assert filled(content, image="https://x.it/cup.jpg")[1].header == Medium("image", "https://x.it/cup.jpg")
    assert filled(CONTENT, image="https://x.it/cup.jpg")[1].header is None
    with pytest.raises(BadSentence, match="needs the address of a picture"):
        filled(content)


@pytest.mark.parametrize("body", ["Hello {nobody} there", "Hello {programme:points} there", "Hello {more:money} you"])
def test_a_value_that_is_missing_or_of_another_kind_is_said(body: str) -> None:
    with pytest.raises(BadSentence, match="cannot be filled in"):
        filled({"body": body})


# ---- what Meta refuses


@pytest.mark.parametrize(
    ("status", "error", "said", "stops"),
    [
        (400, {"code": 100, "error_subcode": 2388299}, "begins or ends with a gap", False),
        (400, {"code": 100, "error_subcode": 2388293}, "too many gaps for so few words", False),
        (
            400,
            {"code": 100, "error_subcode": 2388040, "error_user_msg": "The footer."},
            "too long (Meta: The footer.)",
            False,
        ),
        (400, {"code": 100, "error_subcode": 2388019}, "delete some", False),
        (400, {"code": 100, "message": "(#100) Odd\nthing"}, "(#100) Odd thing [100]", False),
        (400, {"code": 190, "message": "x"}, "renew WHATSAPP_ACCESS_TOKEN (Meta: x) [190]", True),
        (403, {"code": 10}, "whatsapp_business_management", True),
        (403, {"code": 200}, "error 200", True),
        (400, {"code": 80007}, "in an hour", True),
        (429, {}, "in an hour", True),
        (500, {"code": 1}, "does not work at the moment", True),
        (400, {"code": "odd", "error_subcode": True, "error_data": 5}, "error None", False),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    status: int, error: dict[str, object], said: str, stops: bool
) -> None:
    refused = refusal(status, {"error": error})
    assert said in str(refused)
    assert "\n" not in str(refused)
    assert refused.stops is stops


@pytest.mark.parametrize("answer", [None, [], {}, {"error": "x"}, "x"])
def test_an_answer_that_is_none_is_said(answer: object) -> None:
    assert str(refusal(502, answer)) == "the Graph API answered 502 and nothing of use; try again later"
