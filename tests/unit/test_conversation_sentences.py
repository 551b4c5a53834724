"""The catalogue: what it says in five languages, and what it says of its own mistakes."""

import string
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from conversation.errors import BadSentence
from conversation.saying.sentences import FORMATS, Sentence, Sentences, plural_form
from flows.model import Phrase
from loyalty.money import Money
from loyalty.programme import LANGUAGES

RESPONSES = Path(__file__).parents[2] / "data" / "responses"
NUMBERS = (0, 1, 2, 3, 11, 100)
FORMS = {
    "en": ("other", "one", "other", "other", "other", "other"),
    "it": ("other", "one", "other", "other", "other", "other"),
    "es": ("other", "one", "other", "other", "other", "other"),
    "fr": ("one", "one", "other", "other", "other", "other"),
    "ar": ("zero", "one", "two", "few", "many", "other"),
}
"""CLDR's plural forms of `NUMBERS`."""
CODE = "K7QX4M2PA"
FILLINGS: dict[str, object] = {
    "": "Caffè Aurora", "points": 3, "number": 1234, "money": Money(Decimal("1234.50"), "EUR"),
    "whole": Money(Decimal(40), "EUR"), "date": "2026-12-01",
    "code": CODE, "friends": 2, "days": 11,
}  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Sentences:
    return Sentences.load(RESPONSES)


def written(folder: Path, **languages: str) -> Sentences:
    """A catalogue with one file a language; what is not given is empty."""
    for language in LANGUAGES:
        (folder / language).mkdir(exist_ok=True)
        (folder / language / "words.yml").write_text(languages.get(language, ""), "utf-8")
    return Sentences.load(folder)


# ---- the real catalogue


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("unit", ["points", "friends", "days"])
def test_counted_things_take_the_plural_form_of_their_number(catalogue: Sentences, language: str, unit: str) -> None:
    forms = catalogue.catalogue[language][f"unit.{unit}"].forms
    for number, form in zip(NUMBERS, FORMS[language], strict=True):
        assert plural_form(language, number) == form
        said = catalogue.say(language, f"unit.{unit}", n=number)
        assert said == forms[form].replace("{n:number}", str(number))


def test_counted_things_as_a_customer_reads_them(catalogue: Sentences) -> None:
    assert [catalogue.say("en", "unit.points", n=number) for number in (0, 1, 2)] == ["0 points", "1 point", "2 points"]
    assert [catalogue.say("fr", "unit.points", n=number) for number in (0, 1, 2)] == ["0 point", "1 point", "2 points"]
    assert [catalogue.say("it", "unit.points", n=number) for number in (1, 1000000)] == ["1 punto", "1.000.000 punti"]
    assert catalogue.say("es", "unit.points", n=1) == "1 punto"
    arabic = {catalogue.say("ar", "unit.points", n=number) for number in NUMBERS}
    assert len(arabic) == len(NUMBERS)
    assert "نقطة واحدة" in arabic


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said(catalogue: Sentences, language: str) -> None:
    for key, sentence in catalogue.catalogue[language].items():
        gaps = {
            name: FILLINGS[spec or ""]
            for text in sentence.forms.values()
            for _, name, spec, _ in string.Formatter().parse(text)
            if name
        }
        said = catalogue.say(language, key, **gaps)
        assert said.strip() == said != "", key
        assert "{" not in said, key
        assert "}" not in said, key


def test_all_languages_know_the_same_sentences(catalogue: Sentences) -> None:
    keys = {language: set(catalogue.catalogue[language]) for language in LANGUAGES}
    assert all(known == keys["en"] for known in keys.values())
    assert catalogue.knows("points.balance")
    assert not catalogue.knows("points.of_no_return")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_read_one_by_one(catalogue: Sentences, language: str) -> None:
    words = catalogue.words(language, "words.confirm")
    assert "👍" in words
    assert all(word and word == word.strip() and "|" not in word for word in words)
    assert catalogue.words(language, "words.nothing") == ()


def test_a_phrase_is_said_and_text_stays_as_it_is(catalogue: Sentences) -> None:
    assert catalogue.phrase("en", Phrase("points.balance", {"available": 1})) == "You have *1 point*."
    assert catalogue.phrase("en", "{as} it is") == "{as} it is"


# ---- formats

