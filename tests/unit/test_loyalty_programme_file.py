"""Programme files: the sample is read as it is meant; a mistake is named with file, line and remedy."""

import re
from pathlib import Path

import pytest

from loyalty.errors import BadProgramme
from loyalty.files.reading import read_file, read_programme, read_programmes
from loyalty.programme import LANGUAGES, Programme

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


WHOLE = "a whole number from 0 to 1,000,000,000"
MISTAKES = {
    "a misspelt key": (
        "joining: 10", "joning: 10", "earning.joning: this key is not known here; did you mean joining?"
    ),
    "a key from nowhere": ("  purchase:", "  zzz: 1\n  purchase:", "earning.zzz: this key is not known here; known ar"),
    "a misspelt key at the top": ("\nrewards:", "\nreward: 1\nrewards:", "reward: this key is not known here; did you"),
    "a misspelt key in a reward": ("voucher_days: 60", "voucher_day: 60", "rewards.3.voucher_day: this key is not kn"),
    "a negative number": ("joining: 10", "joining: -1", f"earning.joining: takes {WHOLE}, not -1"),
    "points that are no number": ("joining: 10", "joining: ten", f'earning.joining: takes {WHOLE}, not "ten"'),
    "points in quotes": ("joining: 10", 'joining: "10"', f'earning.joining: takes {WHOLE}, not "10"; leave out the qu'),
    "half a point": ("joining: 10", "joining: 10.5", f"earning.joining: takes {WHOLE}, not 10.5"),
    "a yes for a number": ("joining: 10", "joining: true", f"earning.joining: takes {WHOLE}, not true"),
    "nothing for a number": ("joining: 10", "joining:", f"earning.joining: takes {WHOLE}, not nothing"),
    "an amount that is no number": (
        'per: "1.00"', 'per: "a euro"', 'earning.purchase.per: takes an amount such as 4.50 above 0, not "a euro"'
    ),
    "an endless amount": ('per: "1.00"', "per: .inf", "earning.purchase.per: takes an amount such as 4.50 above 0, no"),
    "an unknown rounding": (
        "rounding: down", "rounding: sideways",
        'earning.purchase.rounding: takes one of down, half_up, up, not "sideways"',
    ),
    "a free reward": (
        "points: 20\n", "points: 0\n", "rewards.0.points: takes a whole number from 1 to 1,000,000,000, not 0"
    ),
    "a yes or no that is neither": (
        "    voucher_days: 30", "    gift_only: maybe", 'rewards.0.gift_only: takes true or false, not "maybe"'
    ),
    "an unknown currency": ("currency: EUR", "currency: EURO", "currency: is no ISO 4217 currency; use a code such as"),
    "an unknown zone": ("Europe/Rome", "Europe/Roma", "timezone: is no time zone; use a name such as Europe/Rome"),
    "an unknown language": ("language: it", "language: de", 'language: takes one of en, it, es, fr, ar, not "de"'),
    "a text in an unknown language": (
        "  en: at the bar", "  de: an der Bar\n  en: at the bar", "contact.de: cannot stand here; it takes one of en, i"
    ),
    "a text that is cut at its comma": (
        "{en: At the bar,", "{en: At the bar, or outside,", "rewards.0.detail.or outside: cannot stand here; it takes"
    ),
    "a text that is a number": (
        "name: Caffè Aurora", "name: 1990", "name: takes a text of 1 to 60 characters, not 1990; put it in quotes"
    ),
    "a text without languages": (
        "name: {en: A review,", "name: A review #", "earning.activities.review.name: takes a text in each language: {en"
    ),
    "a phone that is none": ('phone: "+390612345678"', "phone: 06-1234", "whatsapp.phone: takes a phone number in quo"),
    "a phone without quotes": (
        'phone: "+390612345678"', "phone: +390612345678",
        'whatsapp.phone: takes a phone number in quotes, such as "+390612345678", not 390612345678; put it in quotes',
    ),
    "an id with a space": ("id: cafe", "id: Caffè Aurora", "id: takes a short name such as free-drink (small letters"),
    "an activity with a space": (
        "    newsletter:", "    News Letter:", "earning.activities.News Letter: cannot stand here; it takes a short nam"
    ),
    "an endless expiry": (
        "expire_months: 12", "expire_months: 1200", "earning.expire_months: takes a whole number from 1 to 120, not 120"
    ),
    "an unknown measure": (
        "measure: orders", "measure: visits",
        "milestones.0.measure: takes one of points, spend, orders, referrals, quizzes, subscription_months, activity:N",
    ),
    "a gift of an unknown reward": (
        "friend: {reward: croissant}", "friend: {reward: croisant}",
        "referral.friend.reward: there is no reward croisant; rewards has: breakfast, cappuccino, ",
    ),
    "a gift of nothing": ("referrer: {points: 20}", "referrer: {}", "referral.referrer: gives nothing: set points or"),
    "a gift that is a number": (
        "referrer: {points: 20}", "referrer: 20", "referral.referrer: takes keys with values: points, reward, not 20"
    ),
    "a measure of an unknown activity": (
        "measure: orders", "measure: activity:visit",
        "milestones.0.measure: counts visit; earning.activities has: newsletter, review",
    ),
    "an unknown tier": (
        "    voucher_days: 30", "    tiers: [gold]", "rewards.0.tiers: names the tier gold; tiers.levels has: none"
    ),
    "a tier named twice": (
        "    voucher_days: 30", "    tiers: [gold, gold]", "rewards.0.tiers: names gold more than once"
    ),
    "a day that is none": (
        "    voucher_days: 30", "    dates:\n      from: 2026-02-30",
        'rewards.0.dates.from: takes a day such as 2026-12-31, not "2026-02-30"', "from: 2026",
    ),
    "a day as a number": (
        "    voucher_days: 30", "    dates:\n      until: 20261231",
        "rewards.0.dates.until: takes a day such as 2026-12-31, not 20261231", "until: 2026",
    ),
    "days the wrong way round": (
        "    voucher_days: 30", "    dates: {from: 2026-12-31, until: 2026-01-01}",
        "rewards.0.dates: ends before it begins",
    ),
    "a discount without a value": (
        "    voucher_days: 30", "    kind: percentage", "rewards.0: is a discount without a value: say how many percen",
        "- id: espresso",
    ),
    "a list that is none": ("    voucher_days: 30", "    tiers: gold", "rewards.0.tiers: takes a list, each a short n"),
    "a language the file has no texts in": (
        "language: it", "language: it\nlanguages: [en, es, fr, ar]", "language: it is not among languages: en, es, fr,"
    ),
    "an empty list of languages": (
        "language: it", "languages: []\nlanguage: it", "languages: takes a list of at least 1, each one of en, it"
    ),
    "the number of a tier that is misspelt": (
        "\nmilestones:",
        "\ntiers:\n  measure: orders\n  levels:\n    - id: gold\n      from: many\n      name: {}\nmilestones:",
        f'tiers.levels.0.from: takes {WHOLE}, not "many"', "from: many",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_line_and_what_is_allowed(file: Path, mistake: str) -> None:
    old, new, message, *where = MISTAKES[mistake]
    text = changed(old, new)
    at = line_of(text, where[0]) if where else line_of(text, new) + new.startswith("\n")
    assert complaint(file, text).splitlines()[0].startswith(f"{file}:{at}: {message}")


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
    at = line_of(text, "- id: espresso")
    allowed = "a whole number from 1 to 1,000,000,000"
    assert complaint(file, text) == f"{file}:{at}: rewards.0.points: is missing; it takes {allowed}"


def test_a_missing_part_is_named_with_what_belongs_into_it(file: Path) -> None:
    text = SAMPLE[: SAMPLE.index("\nreferral:")] + "\n"
    assert complaint(file, text).startswith(f"{file}:1: referral: is missing; it takes keys with values: terms, ")


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    lines = complaint(file, SAMPLE.replace("joining: 10", "joning: 10").replace("EUR", "EURO")).splitlines()
    assert [re.sub(r".*bar\.yml:\d+: (\S+):.*", r"\1", line) for line in lines] == ["currency", "earning.joning"]


def test_a_reward_that_is_there_twice_is_named_where_it_stands_again(file: Path) -> None:
    text = changed("- id: croissant", "- id: mug")
    at = text[: text.rindex("- id: mug")].count("\n") + 1
    assert complaint(file, text) == f"{file}:{at}: rewards.5.id: the id mug is used twice"


def test_two_unknown_tiers_in_one_place_are_both_named(file: Path) -> None:
    said = complaint(file, changed("    voucher_days: 30", "    tiers: [gold, silver]")).splitlines()
    assert [line.split(": ", 1)[1] for line in said] == [
        "rewards.0.tiers: names the tier gold; tiers.levels has: none",
        "rewards.0.tiers: names the tier silver; tiers.levels has: none",
    ]


def test_a_programme_needs_a_reward(file: Path) -> None:
    text = SAMPLE[: SAMPLE.index("\nrewards:")] + "\nrewards: []\n" + SAMPLE[SAMPLE.index("\nreferral:") :]
    assert complaint(file, text).startswith(
        f"{file}:{line_of(text, 'rewards:')}: rewards: takes a list of at least 1, "
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: cafe\nname: [", ":2: no valid YAML: "),
        ("id: cafe\n\tname: x\n", ":2: no valid YAML: a tab; YAML is indented with spaces"),
        ("id: cafe\nname: a: b", ":2: no valid YAML: mapping values are not allowed here (a text with a colon needs"),
        (
            'id: cafe\nname: "a\n',
            ":2: no valid YAML: found unexpected end of stream (a quote was opened and not closed",
        ),
        ("id: cafe\n---\nid: bar\n", ":2: no valid YAML: but found another document (a file is one programme; "),
        ("id: cafe\nid: bar\n", ":2: id: this key stands twice, the first time in line 1"),
        ("id: cafe\nrewards:\n  - {id: a,\n    id: b}\n", ":4: id: this key stands twice, the first time in line 3"),
        (
            "name: {en: a, or b, it: c, or b}",
            ":1: or b: this key stands twice, the first time in line 1 (a text with a",
        ),
        ("id: cafe\nname: !!python/name:os.system x\n", ":2: the tag python/name:os.system means nothing here"),
        ("id: cafe\nname: *other\n", ":2: no valid YAML: found undefined alias 'other' (no anchor (&name) of this"),
        ("id: cafe\n<<: 3\n", ":2: <<: takes an alias of a mapping, such as *name"),
        ("id: cafe\nname: &again [*again]\n", ":2: is nested too deeply"),
        ("[" * 500, ":1: no valid YAML: it is nested too deeply"),
        ('id: cafe\nname: "a\\0b"\n', ":2: a text has a character that cannot be shown"),
        ('id: cafe\nname: "\\ud800"\n', ":2: a text has a character that cannot be shown"),
        ("id: cafe\nname: \x01\n", ":2: no valid YAML: a character that cannot be shown"),
        ("id: cafe\n? [a, b]\n: c\n", ":2: a key is a single word"),
        ("", ":1: a programme is a mapping that begins with id: and name:"),
        ("# nothing yet\n", ":1: a programme is a mapping that begins with id: and name:"),
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
    with pytest.raises(BadProgramme, match=r"bar\.yml:1: is not UTF-8 text; save it as UTF-8"):
        read_programme(file)


def test_a_file_that_repeats_itself_without_end_is_refused(file: Path) -> None:
    repeated = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 8))
    assert complaint(file, f"x0: &x0 [a, a]\n{repeated}").endswith("the file says too much; anchors repeat too often")


def test_a_file_of_a_megabyte_is_refused(file: Path) -> None:
    assert complaint(file, "#" * 2**20 + "\n").endswith("is larger than 1024 kB")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadProgramme, match="cannot be read: Is a directory"):
        read_programme(tmp_path)


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
        (numbered("cafe", "22222"), r"b\.yml:3: id: cafe is the id of .*a\.yml too; each programme needs its own"),
        (numbered("gym", "11111"), r"b\.yml:9: whatsapp\.phone_number_id: must differ from the one in .*a\.yml; each"),
    ],
)
def test_programmes_of_a_folder_must_differ(tmp_path: Path, second: str, message: str) -> None:
    (tmp_path / "a.yml").write_text(numbered("cafe", "11111"), "utf-8")
    (tmp_path / "b.yml").write_text(second, "utf-8")
    with pytest.raises(BadProgramme, match=message):
        read_programmes(tmp_path)


