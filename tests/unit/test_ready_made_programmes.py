"""The ready-made programmes: sound, complete in all five languages, and what they promise is what their rules say."""

import json
import re
from contextlib import chdir
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from conversation.messages.layout import WHATSAPP, units
from loyalty.files.advice import advise
from loyalty.files.reading import programme_files, read_file, read_programme, read_programmes
from loyalty.files.schema import DRAFT, schema, schema_text
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.rules.parts import Gift
from passaparola.__main__ import cli
from passaparola.demo import Addresses, children
from passaparola.errors import CommandError
from passaparola.reference import REFERENCE, SCHEMA, renewed, write
from passaparola.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = programme_files(ROOT / "programmes")
TODAY = date(2026, 11, 21)
WHAT_THEY_ARE = {
    "beauty", "cafe", "fashion", "gym", "mealbox", "restaurant", "skincare", "travel", "trivia",
}  # fmt: skip
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))


def test_there_is_one_of_each_kind_and_the_folder_can_be_used_as_it_is() -> None:
    programmes = read_programmes(ROOT / "programmes")
    assert set(programmes) == WHAT_THEY_ARE
    assert {programme.language for programme in programmes.values()} == set(LANGUAGES)
    assert len({programme.name for programme in programmes.values()}) == len(programmes)