ALL_FORMATS = """\
points: "{v:points}"
number: "{v:number}"
money: "{v:money}"
date: "{v:date}"
code: "{v:code}"
plain: "{v}"
unit.points: {one: "{n:number} point", other: "{n:number} points"}
both: "{a} {{b}} {c:code}"
"""


@pytest.fixture
def formats(tmp_path: Path) -> Sentences:
    return written(tmp_path, **dict.fromkeys(LANGUAGES, ALL_FORMATS))


@pytest.mark.parametrize(
    ("language", "amount"),
    [
        ("en", "€1,234.50"), ("it", "1.234,50\xa0€"), ("es", "1.234,50\xa0€"), ("fr", "1\u202f234,50\xa0€"),
    ],
)  # fmt: skip
def test_money_is_written_as_the_language_does(formats: Sentences, language: str, amount: str) -> None:
    assert formats.say(language, "money", v=Money(Decimal("1234.50"), "EUR")) == amount


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("en", "December 1, 2026"), ("it", "1 dicembre 2026"), ("es", "1 de diciembre de 2026"),
        ("fr", "1 décembre 2026"), ("ar", "1 ديسمبر 2026"),
    ],
)  # fmt: skip
def test_days_are_written_as_the_language_does(formats: Sentences, language: str, day: str) -> None:
    for value in ("2026-12-01", date(2026, 12, 1), datetime.fromisoformat("2026-12-01T23:00:00+01:00")):
        assert formats.say(language, "date", v=value) == day


@pytest.mark.parametrize(("language", "number"), [("en", "12,345"), ("it", "12.345"), ("fr", "12\u202f345")])
def test_numbers_are_written_as_the_language_does(formats: Sentences, language: str, number: str) -> None:
    assert formats.say(language, "number", v=12345) == number
    assert formats.say(language, "points", v=12345) == f"{number} points"


def test_codes_are_grouped_and_plain_values_stay_as_they_are(formats: Sentences) -> None:
    assert formats.say("en", "code", v=CODE) == "K7QX-4M2P-A"
    assert formats.say("en", "plain", v="a {b} *c*") == "a {b} *c*"
    assert formats.say("en", "both", a=1, c=CODE) == "1 {b} K7QX-4M2P-A"


def test_codes_and_money_keep_their_direction_in_arabic(formats: Sentences) -> None:
    assert formats.say("ar", "code", v=CODE) == "\u2068K7QX-4M2P-A\u2069"
    money = formats.say("ar", "money", v=Money(Decimal("12.50"), "EUR"))
    assert (money[0], money[-1]) == ("\u2068", "\u2069")
    assert "12.50" in money
    for language in ("en", "it", "es", "fr"):
        assert not {"\u2068", "\u2069"} & set(formats.say(language, "code", v=CODE))


# ---- what is missing


def test_a_missing_sentence_is_named(formats: Sentences) -> None:
    with pytest.raises(BadSentence, match=r"data/responses/fr: there is no sentence points\.none"):
        formats.say("fr", "points.none")


@pytest.mark.parametrize(("key", "value"), [("date", "tomorrow"), ("date", None), ("code", None), ("points", "many")])
def test_a_gap_that_cannot_be_filled_is_named_with_file_and_line(formats: Sentences, key: str, value: object) -> None:
    line = [entry.partition(":")[0] for entry in ALL_FORMATS.splitlines()].index(key) + 1
    if key == "points":
        line = next(number for number, entry in enumerate(ALL_FORMATS.splitlines(), 1) if entry.startswith("unit"))
    with pytest.raises(BadSentence, match=rf"en/words\.yml:{line}: .*cannot be filled in"):
        formats.say("en", key, v=value)


def test_a_value_that_was_not_given_is_named_with_file_and_line(formats: Sentences) -> None:
    with pytest.raises(BadSentence, match=r"en/words\.yml:8: both: cannot be filled in: 'a'"):
        formats.say("en", "both", c=CODE)


# ---- mistakes in the files