def test_the_mistakes_of_all_files_of_a_folder_are_named_at_once(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(changed("EUR", "EURO"), "utf-8")
    (tmp_path / ".#a.yml").write_text("an editor's own", "utf-8")
    with pytest.raises(BadProgramme) as refused:
        read_programmes(tmp_path)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        str(tmp_path / "a.yml"), str(tmp_path / "b.yml"),
    ]  # fmt: skip


# ---- anchors and languages


def test_what_an_anchor_repeats_is_read_and_has_its_line(file: Path) -> None:
    text = changed("    detail: {en: At the bar,", "    detail: &bar {en: At the bar,")
    text = text.replace("    detail: {en: Plain or filled,", "    detail: *bar #")
    file.write_text(text, "utf-8")
    assert read_programme(file).rewards[1].detail == read_programme(file).rewards[0].detail
    broken = text.replace("es: En la barra, fr: Au comptoir,", "es: En la barra,")
    at = line_of(broken, "detail: &bar")
    assert complaint(file, broken).splitlines() == [
        f"{file}:{at}: rewards.0.detail: has no text in fr",
        f"{file}:{line_of(broken, 'detail: *bar')}: rewards.1.detail: has no text in fr",
    ]


def test_a_merged_mapping_gives_way_to_what_is_said_beside_it(file: Path) -> None:
    text = SAMPLE.replace("friend: {reward: croissant}", "friend: &gift {reward: croissant, points: 5}")
    text = text.replace("gift: {reward: cappuccino}", "gift: &more {points: 7, reward: cappuccino}")
    referral = text.index("referral:")
    text = text.replace("referrer: {points: 20}", "referrer: {<<: *more, points: 3}")
    assert text.index("&more") < referral
    file.write_text(text, "utf-8")
    programme = read_programme(file)
    assert programme.referral.referrer is not None
    assert (programme.referral.referrer.points, programme.referral.referrer.reward) == (3, "cappuccino")


