"""`passaparola check`: the real files are in order, and each thing broken in a copy of them is found where it is."""

import re
import shutil
from contextlib import chdir
from datetime import date
from pathlib import Path

import pytest
from ruamel.yaml.error import YAMLError

from conversation.errors import BadSentence
from conversation.saying.sentences import Sentences
from loyalty.errors import BadProgramme
from loyalty.files.reading import read_programmes
from passaparola.check import (
    DOMAIN,
    NLU,
    RESPONSES,
    RULES,
    WARNING,
    check_all,
    check_buttons,
    check_dialogue,
    check_sentences,
)
from passaparola.check_data import FEWEST
from passaparola.examples import read_examples

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 21)


class Copy:
    """A copy of everything a designer edits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("data", "programmes"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "domain.yml", folder)

    def lines(self, file: str) -> list[str]:
        return (self.folder / file).read_text("utf-8").splitlines()

    def line(self, file: str, begins: str, *, after: int = 0) -> int:
        """The number of the first line after another that begins so."""
        found = (
            number for number, text in enumerate(self.lines(file), 1) if number > after and text.startswith(begins)
        )
        return next(found)

    def write(self, file: str, lines: list[str]) -> None:
        (self.folder / file).write_text("\n".join(lines) + "\n", "utf-8")

    def replace(self, file: str, begins: str, new: str, *, after: int = 0) -> int:
        """Put another line in the place of the first that begins so; returns its number."""
        lines, number = self.lines(file), self.line(file, begins, after=after)
        lines[number - 1] = new
        self.write(file, lines)
        return number

    def delete(self, file: str, number: int, count: int = 1) -> None:
        lines = self.lines(file)
        del lines[number - 1 : number - 1 + count]
        self.write(file, lines)

    def insert(self, file: str, number: int, new: str) -> None:
        """Put a line before another."""
        lines = self.lines(file)
        lines.insert(number - 1, new)
        self.write(file, lines)

    def examples(self, file: str, intent: str, language: str) -> range:
        """The numbers of the lines with an intent's examples in a language."""
        lines = self.lines(file)
        start = next(
            number
            for number, text in enumerate(lines, 1)
            if text == f"- intent: {intent}" and lines[number] == f"  metadata: {{language: {language}}}"
        )
        first = start + 3
        last = first
        while last <= len(lines) and lines[last - 1].startswith("    - "):
            last += 1
        return range(first, last)

    def findings(self) -> list[str]:
        """Every mistake that `passaparola check` says."""
        with chdir(self.folder):
            return [one for one in check_all(Path("programmes"), today=TODAY) if f": {WARNING}" not in one]

    def in_sentences(self) -> list[str]:
        """The part about sentences, which is quicker."""
        with chdir(self.folder):
            try:
                return list(check_sentences(Sentences.load(RESPONSES)))
            except BadSentence as error:
                return [str(error)]

    def in_dialogue(self) -> list[str]:
        """The part about domain, rules and training data."""
        with chdir(self.folder):
            try:
                return list(check_dialogue(DOMAIN, list(read_examples(NLU)), RULES, RESPONSES))
            except YAMLError as error:
                return [str(error)]

    def in_programmes(self) -> list[str]:
        """The part about programmes."""
        with chdir(self.folder):
            try:
                read_programmes(Path("programmes"))
            except BadProgramme as error:
                return str(error).splitlines()
            return []


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def where(finding: str) -> tuple[str, int]:
    """File and line of a finding."""
    found = re.match(r"([^:]+):(\d+): ", finding)
    assert found is not None, finding
    return found[1], int(found[2])


def test_the_real_files_are_in_order() -> None:
    with chdir(ROOT):
        assert [one for one in check_all(Path("programmes"), today=TODAY) if f": {WARNING}" not in one] == []


# ---- sentences

EN, IT, AR = "data/responses/en/points.yml", "data/responses/it/points.yml", "data/responses/ar/points.yml"


@pytest.mark.parametrize("language", ["en", "it", "es", "fr", "ar"])
def test_a_sentence_missing_in_one_language_is_found_where_another_has_it(copy: Copy, language: str) -> None:
    file = f"data/responses/{language}/points.yml"
    copy.delete(file, copy.line(file, "points.balance:"))
    other = IT if language == "en" else EN
    assert copy.in_sentences() == [
        f"{other}:{copy.line(other, 'points.balance:')}: points.balance is missing in {language}"
    ]