GOOD = "a.title: Hello\na.line: 'You have {n:points}.'\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (GOOD + "a.bad: {n}\n", 3, "mapping of plural forms"),  # YAML reads a mapping here, quotes are missing
        (GOOD + "a.bad: 7\n", 3, "is a text"),
        (GOOD + "a.bad:\n", 3, "is a text"),
        (GOOD + "a.bad: [x, y]\n", 3, "is a text"),
        (GOOD + "# a comment\n\na.bad: {one: x}\n", 5, "other:"),
        (GOOD + "a.bad:\n  other: x\n  several: y\n", 3, "plural forms"),
        (GOOD + "a.bad: {other: 7}\n", 3, "is a text"),
        (GOOD + "a.bad: {other: x, by: 7}\n", 3, "by:"),
        (GOOD + "7: x\n", 3, "is a text"),
        (GOOD + "a.bad: '{n:pints}'\n", 3, "{n:pints} is no gap"),
        (GOOD + "a.bad: '{}'\n", 3, "is no gap"),
        (GOOD + "a.bad: '{0}'\n", 3, "is no gap"),
        (GOOD + "a.bad: '{a.b}'\n", 3, "is no gap"),
        (GOOD + "a.bad: '{a[0]}'\n", 3, "is no gap"),
        (GOOD + "a.bad: {one: '{n:.2f}', other: x}\n", 3, "is no gap"),
        (GOOD + "a.bad: 'open { brace'\n", 3, "write {{ for a brace"),
        (GOOD + "a.bad: 'closed } brace'\n", 3, "write {{ for a brace"),
        (GOOD + "a.bad: 'x': y\n", 3, "no valid YAML"),
        (GOOD + "a.title: again\n", 3, "no valid YAML"),
        (GOOD + "\ta.bad: x\n", 3, "no valid YAML"),
        (GOOD + "a.bad: *nowhere\n", 3, "no valid YAML"),
        ("- Hello\n- You\n", 1, "mapping of keys"),
        ("just a text\n", 1, "mapping of keys"),
        ("a: \x00\n", 1, "no valid YAML"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(BadSentence) as caught:
        written(tmp_path, it=text)
    assert str(caught.value).startswith(f"{tmp_path / 'it' / 'words.yml'}:{line}: ")
    assert said in str(caught.value)


def test_a_file_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "es" / "latin.yml").write_bytes("a.title: Español\n".encode("latin-1"))
    with pytest.raises(BadSentence, match=r"es/latin\.yml:1: is not UTF-8"):
        Sentences.load(tmp_path)


def test_a_sentence_in_two_files_is_named_with_both(tmp_path: Path) -> None:
    written(tmp_path, en=GOOD)
    (tmp_path / "en" / "a.yml").write_text("b: x\n\na.line: y\n", "utf-8")
    with pytest.raises(BadSentence, match=r"words\.yml:2: a\.line stands in .*a\.yml:3 too"):
        Sentences.load(tmp_path)


def test_an_empty_file_and_an_empty_folder_are_no_mistake(tmp_path: Path) -> None:
    assert not written(tmp_path, en="# nothing yet\n").knows("a.title")
    assert Sentences.load(tmp_path / "nowhere").catalogue["en"] == {}


def test_a_sentence_knows_where_it_stands_and_which_gaps_it_has(tmp_path: Path) -> None:
    text = GOOD + "a.count:\n  by: count\n  one: '{name} has one'\n  other: '{name} has {count:number}'\n"
    sentences = written(tmp_path, en=text)
    sentence = sentences.catalogue["en"]["a.count"]
    assert (sentence.file.name, sentence.line, sentence.by) == ("words.yml", 3, "count")
    assert sentence.gaps() == {"name", "count"}
    assert sentences.say("en", "a.count", name="Ada", count=1) == "Ada has one"
    assert sentences.say("en", "a.count", name="Ada", count=2) == "Ada has 2"


def test_a_plural_form_a_language_lacks_is_said_as_other() -> None:
    sentence = Sentence({"other": "{n:number} points"}, "n", Path("x.yml"), 1)
    sentences = Sentences({language: {"unit.points": sentence} for language in LANGUAGES})
    assert sentences.say("ar", "unit.points", n=2) == "2 points"


def test_a_number_that_is_none_takes_the_form_other() -> None:
    assert plural_form("en", Decimal(1)) == "other"
    assert plural_form("en", None) == "other"
    assert plural_form("en", -1) == "one"


def test_the_formats_are_those_the_sentences_use() -> None:
    assert set(FILLINGS) == FORMATS
