"""What Meta would refuse in a template is found before; what passes is taken by the stand-in, a judge of its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.whatsapp.templates.checks import check_all, check_template
from connectors.whatsapp.templates.declared import Button, Declared
from connectors.whatsapp.templates.requests import creation
from loyalty.programme import LANGUAGES
from simulator.template_rules import check_creation
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_templates import BODY, EXAMPLES, copy, declared, phone, quick, sentences, shipped, url


def findings(template: Declared, **options: Any) -> list[str]:
    return [said for _, said in check_template(template, sentences(), **options)]


GOOD = {
    "plain": declared(body="Thank you for being with us."),
    "with gaps": declared(),
    "the longest body": declared(body="x" * 1024),
    "the longest header and footer": declared(header="h" * 60, footer="f" * 60),
    "emoji in body and footer": declared(body="Hello 🎂 there", footer="Bye 👋"),
    "a line break": declared(body="Hello\n\nthere"),
    "all kinds of buttons": declared(
        category="marketing", buttons=(quick(), url(), url("https://example.com/{programme}", "Shop"), phone(), copy())
    ),
    "ten quick replies": declared(buttons=tuple(quick(f"Choice {number}") for number in range(10))),
    "the longest title": declared(buttons=(quick("t" * 25),)),
    "a picture": declared(image="picture.jpg"),
    "a longer name": declared(name="points_2026"),
    "just enough words": declared(body="Now {points:points} are yours"),
    "gaps with a sign between": declared(body="Now at {programme}: {points:points}. This is your balance."),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_meta_takes_has_no_findings(name: str) -> None:
    assert findings(GOOD[name]) == []


BAD: dict[str, tuple[Declared, str]] = {
    "a name with a capital": (declared(name="Balance"), "the file's name"),
    "a name with a dash": (declared(name="my-balance"), "the file's name"),
    "a name that is too long": (declared(name="n" * 513), "the file's name"),
    "another category": (declared(category="news"), "category: is one of"),
    "authentication": (declared(category="authentication"), "fixed text"),
    "a header that is too long": (declared(header="h" * 61), "header: is 61"),
    "a header with an emoji": (declared(header="Hello 🎂"), "header: has no emoji"),
    "a header with marks": (declared(header="*Hello*"), "header: has no emoji"),
    "a header with a gap": (declared(header="Hello {name}"), "header: has no gaps"),
    "a footer that is too long": (declared(footer="f" * 61), "footer: is 61"),
    "a footer with a gap": (declared(footer="at {programme}"), "footer: has no gaps"),
    "a footer of two lines": (declared(footer="a\nb"), "footer: stands on one line"),
    "a body that is too long": (declared(body="x" * 1025), "body: is 1025"),
    "emoji count twice": (declared(body="🎂" * 513), "body: is 1026"),
    "a gap at the beginning": (declared(body="{points:points} are on your account now"), "begin with a gap"),
    "marks and a gap at the beginning": (declared(body="*{points:points}* are on your account"), "begin with a gap"),
    "a gap at the end": (declared(body="Now you have a balance of {points:points}"), "end with a gap"),
    "a gap and a full stop at the end": (declared(body="Now you have a balance of {points:points}."), "end with a gap"),
    "two gaps side by side": (declared(body="See what {programme} {points:points} means to you today"), "between them"),
    "too few words": (declared(body="Now {points:points} yours"), "has 2 words for 1 gaps, it needs 3"),
    "a gap twice": (declared(body="At {programme} we say that {programme} is good for you"), "stands in it twice"),
    "a gap with a capital": (declared(body="You now have {Points} on your account"), "a gap is {name}"),
    "a gap with a digit": (declared(body="You now have {points1} on your account"), "a gap is {name}"),
    "a brace that is none": (declared(body="You now have } on your account"), "a gap is {name}"),
    "an unknown way to write": (declared(body="You now have {points:coins} on your account"), "after the colon"),
    "three line breaks": (declared(body="At\n\n\n{programme} you are so welcome"), "more than two line breaks"),
    "no example": (declared(examples={"points": 40}), "programme has none for en"),
    "no example in a language": (declared(examples={**EXAMPLES, "programme": {"en": "x"}}), "none for it"),
    "an example that is no number": (declared(examples={**EXAMPLES, "points": "many"}), "needs a whole number"),
    "an example that is no text": (declared(examples={**EXAMPLES, "programme": 7}), "needs a text"),
    "an example that is no day": (
        declared(body="It ends on {day:date} for all of us", examples={"day": "soon"}), "needs a day",
    ),
    "an example that is no amount": (
        declared(body="It costs {sum:money} for all of us", examples={"sum": 6.4}), "needs an amount",
    ),
    "an example that makes it too long": (
        declared(examples={**EXAMPLES, "programme": "x" * 1000}), "with its examples it is longer",
    ),
    "eleven quick replies": (declared(buttons=tuple(quick(f"Choice {n}") for n in range(11))), "there are 11"),
    "three addresses": (declared(buttons=tuple(url(title=f"Page {n}") for n in range(3))), "3 of url"),
    "two phones": (declared(buttons=(phone(), phone(title="Call again"))), "2 of phone"),
    "two codes": (declared(category="marketing", buttons=(copy(), copy())), "2 of copy_code"),
    "groups that mix": (declared(buttons=(quick(), url(), quick("Other"))), "stand together"),
    "quick replies behind": (declared(buttons=(url(), quick())), "stand together"),
    "two equal titles": (declared(buttons=(quick("Go"), quick("go"))), "same title"),
    "a title that is too long": (declared(buttons=(quick("t" * 26),)), "title is 26"),
    "an empty title": (declared(buttons=(quick(" "),)), "its title is empty"),
    "a title with an emoji": (declared(buttons=(quick("Go 🎂"),)), "its title has no"),
    "a title with a gap": (declared(buttons=(quick("Go {name}"),)), "its title has no"),
    "a number that is none": (declared(buttons=(phone("06 123"),)), "number: is a phone number"),
    "no address": (declared(buttons=(url("example.com"),)), "link: is an address"),
    "a gap inside an address": (declared(buttons=(url("https://example.com/{code}/x"),)), "link: is an address"),
    "two gaps in an address": (declared(buttons=(url("https://example.com/{code}{day}"),)), "link: is an address"),
    "a gap with a way to write": (declared(buttons=(url("https://example.com/{code:code}"),)), "its name alone"),
    "an address that is too long": (declared(buttons=(url("https://example.com/" + "x" * 1981),)), "link: is 2001"),
    "a code in a utility template": (declared(buttons=(copy(),)), "only marketing templates"),
    "a code that is no gap": (declared(category="marketing", buttons=(copy("SUMMER"),)), "names the gap"),
    "a code that is too long": (
        declared(category="marketing", buttons=(copy(),), examples={**EXAMPLES, "code": "x" * 16}), "at most 15",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_meta_refuses_is_found(name: str) -> None:
    template, said = BAD[name]
    assert any(said in finding for finding in findings(template)), findings(template)


def test_a_quick_reply_asks_what_the_domain_knows() -> None:
    template = declared(buttons=(quick(asks="order_pizza"),))
    assert "button 1: asks: order_pizza is no intent of domain.yml" in findings(template, asks={"check_points"})
    assert findings(declared(buttons=(quick(),)), asks={"check_points"}) == []


def test_every_language_has_the_same_gaps_and_buttons() -> None:
    other = declared(body="Welcome to {programme} and to us", buttons=(quick(),), header="Hi")
    template = declared()
    mixed = Declared(
        "mixed", "utility", "A test.", EXAMPLES,
        {**template.versions, "it": other.versions["it"]}, template.file, template.document,
    )  # fmt: skip
    first = LANGUAGES[0]
    assert {said for said in findings(mixed) if said.startswith("has other")} == {
        f"has other {what} in it than in {first}" for what in ("gaps", "buttons", "header")
    }


def test_a_missing_language_is_found_and_one_that_is_none() -> None:
    template = declared()
    versions = {language: one for language, one in template.versions.items() if language != "ar"}
    without = Declared("b", "utility", "-", EXAMPLES, versions, template.file, template.document)
    assert findings(without) == ["is missing in ar"]
    more = {**template.versions, "de": template.versions["en"]}
    strange = Declared("b", "utility", "-", EXAMPLES, more, template.file, template.document)
    assert any(said.startswith("de is no language of ours") for said in findings(strange))


def test_two_templates_do_not_say_the_same() -> None:
    found = check_all([declared("one"), declared("two")], sentences())
    assert len(found) == len(LANGUAGES)
    assert found[0].startswith("two.yml:1: two: says the same as one in")
    assert check_all([declared("one"), declared("two", footer="Bye")], sentences()) == []


# ---- the shipped ones


@pytest.mark.parametrize("template", shipped(), ids=lambda template: template.name)
def test_the_shipped_templates_are_taken_by_the_stand_in(template: Declared) -> None:
    assert findings(template) == []
    for version in template.versions.values():
        check_creation(creation(template, version, sentences()))


def test_the_shipped_templates_have_the_categories_of_metas_examples() -> None:
    by_category: dict[str, set[str]] = {}
    for template in shipped():
        by_category.setdefault(template.category, set()).add(template.name)
    assert by_category == {
        "utility": {
            "welcome", "points_earned", "points_pending", "points_taken_back", "points_expiring", "voucher_issued",
            "voucher_given", "voucher_expiring", "referral_joined", "referral_rewarded", "level_reached",
            "badge_reached", "goal_reached",
        },
        "marketing": {
            "birthday", "birthday_wishes", "we_miss_you", "new_challenge", "challenge_nearly_done",
            "referral_invitation",
        },
    }  # fmt: skip


def test_every_marketing_template_has_a_way_out() -> None:
    for template in shipped():
        asked = {button.asks for version in template.versions.values() for button in version.buttons}
        assert ("opt_out" in asked) == (template.category == "marketing"), template.name


# ---- anything

PIECES = ["Hello", "your", "balance", "punti", "نقاط", "🎂", "\n", "\n\n", "  ", ".", ":", "*", "x" * 200, "-"]
GAPS = ["{points:points}", "{programme}", "{day:date}", "{code:code}"]
BRACES = ["{", "}", "{x}", "{Points}"]
WORDS = st.sampled_from([*PIECES, *PIECES, *GAPS, *BRACES])
GOOD_PIECES = st.lists(st.sampled_from(PIECES[:7]), min_size=1, max_size=5)
BODIES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=12).map(" ".join),
    st.lists(WORDS, min_size=1, max_size=8).map("".join),
    st.tuples(GOOD_PIECES, st.sampled_from(GAPS), GOOD_PIECES, st.sampled_from(GAPS), GOOD_PIECES).map(
        lambda parts: " ".join(" ".join(part) if isinstance(part, list) else part for part in parts)
    ),
    st.lists(st.sampled_from(PIECES[:7]), min_size=1, max_size=9).map(
        lambda words: f"Hello your {{points:points}} {' '.join(words)} and this is it"
    ),
)
LINKS = ["https://x.it/", "https://x.it/{code}", "http://{x}", "x"]
BUTTONS = st.lists(
    st.one_of(
        st.builds(quick, st.sampled_from(["A", "B", "t" * 25, "t" * 26, "", "Go 🎂"])),
        st.builds(url, st.sampled_from(LINKS), st.sampled_from("PQ")),
        st.builds(phone, st.sampled_from(["+390612345678", "06"])),
        st.just(copy()),
    ),
    max_size=3,
)
HEADERS = st.sampled_from(["", "", "", "Hi", "h" * 60, "h" * 61, "{x}"])


@patiently(400)
@given(BODIES, HEADERS, HEADERS, BUTTONS, st.sampled_from(["utility", "marketing"]))
def test_the_stand_in_takes_whatever_has_no_findings(
    body: str, header: str, footer: str, buttons: list[Button], category: str
) -> None:
    template = declared(category=category, body=body, header=header, footer=footer, buttons=tuple(buttons))
    if not findings(template) and body.strip():
        for version in template.versions.values():
            check_creation(creation(template, version, sentences()))


@patiently(200)
@given(st.text(max_size=80).map(lambda text: f"{BODY} {text}"), st.text(max_size=70))
def test_no_text_upsets_the_checker(body: str, footer: str) -> None:
    findings(declared(body=body, footer=footer, header=footer, buttons=(quick(footer), url(f"https://x.it/{footer}"))))