@pytest.mark.parametrize("language", ["en", "it", "es", "fr", "ar"])
def test_other_gaps_than_the_other_languages_are_found(copy: Copy, language: str) -> None:
    file = f"data/responses/{language}/points.yml"
    line = copy.replace(file, "points.balance:", 'points.balance: "{availible:points}."')
    (finding,) = copy.in_sentences()
    assert where(finding) == (file, line)
    assert "points.balance" in finding
    assert "availible" in finding


def test_other_gaps_inside_a_plural_form_are_found(copy: Copy) -> None:
    file = "data/responses/it/general.yml"
    start = copy.line(file, "unit.points:")
    copy.replace(file, "  other:", '  other: "{m:number} punti"', after=start)
    (finding,) = copy.in_sentences()
    assert where(finding) == (file, start)


@pytest.mark.parametrize(
    ("language", "form"), [("en", "one"), ("fr", "one"), ("ar", "zero"), ("ar", "two"), ("ar", "few"), ("ar", "many")]
)
def test_a_missing_plural_form_is_found(copy: Copy, language: str, form: str) -> None:
    file = f"data/responses/{language}/general.yml"
    start = copy.line(file, "unit.friends:")
    copy.delete(file, copy.line(file, f"  {form}:", after=start))
    assert copy.in_sentences() == [f"{file}:{start}: unit.friends: lacks the plural forms {form}"]


@pytest.mark.parametrize(
    ("key", "text", "length"),
    [
        ("button.cancel", "Annulla tutto quanto!", 21), ("button.cancel", "👍👍👍👍👍👍👍👍👍👍!", 21),
        ("menu.choose", "Scegli la tua ricompensa", 24),
    ],
)  # fmt: skip
def test_a_label_that_is_too_long_is_found(copy: Copy, key: str, text: str, length: int) -> None:
    file = "data/responses/it/general.yml"
    line = copy.replace(file, f"{key}:", f'{key}: "{text}"')
    assert copy.in_sentences() == [f"{file}:{line}: {key}: is {length} characters long, WhatsApp shows 20"]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ('points.balance: "Hai {available:pints}."', "is no gap"),
        ('points.balance: "Hai {available:points."', "write {{ for a brace"),
        ("points.balance: 7", "is a text"),
        ('points.balance: "Hai": x', "no valid YAML"),
        ("points.balance: *hai", "no valid YAML"),
    ],
)
def test_a_sentence_that_is_none_is_found(copy: Copy, new: str, said: str) -> None:
    line = copy.replace(IT, "points.balance:", new)
    (finding,) = copy.in_sentences()
    assert where(finding) == (IT, line)
    assert said in finding


# ---- domain, rules and training data

REWARDS, POINTS = "data/nlu/rewards.yml", "data/nlu/points.yml"
REWARD_RULES, POINT_RULES = "data/rules/rewards.yml", "data/rules/points.yml"


def test_an_intent_without_a_rule_is_found(copy: Copy) -> None:
    start = copy.line(REWARD_RULES, "- rule: suggest_reward")
    copy.delete(REWARD_RULES, start, 4)
    line = copy.line("domain.yml", "  - suggest_reward")
    assert copy.in_dialogue() == [f"domain.yml:{line}: suggest_reward has no rule in data/rules/"]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_too_few_examples_are_found(copy: Copy, language: str) -> None:
    examples = copy.examples(REWARDS, "list_rewards", language)
    copy.delete(REWARDS, examples.start, len(examples) - FEWEST + 1)
    line = copy.line("domain.yml", "  - list_rewards")
    assert copy.in_dialogue() == [
        f"domain.yml:{line}: list_rewards has {FEWEST - 1} different sentences in {language}, it needs {FEWEST}"
    ]


def test_an_intent_nobody_gave_an_example_of_is_found_for_each_language(copy: Copy) -> None:
    copy.insert("domain.yml", copy.line("domain.yml", "  - greet"), "  - dance")
    line = copy.line("domain.yml", "  - dance")
    findings = copy.in_dialogue()
    assert len(findings) == 6
    assert {where(finding) for finding in findings} == {("domain.yml", line)}
    assert all("dance has" in finding for finding in findings)


@pytest.mark.parametrize("spelling", ["{}", "{}  ", "[{}](reward)"])
def test_an_example_under_two_intents_is_found(copy: Copy, spelling: str) -> None:
    first = copy.examples(POINTS, "check_points", "en").start
    text = copy.lines(POINTS)[first - 1].removeprefix("    - ")
    assert "[" not in text
    line = copy.examples(REWARDS, "my_vouchers", "it").start + 2
    copy.insert(REWARDS, line, f"    - {spelling.format(text.upper())}")
    assert copy.in_dialogue() == [f"{REWARDS}:{line}: stands under check_points too ({POINTS}:{first}): {text.upper()}"]


