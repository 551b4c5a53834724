"""Programme files: the sample is read as it is meant; a mistake is named with file, line and remedy."""

import re
from pathlib import Path

import pytest

from loyalty.errors import BadProgramme
from loyalty.programme import LANGUAGES, Programme
from loyalty.programme_file import read_programme, read_programmes

SAMPLE = (Path(__file__).parents[2] / "programmes" / "cafe.yml").read_text("utf-8")


def changed(old: str, new: str) -> str:
    """The sample with one change."""
    assert SAMPLE.count(old) >= 1
    return SAMPLE.replace(old, new, 1)


def complaint(file: Path, text: str) -> str:
    file.write_text(text, "utf-8")
    with pytest.raises(BadProgramme) as refused:
        read_programme(file)
    return str(refused.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bar.yml"


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


def test_the_sample_is_read(cafe: Programme) -> None:
    assert (cafe.id, cafe.currency, cafe.language, cafe.zone.key) == ("cafe", "EUR", "it", "Europe/Rome")
    assert (cafe.earning.joining, cafe.earning.expire_months) == (10, 12)
    assert {id_: rule.points for id_, rule in cafe.earning.activities.items()} == {"review": 15, "newsletter": 5}
    assert [reward.points for reward in cafe.rewards] == [20, 30, 50, 90, 120, 200]
    assert set(cafe.contact) == set(LANGUAGES)


MISTAKES = {
    "a misspelt key": ("joining: 10", "joning: 10", "earning.joning: this key is not known here; is it misspelt?"),
    "a misspelt key at the top": ("\nrewards:", "\nprize: 1\nrewards:", "prize: this key is not known here"),
    "a negative number": ("joining: 10", "joining: -1", "earning.joining: Input should be greater than or equal to 0"),
    "points that are no number": ("joining: 10", "joining: ten", "earning.joining: Input should be a valid integer"),
    "an amount that is no number": ('per: "1.00"', 'per: "a euro"', "earning.purchase.per: Input should be a valid d"),
    "an unknown rounding": (
        "rounding: down", "rounding: sideways", "earning.purchase.rounding: Input should be 'down', 'half_up' or 'up'"
    ),
    "a free reward": ("points: 20\n", "points: 0\n", "rewards.0.points: Input should be greater than 0"),
    "an unknown currency": ("currency: EUR", "currency: EURO", "currency: is no ISO 4217 currency; use a code such as"),
    "an unknown zone": ("Europe/Rome", "Europe/Roma", "timezone: is no time zone; use a name such as Europe/Rome"),
    "an unknown language": ("language: it", "language: de", "language: Input should be 'en', 'it', 'es', 'fr' or 'ar'"),
    "a text in an unknown language": (
        "  ar: عند البار أو", "  de: an der Bar\n  ar: عند البار أو", "contact.de: Input should be 'en', 'it'"
    ),
    "a phone that is none": ('phone: "+390612345678"', "phone: 06-1234", "whatsapp.phone: "),
    "an id with a space": ("id: cafe", "id: Caffè Aurora", "id: String should match pattern"),
    "an endless expiry": ("expire_months: 12", "expire_months: 1200", "earning.expire_months: Input should be less"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_line_and_what_is_allowed(file: Path, mistake: str) -> None:
    old, new, message = MISTAKES[mistake]
    text = changed(old, new)
    at = line_of(text, new) + new.startswith("\n")
    assert complaint(file, text).startswith(f"{file}:{at}: {message}")


def test_a_missing_language_is_named_at_the_text(file: Path) -> None:
    text = changed("  it: al banco o scrivendo a ciao@aurora.example\n", "")
    assert complaint(file, text) == f"{file}:{line_of(text, 'contact:')}: contact: has no text in it"


def test_an_empty_text_is_a_missing_one(file: Path) -> None:
    text = changed("fr: Expresso, ar: إسبريسو", 'fr: " ", ar: ""')
    assert (
        complaint(file, text) == f"{file}:{line_of(text, 'name: {en: Espresso')}: rewards.0.name: has no text in fr, ar"
    )


def test_a_missing_key_is_named_at_its_parent(file: Path) -> None:
    text = changed("    points: 20\n", "")
    assert complaint(file, text) == f"{file}:{line_of(text, '- id: espresso')}: rewards.0.points: Field required"


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    lines = complaint(file, SAMPLE.replace("joining: 10", "joning: 10").replace("EUR", "EURO")).splitlines()
    assert [re.sub(r".*bar\.yml:\d+: (\S+):.*", r"\1", line) for line in lines] == ["currency", "earning.joning"]


def test_a_reward_that_is_there_twice_is_named_at_the_rewards(file: Path) -> None:
    text = changed("- id: croissant", "- id: espresso")
    assert complaint(file, text) == f"{file}:{line_of(text, 'rewards:')}: rewards: the id espresso is used twice"


def test_a_programme_needs_a_reward(file: Path) -> None:
    text = SAMPLE[: SAMPLE.index("\nrewards:")] + "\nrewards: []\n" + SAMPLE[SAMPLE.index("\nreferral:") :]
    assert complaint(file, text).startswith(f"{file}:{line_of(text, 'rewards:')}: rewards: Tuple should have at least")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: cafe\nname: [", ":2: no valid YAML: "),
        ("id: cafe\n\tname: x\n", ":2: no valid YAML: "),
        ("id: cafe\nid: bar\n", ":2: no valid YAML: found duplicate key"),
        ("", ":1: a programme is a mapping that begins with id: and name:"),
        ("- cafe\n", ":1: a programme is a mapping that begins with id: and name:"),
        ("just words", ":1: a programme is a mapping that begins with id: and name:"),
    ],
)
def test_what_is_no_programme_at_all_is_said_so(file: Path, text: str, message: str) -> None:
    assert complaint(file, text).startswith(f"{file}{message}")


def test_a_file_that_is_not_there_is_said_so(file: Path) -> None:
    with pytest.raises(BadProgramme, match=r"bar\.yml: cannot be read: No such file"):
        read_programme(file)


def test_a_file_in_another_encoding_is_said_so(file: Path) -> None:
    file.write_bytes("id: caffè".encode("latin-1"))
    with pytest.raises(BadProgramme, match=r"bar\.yml: is not UTF-8 text"):
        read_programme(file)


def test_one_file_is_one_programme(file: Path) -> None:
    file.write_text(SAMPLE, "utf-8")
    assert list(read_programmes(file)) == ["cafe"]


def numbered(id_: str, number: str) -> str:
    return changed("id: cafe", f"id: {id_}").replace("whatsapp:\n", f'whatsapp:\n  phone_number_id: "{number}"\n')


def test_a_folder_has_a_programme_for_each_number(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(numbered("gym", "11111"), "utf-8")
    (tmp_path / "b.yml").write_text(numbered("cafe", "22222"), "utf-8")
    (tmp_path / "notes.txt").write_text("not a programme", "utf-8")
    assert list(read_programmes(tmp_path)) == ["gym", "cafe"]


def test_an_empty_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadProgramme, match=r"no programme file \(\*\.yml\) here"):
        read_programmes(tmp_path)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (numbered("cafe", "22222"), r"b\.yml: the id cafe is used by another programme file"),
        (numbered("gym", "11111"), r"b\.yml: whatsapp\.phone_number_id must differ from the one in .*a\.yml"),
    ],
)
def test_programmes_of_a_folder_must_differ(tmp_path: Path, second: str, message: str) -> None:
    (tmp_path / "a.yml").write_text(numbered("cafe", "11111"), "utf-8")
    (tmp_path / "b.yml").write_text(second, "utf-8")
    with pytest.raises(BadProgramme, match=message):
        read_programmes(tmp_path)