@each_file
def test_it_says_first_what_editors_need_and_then_what_it_shows(file: Path) -> None:
    first, second, *_ = file.read_text("utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"
    assert re.match(r"# .{20,}\.$", second)


@each_file
def test_editors_find_it_right(file: Path) -> None:
    found = Draft202012Validator(schema()).iter_errors(read_file(file).document.data)
    assert [f"{error.json_path}: {error.message}" for error in found] == []


@each_file
def test_nothing_in_it_is_useless_or_dangerous(file: Path) -> None:
    assert list(advise(read_programme(file), TODAY)) == []


@each_file
def test_it_has_all_texts_in_all_languages_and_they_fit_into_a_list(file: Path) -> None:
    programme = read_programme(file)
    assert programme.languages == LANGUAGES
    for reward in programme.rewards:
        for language in LANGUAGES:
            assert units(reward.name[language]) <= WHATSAPP.row_title, reward.name[language]
            assert units((reward.detail or reward.name)[language]) <= WHATSAPP.row_detail
    for quiz in programme.games.quizzes:
        for question in quiz.questions:
            assert len({answer["en"] for answer in question.answers}) == len(question.answers)
            assert all(
                units(answer[language]) <= WHATSAPP.row_title for answer in question.answers for language in LANGUAGES
            )


@each_file
def test_arabic_is_written_in_arabic_and_the_others_are_not(file: Path) -> None:
    for texts in _texts(read_file(file).document.data):
        arabic = bool(re.search(r"[\u0600-\u06ff]", texts["ar"]))
        assert arabic or re.fullmatch(r"[\w\s.,-]*", texts["ar"]), texts
        assert not any(re.search(r"[\u0600-\u06ff]", texts[language]) for language in ("en", "it", "es", "fr")), texts


def _texts(part: object) -> list[dict[Language, str]]:
    if isinstance(part, dict):
        if part.keys() == set(LANGUAGES):
            return [{language: text if isinstance(text, str) else " ".join(text) for language, text in part.items()}]
        return [text for inner in part.values() for text in _texts(inner)]
    return [text for inner in part for text in _texts(inner)] if isinstance(part, list) else []


@each_file
def test_its_contact_and_phone_are_made_up(file: Path) -> None:
    programme = read_programme(file)
    assert all(re.search(r"@\w+\.example", programme.contact[language]) for language in LANGUAGES)
    assert "555" in programme.whatsapp.phone or programme.whatsapp.phone in {
        "+390612345678", "+33465710123", "+442079460123",  # numbers set aside for fiction, and the café's of old
    }  # fmt: skip


@each_file
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_terms_of_bringing_friends_say_what_the_rules_do(file: Path, language: Language) -> None:
    programme = read_programme(file)
    rule = programme.referral
    said = {int(number) for number in re.findall(r"\d+", rule.terms[language])}
    pending = rule.pending_days if rule.pending_days is not None else programme.earning.purchase.pending_days
    promised = {int(rule.minimum), rule.window_days, rule.a_month, *_numbers(programme, rule.referrer, rule.friend)}
    known = promised | {pending, rule.order}
    assert promised <= said
    assert said <= known, "a number that no rule has"
    assert pending == 0 or pending in said
    assert rule.on == "order"


def _numbers(programme: Programme, *gifts: Gift | None) -> set[int]:
    """The numbers a gift is told by."""
    found = set()
    for gift in gifts:
        assert gift is not None
        reward = programme.reward(gift.reward) if gift.reward is not None else None
        found |= {gift.points} - {0}
        found |= {int(reward.value)} if reward is not None and reward.value is not None else set()
    return found


def test_they_show_what_the_model_can_do() -> None:
    programmes = read_programmes(ROOT / "programmes").values()
    measures = {measure.partition(":")[0] for programme in programmes for _, measure in programme.measures()}
    assert measures == {"points", "spend", "orders", "referrals", "quizzes", "subscription_months", "activity"}
    assert {reward.kind for one in programmes for reward in one.rewards} == {
        "product", "percentage", "amount", "experience",
    }  # fmt: skip
    assert [one.id for one in programmes if one.games.wheel is not None and not one.games.wheel.chance] == [
        "cafe", "travel",
    ]  # fmt: skip
    assert not any(one.games.wheel.chance for one in programmes if one.games.wheel is not None)


def test_the_wheel_that_is_off_would_work_if_it_were_switched_on(tmp_path: Path) -> None:
    text = (ROOT / "programmes" / "fashion.yml").read_text("utf-8")
    begin = text.index("# games:")
    file = tmp_path / "fashion.yml"
    file.write_text(text[:begin] + re.sub(r"(?m)^# ?", "", text[begin:]), "utf-8")
    programme = read_programme(file)
    assert programme.games.wheel is not None
    assert not programme.games.wheel.chance
    assert list(advise(programme, TODAY)) == []


@each_file
def test_the_demo_puts_its_customers_before_the_programmes_own_number(file: Path) -> None:
    settings = Settings(_env_file=None, phone_number_id="99999", programme=file)
    programme = read_programme(file)
    simulator = children(settings, Addresses("127.0.0.1", 1, 2, 3), programme, [])[0]
    config = json.loads(simulator.environment["PASSAPAROLA_SIMULATOR"])
    assert config["phone_number_id"] == (programme.whatsapp.phone_number_id or "99999")
    assert config["currency"] == programme.currency


# ---- what is made of the model


def test_the_schema_that_is_shipped_is_the_models() -> None:
    assert (ROOT / SCHEMA).read_text("utf-8") == schema_text(), "run `passaparola schema`"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == DRAFT


def test_every_key_is_explained() -> None:
    for name, part in {"Programme": schema(), **schema()["$defs"]}.items():
        assert part["description"]
        if name != "Texts":
            for key, value in part["properties"].items():
                assert len(value["description"]) > 8, f"{name}.{key}: write what it says under the attribute"


def test_the_reference_has_every_key_as_the_model_has_it() -> None:
    text = (ROOT / REFERENCE).read_text("utf-8")
    assert renewed(text) == text, "run `passaparola schema`"
    for name, part in {"Programme": schema(), **schema()["$defs"]}.items():
        if name != "Texts":
            section = text.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
            assert all(f"| `{key}` |" in section for key in part["properties"]), name


def test_the_reference_names_every_file_and_what_it_shows() -> None:
    text = (ROOT / REFERENCE).read_text("utf-8")
    assert all(f"[{file.name}](../programmes/{file.name})" in text for file in FILES)


def test_schema_and_reference_are_written_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "programmes").mkdir()
    assert write(tmp_path) == [tmp_path / SCHEMA]
    (tmp_path / "docs").mkdir()
    (tmp_path / REFERENCE).write_text("# Mine\n", "utf-8")
    assert write(tmp_path) == [tmp_path / SCHEMA, tmp_path / REFERENCE]
    assert (tmp_path / REFERENCE).read_text("utf-8").startswith("# Mine\n")
    assert "### Reward" in (tmp_path / REFERENCE).read_text("utf-8")


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "programmes").mkdir()
    (tmp_path / "config.yml").touch()
    with chdir(tmp_path):
        result = CliRunner().invoke(cli, ["schema"])
    assert (result.exit_code, result.output) == (0, "programmes/schema.json is written\n")
    assert (tmp_path / SCHEMA).read_text("utf-8") == schema_text()


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"schema\.json: cannot be written: No such file"):
        write(tmp_path)