def test_an_example_that_stands_twice_is_found(copy: Copy) -> None:
    examples = copy.examples(REWARDS, "my_vouchers", "it")
    text = copy.lines(REWARDS)[examples.start - 1].removeprefix("    - ")
    copy.insert(REWARDS, examples.stop, f"    - {text}")
    assert copy.in_dialogue() == [f"{REWARDS}:{examples.stop}: stands twice ({REWARDS}:{examples.start}): {text}"]


@pytest.mark.parametrize("text", ["give me a [mug](prize)", 'give me a [mug]{"entity": "prize", "value": "cup"}'])
def test_an_unknown_entity_is_found(copy: Copy, text: str) -> None:
    line = copy.examples(REWARDS, "redeem_reward", "fr").stop
    copy.insert(REWARDS, line, f"    - {text}")
    assert copy.in_dialogue() == [f"{REWARDS}:{line}: prize is no entity of domain.yml"]


def test_an_example_that_begins_with_a_slash_is_found(copy: Copy) -> None:
    line = copy.examples(REWARDS, "redeem_reward", "es").start
    copy.insert(REWARDS, line, "    - /redeem_reward")
    assert copy.in_dialogue() == [f"{REWARDS}:{line}: an example must not begin with a slash"]


def test_an_action_the_domain_does_not_have_is_found(copy: Copy) -> None:
    line = copy.line(REWARD_RULES, "  - action: action_my_vouchers")
    copy.replace(REWARD_RULES, "  - action: action_my_vouchers", "  - action: action_my_voucher")
    assert copy.in_dialogue() == [f"{REWARD_RULES}:{line}: action_my_voucher is no action of domain.yml"]


def test_an_action_without_a_sentence_is_found(copy: Copy) -> None:
    copy.insert("domain.yml", copy.line("domain.yml", "  - utter_greet"), "  - utter_dance")
    line = copy.replace(REWARD_RULES, "  - action: action_my_vouchers", "  - action: utter_dance")
    assert copy.in_dialogue() == [f"{REWARD_RULES}:{line}: utter_dance has no sentence in data/responses/"]


def test_a_rule_for_an_intent_the_domain_does_not_have_is_found(copy: Copy) -> None:
    rules = copy.lines(POINT_RULES)
    copy.write(
        POINT_RULES, [*rules, "- rule: dance", "  steps:", "  - intent: dance", "  - action: action_check_points"]
    )
    assert copy.in_dialogue() == [f"{POINT_RULES}:{len(rules) + 3}: dance is no intent of domain.yml"]


def test_examples_of_an_intent_the_domain_does_not_have_are_found(copy: Copy) -> None:
    lines = copy.lines(REWARDS)
    more = [
        "- intent: dance",
        "  metadata: {language: en}",
        "  examples: |",
        "    - dance with me",
        "    - let us dance",
    ]
    copy.write(REWARDS, [*lines, *more])
    assert copy.in_dialogue() == [
        f"{REWARDS}:{len(lines) + number}: dance is no intent of domain.yml" for number in (4, 5)
    ]


@pytest.mark.parametrize(
    ("file", "begins", "new"),
    [
        ("domain.yml", "entities:", "entities: 'x': y"),
        (REWARDS, "- intent: list_rewards", "- intent: list_rewards: x"),
        (REWARDS, "  metadata:", "  metadata: *nowhere"),
        (REWARD_RULES, "- rule: redeem_reward", "- rule: 'redeem_reward': x"),
    ],
)
def test_broken_yaml_is_found(copy: Copy, file: str, begins: str, new: str) -> None:
    line = copy.replace(file, begins, new)
    assert copy.in_dialogue() == [f"{file}:{line}: no valid YAML"]


@pytest.mark.parametrize(
    ("file", "begins", "new", "said"),
    [
        (REWARDS, "  examples: |", "  samples: |", "has no `examples: |`"),
        (REWARD_RULES, "  steps:", "  stages:", "needs `steps:`"),
        (REWARD_RULES, "  - action:", "  - actions: action_list_rewards", "needs `steps:`"),
    ],
)
def test_a_missing_part_is_found_at_what_it_belongs_to(copy: Copy, file: str, begins: str, new: str, said: str) -> None:
    first = copy.line(file, "- ")
    copy.replace(file, begins, new)
    (finding,) = copy.in_dialogue()
    assert where(finding) == (file, first)
    assert said in finding