def in_two_languages() -> str:
    """The sample in English and Italian only."""
    text = SAMPLE.replace("language: it\n", "language: it\nlanguages: [it, en]\n")
    text = re.sub(r"\n +(?:es|fr|ar): .*", "", text)
    return re.sub(r", es: [^}]*}", "}", text)


def test_a_file_needs_texts_in_its_own_languages_only(file: Path) -> None:
    file.write_text(in_two_languages(), "utf-8")
    programme = read_programme(file)
    assert programme.languages == ("it", "en")
    assert (programme.contact["en"], programme.contact["fr"]) == (programme.contact["en"], programme.contact["it"])
    assert Programme.model_validate(programme.document()) == programme


def test_a_text_missing_in_a_language_of_the_file_is_named(file: Path) -> None:
    text = in_two_languages().replace("name: {en: Cappuccino, it: Cappuccino}", "name: {en: Cappuccino}", 1)
    at = line_of(text, "name: {en: Cappuccino}")
    assert complaint(file, text) == f"{file}:{at}: rewards.2.name: has no text in it"


def test_a_place_has_the_line_it_stands_in(file: Path) -> None:
    file.write_text(SAMPLE, "utf-8")
    read = read_file(file)
    at = line_of(SAMPLE, "window_days:")
    assert read.where(("referral", "window_days")) == f"{file}:{at}: referral.window_days"
    assert read.where(("referral", "review_days")) == f"{file}:{line_of(SAMPLE, 'referral:')}: referral.review_days"
