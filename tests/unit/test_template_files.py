"""Reading the files of templates: what they say is read, each mistake has its file and line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.problems import BadTemplates
from connectors.whatsapp.templates.reading import read_templates
from connectors.whatsapp.templates.requests import creation, looks_like
from passaparola.check_templates import check_templates, sound_templates
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_templates import SHIPPED, copy, declared, phone, quick, sentences, shipped, url

FILE = """\
sends: What a purchase brought.
category: utility
examples:
  points: 40
languages:
  en:
    header: Your points
    body: "We added {points:points} to your account."
    footer: Caffè Aurora
    buttons:
      - {quick_reply: My points, asks: check_points}
      - {url: Our menu, link: "https://example.com/"}
      - {phone: Call us, number: "+390612345678"}
"""


def write(folder: Path, text: str, name: str = "balance") -> Path:
    (folder / f"{name}.yml").write_text(text, "utf-8")
    return folder


def only(folder: Path) -> Declared:
    found, mistakes = read_templates(folder)
    assert mistakes == []
    (template,) = found
    return template


def test_a_file_is_read(tmp_path: Path) -> None:
    template = only(write(tmp_path, FILE))
    version = template.versions["en"]
    assert (template.name, template.category, template.sends) == ("balance", "utility", "What a purchase brought.")
    assert (version.header, version.footer) == ("Your points", "Caffè Aurora")
    assert [(button.kind, button.title) for button in version.buttons] == [
        ("quick_reply", "My points"), ("url", "Our menu"), ("phone", "Call us"),
    ]  # fmt: skip
    assert template.where(("languages", "en", "body")).endswith("balance.yml:8")


def test_a_picture_is_read(tmp_path: Path) -> None:
    text = FILE.replace("header: Your points", "header: {image: cup.jpg}")
    assert only(write(tmp_path, text)).versions["en"].image == "cup.jpg"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("sends: What a purchase brought.", "send: What", 1, "send: this key is not known here"),
        ("category: utility", "category: 5", 2, "category: needs a text"),
        ("  points: 40", "  - 40", 3, "examples: needs a mapping"),
        ("header: Your points", "heading: Your points", 7, "heading: this key is not known here"),
        ('body: "We added {points:points} to your account."', "body: ", 8, "body: is empty"),
        ("footer: Caffè Aurora", "footer: 7", 9, "footer: needs a text"),
        ("quick_reply: My points", "quick: My points", 11, "is a mapping with one of quick_reply"),
        (", asks: check_points", "", 11, "asks: is missing"),
        ('link: "https://example.com/"', "number: 5", 12, "number: this key is not known here"),
    ],
)
def test_a_mistake_has_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    found, mistakes = read_templates(write(tmp_path, FILE.replace(old, new)))
    assert found == []
    assert any(f"balance.yml:{line}: balance: {said}" in mistake for mistake in mistakes), mistakes


@pytest.mark.parametrize(
    "text", ["", "- a\n", "a: [\n", "just a text", "languages: [en]\n", "languages: {en: hello}\n"]
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    _, mistakes = read_templates(write(tmp_path, text))
    assert mistakes
    assert all("balance.yml:" in mistake and "programme" not in mistake for mistake in mistakes)


def test_the_check_says_file_and_line_of_what_whatsapp_refuses(tmp_path: Path) -> None:
    write(tmp_path, FILE.replace("We added {points:points}", "{points:points} were added"))
    mistakes = check_templates(tmp_path, sentences())
    assert f"{tmp_path}/balance.yml:8: balance: body: must not begin with a gap (Meta: 2388299)" in mistakes


def test_nothing_is_handed_in_of_a_folder_with_mistakes(tmp_path: Path) -> None:
    with pytest.raises(BadTemplates, match=r"mistakes in .*nothing was handed in"):
        sound_templates(write(tmp_path, FILE), sentences())


def test_one_can_be_named() -> None:
    assert [one.name for one in sound_templates(SHIPPED, sentences(), "birthday")] == ["birthday"]
    with pytest.raises(BadTemplates, match=r"there is no .*/nobody\.yml; there is: badge_reached, "):
        sound_templates(SHIPPED, sentences(), "nobody")


# ---- the request


def test_gaps_become_named_parameters_with_the_examples_as_customers_read_them() -> None:
    (template,) = [one for one in shipped() if one.name == "points_earned"]
    request = creation(template, template.versions["it"], sentences())
    body = request["components"][0]
    assert request["parameter_format"] == "NAMED"
    assert "*{{points}}* al tuo conto presso {{programme}}" in body["text"]
    assert body["example"] == {
        "body_text_named_params": [
            {"param_name": "points", "example": "40 punti"}, {"param_name": "programme", "example": "Caffè Aurora"},
            {"param_name": "available", "example": "240 punti"},
        ]
    }  # fmt: skip


def test_all_kinds_of_buttons_are_written_as_meta_wants_them() -> None:
    buttons = (quick(), url("https://x.it/{code}"), url("https://x.it/", "Menu"), phone(), copy("{code}"))
    template = declared(category="marketing", buttons=buttons, header="Hello", footer="Bye")
    request = creation(template, template.versions["en"], sentences())
    assert request["components"][0] == {"type": "HEADER", "format": "TEXT", "text": "Hello"}
    assert request["components"][3]["buttons"] == [
        {"type": "QUICK_REPLY", "text": "My points"},
        {"type": "URL", "text": "Our menu", "url": "https://x.it/{{1}}", "example": ["https://x.it/K7QX4M2P"]},
        {"type": "URL", "text": "Menu", "url": "https://x.it/"},
        {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+390612345678"},
        {"type": "COPY_CODE", "example": "K7QX4M2P"},
    ]


def test_what_meta_gives_back_is_recognised_whatever_its_spelling() -> None:
    template = declared(category="marketing", buttons=(quick(), phone(), copy()), header="Hello", image="")
    version = template.versions["en"]
    components = creation(template, version, sentences())["components"]
    components[2]["buttons"][1]["phone_number"] = "390612345678"
    components[2]["buttons"][2]["text"] = "Copy offer code"
    lower = [{**part, "type": part["type"].lower()} for part in reversed(components)]
    assert looks_like(version, lower)
    assert not looks_like(version, components[:2])
    assert not looks_like(version, None)
    components[1]["text"] += "!"
    assert not looks_like(version, components)


# ---- anything

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just("{x:points} a")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["en", "it", "body", "header", "image", "footer", "buttons", "quick_reply", "url", "asks"]),
            inner, max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@patiently(150)
@given(st.dictionaries(st.sampled_from(["sends", "category", "examples", "languages", "x"]), VALUES, max_size=5))
def test_no_file_upsets_the_reader(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    with (folder / "any.yml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(data, stream)
    for mistake in check_templates(folder, sentences()):
        assert mistake.startswith(f"{folder}/any.yml:")