@pytest.mark.parametrize(
    ("file", "begins", "new"),
    [
        (REWARDS, "nlu:", "examples:"), (REWARD_RULES, "rules:", "stories:"), ("domain.yml", "intents:", "intent:"),
        ("domain.yml", "entities:", "entity:"), ("domain.yml", "actions:", "action:"),
    ],
)  # fmt: skip
def test_a_file_without_its_list_is_found(copy: Copy, file: str, begins: str, new: str) -> None:
    copy.replace(file, begins, new)
    (finding,) = copy.in_dialogue()
    assert finding == f"{file}:1: needs a list under `{begins}`"


def test_a_file_that_is_missing_or_no_text_is_found(copy: Copy) -> None:
    (copy.folder / "domain.yml").unlink()
    assert copy.in_dialogue() == ["domain.yml:1: cannot be read: No such file or directory"]
    (copy.folder / "domain.yml").write_bytes(b"intents: [\xff]\n")
    assert copy.in_dialogue() == ["domain.yml:1: is not UTF-8 text"]


def test_an_item_that_is_no_mapping_is_found(copy: Copy) -> None:
    line = copy.line(REWARD_RULES, "- rule: my_vouchers")
    copy.insert(REWARD_RULES, line, "- just a text")
    assert copy.in_dialogue() == [f"{REWARD_RULES}:{line}: just a text is no mapping"]


# ---- programmes

CAFE = "programmes/cafe.yml"


@pytest.mark.parametrize(
    ("begins", "new", "said"),
    [
        ("currency:", "currency: EURO", "ISO 4217"),
        ("timezone:", "timezone: Rome", "time zone"),
        ("language:", "language: de", "language"),
        ("    points: 20", "    points: 0", "rewards.0.points"),
        ("  - id: croissant", "  - id: Croissant", "rewards.1.id"),
        ("    voucher_days: 60", "    voucher_day: 60", "did you mean voucher_days?"),
        ("  joining:", "  joining: many", "earning.joining"),
        ("id: cafe", "id: cafe: x", "no valid YAML"),
    ],
)
def test_a_mistake_in_a_programme_is_found(copy: Copy, begins: str, new: str, said: str) -> None:
    line = copy.replace(CAFE, begins, new)
    findings = copy.in_programmes()
    assert len(findings) == 1
    assert where(findings[0]) == (CAFE, line)
    assert said in findings[0]


def test_a_reward_without_a_name_in_one_language_is_found(copy: Copy) -> None:
    line = copy.replace(
        CAFE, "    name: {en: Espresso,", "    name: {en: Espresso, it: Espresso, es: Espresso, ar: إسبريسو}"
    )
    (finding,) = copy.in_programmes()
    assert where(finding) == (CAFE, line)
    assert finding.endswith("has no text in fr")


# ---- several at once


def test_all_mistakes_are_told_at_once(copy: Copy) -> None:
    copy.replace(CAFE, "currency:", "currency: EURO")
    copy.delete(AR, copy.line(AR, "points.balance:"))
    copy.insert(REWARDS, copy.examples(REWARDS, "redeem_reward", "es").start, "    - /redeem_reward")
    files = [where(finding)[0] for finding in copy.findings()]
    assert files == [CAFE, EN, REWARDS]


def test_a_file_that_is_broken_keeps_nothing_else_from_being_told(copy: Copy) -> None:
    broken = [
        (CAFE, copy.replace(CAFE, "currency:", "currency: EUR: x")),
        (EN, copy.replace(EN, "points.balance:", "points.balance: 'x': y")),
        (REWARDS, copy.replace(REWARDS, "- intent: list_rewards", "- intent: list_rewards: x")),
    ]
    assert [where(finding) for finding in copy.findings()] == broken


def test_a_button_without_a_title_and_one_under_no_response_are_found(tmp_path: Path) -> None:
    file = tmp_path / "buttons.yml"
    file.write_text("utter_greet: [check_points, fly_away]\nutter_nothing: []\n", "utf-8")
    found = list(check_buttons(file, Sentences.load(Path("data/responses"))))
    assert found == [
        f"{file}:1: utter_greet: there is no sentence button.fly_away for the title",
        f"{file}:2: there is no sentence utter_nothing",
    ]
