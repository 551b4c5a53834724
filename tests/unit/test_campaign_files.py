"""Campaign files: what is right is read, and every mistake is named with its line and what is allowed."""

from pathlib import Path

import pytest

from campaigns.assigning import arm_of, expected_shares
from campaigns.checking import check_campaigns
from campaigns.design import CONTROL, Design
from campaigns.errors import BadCampaign
from campaigns.reading import read_campaign
from conversation.saying.sentences import Sentences
from loyalty.programme import Programme
from passaparola.check_campaigns import check_campaign_files
from tests.conftest import ROOT

GOOD = """\
id: winter
programme: cafe
message:
  template: we_miss_you
"""
SENTENCES = Sentences.load(ROOT / "data" / "responses")


def read(tmp_path: Path, text: str) -> Design:
    file = tmp_path / "winter.yml"
    file.write_text(text, "utf-8")
    return read_campaign(file)


def test_the_least_that_can_be_said(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.id, found.programme, found.category, list(found.arms)) == ("winter", "cafe", "marketing", ["message"])
    assert Design.model_validate(found.document()) == found


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("rate_per_secnd: 3\n", 5, "rate_per_secnd: this key is not known here; did you mean rate_per_second?"),
        ("audience:\n  points: {}\n", 6, "audience.points: says nothing: set from or to"),
        ("audience:\n  points: {from: 5, to: 3}\n", 6, "audience.points: from is more than to"),
        ("audience:\n  tags: [VIP]\n", 6, "takes a tag such as vip"),
        ("audience:\n  any_of: []\n", 6, "audience.any_of: "),
        ("audience:\n  last_purchase: {within_days: 3, not_within_days: 9}\n", 6, "nobody fits"),
        ("audience:\n  birthday: {next_days: 3, month: 2}\n", 6, "takes next_days or month"),
        ("schedule: {day: 2026-12-01}\n", 5, "day and time go together"),
        ("schedule: {at: 2026-12-01T10:00:00}\n", 5, "schedule.at: "),
        ('schedule: {day: 2026-12-01, time: "25:00"}\n', 5, "takes a time of day in quotes"),
        ("control_share: 1.5\n", 5, "control_share: "),
        ("measure: {metric: reply}\ncontrol_share: 0.1\n", 5, "somebody who gets nothing cannot reply or click"),
        ("measure: {sample: {baseline: 0.05}}\n", 5, "takes per_variant, or baseline with effect"),
        ("max_cost: {amount: 5, currency: euro}\n", 5, "takes a currency such as EUR"),
        ("variants: [{id: a, message: {template: x}}]\n", 3, "takes message, or variants, one of the two"),
        ("id: again\n", 5, "id: this key stands twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, more: str, line: int, said: str) -> None:
    with pytest.raises(BadCampaign) as caught:
        read(tmp_path, GOOD + more)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{tmp_path / 'winter.yml'}:{line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{}", "says nothing: set template or sentence"),
        ("{template: x, buttons: [help]}", "stand under a sentence"),
        ("{template: x, values: {a: {field: shoe_size}}}", "message.values.a: takes words, a number, {field: …}"),
        ("{template: 'Bad Name'}", "takes a template's name"),
    ],
)
def test_a_mistake_in_a_message_is_named(tmp_path: Path, message: str, said: str) -> None:
    with pytest.raises(BadCampaign, match=r"winter\.yml:3: ") as caught:
        read(tmp_path, f"id: winter\nprogramme: cafe\nmessage: {message}\n")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n", "id: [\n", "id: winter\n", "id: winter\nprogramme: cafe\n"])
def test_what_is_no_campaign_is_refused_in_lines(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadCampaign) as caught:
        read(tmp_path, text)
    assert all(line.startswith(str(tmp_path)) for line in str(caught.value).splitlines())
    assert "a programme is" not in str(caught.value)


def test_two_variants_of_one_name_are_refused(tmp_path: Path) -> None:
    arm = "{id: a, message: {template: x}}"
    with pytest.raises(BadCampaign, match="a is taken"):
        read(tmp_path, f"id: winter\nprogramme: cafe\nvariants: [{arm}, {arm}]\n")
    with pytest.raises(BadCampaign, match="control is taken"):
        read(tmp_path, "id: winter\nprogramme: cafe\nvariants: [{id: control, message: {template: x}}]\n")


def test_what_a_campaign_names_must_exist(tmp_path: Path, cafe: Programme) -> None:
    (tmp_path / "one.yml").write_text(
        "id: one\nprogramme: cafe\naudience: {tiers: [platinum], reward_in_reach: yacht}\n"
        "message: {template: nothing, sentence: {en: 'Hi {who}'}, buttons: [fly]}\n", "utf-8",
    )  # fmt: skip
    (tmp_path / "two.yml").write_text(GOOD.replace("cafe", "bar").replace("winter", "one"), "utf-8")
    (tmp_path / "three.yml").write_text(GOOD.replace("winter", "one"), "utf-8")
    templates = {"we_miss_you": {"programme", "prize"}}
    found = "\n".join(check_campaigns(tmp_path, SENTENCES, templates, {"cafe": cafe}))
    for said in (
        "one.yml:3: audience: names the tier platinum", "names the reward yacht", "there is no data/templates/nothing",
        "nothing is said of the gap {who}", "there is no sentence button.fly", "there is no programme bar",
        "three.yml:4: message.template: nothing is said of its gap {prize}", "three.yml:1: id: one is the id of",
    ):  # fmt: skip
        assert said in found, found


def test_the_campaign_that_is_shipped_is_in_order() -> None:
    folder, templates = ROOT / "data" / "campaigns", ROOT / "data" / "templates"
    programmes = ROOT / "programmes"
    assert list(folder.glob("*.yml"))
    found = check_campaign_files(programmes / "cafe.yml", programmes, SENTENCES, folder=folder, templates=templates)
    assert list(found) == []


def test_variants_are_drawn_evenly_and_always_alike() -> None:
    arms = ("a", "b", "c")
    drawn = [arm_of("salt", f"member-{number}", arms, 0.25) for number in range(12_000)]
    assert drawn == [arm_of("salt", f"member-{number}", arms, 0.25) for number in range(12_000)]
    for arm, share in expected_shares(arms, 0.25).items():
        assert abs(drawn.count(arm) / 12_000 - share) < 0.02
    other = [arm_of("pepper", f"member-{number}", arms, 0.25) for number in range(12_000)]
    alike = sum(one == two for one, two in zip(drawn, other, strict=True)) / 12_000
    assert 0.2 < alike < 0.3, "another salt draws anew"
    assert CONTROL not in {arm_of("salt", f"member-{number}", arms, 0.0) for number in range(1000)}
