"""What may be said in a programme and is probably not meant is found where it stands."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loyalty.files.advice import advise
from loyalty.files.reading import read_programme
from loyalty.programme import LANGUAGES, Programme
from passaparola.check import check_programmes

TODAY = date(2026, 11, 21)
ROOT = Path(__file__).parents[2]
NAME = dict.fromkeys(("en", "it", "es", "fr", "ar"), "x")
LEVELS = [{"id": "all", "name": NAME, "from": 0}, {"id": "gold", "name": NAME, "from": 5000}]
ANSWERS = [dict.fromkeys(LANGUAGES, sign) for sign in "ABCD"]
QUESTION = {"text": NAME, "answers": ANSWERS[:2], "right": 1}
QUIZ = {"id": "q", "name": NAME, "points": 1, "questions": [QUESTION]}
PICTURE = "https://example.com/a.jpg"
PRIZES = [{"id": "a", "name": NAME, "weight": 1}, {"id": "b", "name": NAME, "weight": 1}]
WHEEL = {"name": NAME, "total": 2, "prizes": PRIZES}


def changed(cafe: Programme, changes: Mapping[str, Any]) -> Programme:
    """The café with other parts; a dotted name reaches into a part."""
    document: Any = cafe.document()
    for name, value in changes.items():
        *way, last = name.split(".")
        part = document
        for step in way:
            part = part[int(step)] if step.isdecimal() else part[step]
        part[int(last) if last.isdecimal() else last] = value
    return Programme.model_validate(document)


ADVICE: dict[str, tuple[dict[str, Any], str, str]] = {
    "a cap of nothing": ({"earning.caps.day": 0}, "earning.caps.day", "0 means that nobody earns anything"),
    "nothing to earn": (
        {"earning.purchase.points": 0, "earning.joining": 0, "earning.activities": {}}, "earning", "nothing earns"
    ),
    "points that wait longer than they live": (
        {"earning.purchase.pending_days": 60, "earning.expire_months": 2}, "earning.expire_months", "points wait 60"
    ),
    "a bonus that ends when it begins": (
        {"earning.bonuses": [{"id": "b", "name": NAME, "points": 1, "when": {"hours": ["15:00", "15:00"]}}]},
        "earning.bonuses.0.when.hours", "begins when it ends",
    ),
    "a bonus that is over": (
        {"earning.bonuses": [{"id": "b", "name": NAME, "points": 1, "when": {"dates": {"until": "2026-11-20"}}}]},
        "earning.bonuses.0.when.dates.until", "was over on 2026-11-20",
    ),
    "a reward that is over": ({"rewards.2.dates": {"until": "2026-01-31"}}, "rewards.2.dates.until", "was over on"),
    "a challenge that is over": (
        {"challenges": [{"id": "c", "name": NAME, "measure": "orders", "target": 3, "dates": {"until": "2026-10-31"}}]},
        "challenges.0.dates.until", "was over on 2026-10-31",
    ),
    "a quiz that is over": (
        {"games.quizzes": [{**QUIZ, "dates": {"until": "2025-12-31"}}]}, "games.quizzes.0.dates.until", "was over on"
    ),
    "a picture above a list": (
        {"games.quizzes": [{**QUIZ, "questions": [{**QUESTION, "answers": ANSWERS, "image": PICTURE}]}]},
        "games.quizzes.0.questions.0.image", "two messages",
    ),
    "a question that is too long": (
        {"games.quizzes": [{**QUIZ, "questions": [{**QUESTION, "text": dict.fromkeys(LANGUAGES, "x" * 990)}]}]},
        "games.quizzes.0.questions.0", "two messages",
    ),
    "an explanation that is too long with what follows": (
        {"games.quizzes": [{**QUIZ, "questions": [
            {**QUESTION, "explanation": dict.fromkeys(LANGUAGES, "x" * 600)},
            {**QUESTION, "text": dict.fromkeys(LANGUAGES, "x" * 400)},
        ]}]},
        "games.quizzes.0.questions.1", "two messages",
    ),
    "a wheel that is over": (
        {"games.wheel": {**WHEEL, "chance": False, "dates": {"until": "2025-12-31"}}}, "games.wheel.dates.until", "was"
    ),
    "a level beyond the cap": (
        {"earning.caps.month": 100, "tiers": {"measure": "points", "months": 12, "levels": LEVELS}},
        "tiers.levels.1.from", "nobody can reach gold",
    ),
    "a level beyond the cap of a year": (
        {"earning.caps.month": 400, "tiers": {"measure": "points", "calendar": "year", "levels": LEVELS}},
        "tiers.levels.1.from", "nobody can reach gold",
    ),
    "a reward without stock": ({"rewards.0.stock": 0}, "rewards.0.stock", "there is none"),
    "a budget for less than one": (
        {"rewards.0.cost": "5.00", "rewards.0.budget": "4.00"}, "rewards.0.budget", "is not enough for one"
    ),
    "a gift that nobody is given": ({"rewards.0.gift_only": True}, "rewards.0.gift_only", "no rule gives it"),
    "a price beyond all points": (
        {"earning.caps.month": 10, "referral.referrer": None, "dialogs": ()},
        "rewards.5.points",
        "nobody can have so many points",
    ),
    "a milestone for nothing": ({"milestones.0.gift": None}, "milestones.0", "gives nothing"),
    "quizzes counted where there are none": (
        {"milestones.0.measure": "quizzes"}, "milestones.0.measure", "counts quizzes, and there are none"
    ),
    "levels by quizzes where there are none": (
        {"tiers": {"measure": "quizzes", "levels": LEVELS}}, "tiers.levels.1.from", "nobody can reach gold"
    ),
    "friends for nothing": (
        {"referral.referrer": None, "referral.friend": None}, "referral", "nobody gets anything for bringing a friend"
    ),
    "points for friends who need only join": (
        {"referral.on": "registration", "referral.a_month": None}, "referral.on", "joining costs nothing"
    ),
    "a wheel of chance": ({"games.wheel": WHEEL}, "games.wheel", "a wheel of chance is a lottery"),
    "a wheel of chance that says so": (
        {"games.wheel": {**WHEEL, "chance": True}}, "games.wheel.chance", "DPR 430/2001); ask before you use it"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ADVICE)
def test_what_is_probably_not_meant_is_found(cafe: Programme, name: str) -> None:
    changes, where, said = ADVICE[name]
    ((place, text),) = advise(changed(cafe, changes), TODAY)
    assert (".".join(map(str, place)), said in text) == (where, True), text


def test_a_reward_for_levels_nobody_reaches_is_found(cafe: Programme) -> None:
    tiers = {"measure": "points", "months": 12, "levels": LEVELS}
    programme = changed(cafe, {"earning.caps.month": 100, "tiers": tiers, "rewards.0.tiers": ["gold"]})
    assert [place for place, _ in advise(programme, TODAY)] == [("tiers", "levels", 1, "from"), ("rewards", 0, "tiers")]


def test_a_spin_of_chance_that_costs_points_is_told_of_twice(cafe: Programme) -> None:
    programme = changed(cafe, {"games.wheel": {**WHEEL, "price": 10}})
    assert [place for place, _ in advise(programme, TODAY)] == [("games", "wheel"), ("games", "wheel", "price")]


@pytest.mark.parametrize(
    "changes",
    [
        {"rewards.2.dates": {"until": "2026-11-21"}},
        {"earning.caps.month": 100, "tiers": {"measure": "points", "levels": LEVELS}},
        {"earning.caps.month": 400, "tiers": {"measure": "points", "months": 12, "levels": LEVELS}},
        {"earning.caps.month": 10},  # friends bring points as well
        {"earning.purchase.pending_days": 59, "earning.expire_months": 2},
        {"games.quizzes": [QUIZ], "milestones.0.measure": "quizzes"},
        {"games.wheel": {**WHEEL, "chance": False, "price": 10}},
        {"referral.on": "registration"},
    ],
)
def test_what_makes_sense_is_left_alone(cafe: Programme, changes: dict[str, Any]) -> None:
    assert list(advise(changed(cafe, changes), TODAY)) == []


# ---- as `passaparola check` tells it


def test_a_warning_has_file_and_line_and_is_marked(tmp_path: Path) -> None:
    text = (ROOT / "programmes" / "cafe.yml").read_text("utf-8").replace("voucher_days: 30", "stock: 0", 1)
    file = tmp_path / "mine.yml"
    file.write_text(text, "utf-8")
    line = text[: text.index("stock: 0")].count("\n") + 1
    assert list(check_programmes(file, TODAY)) == [
        f"{file}:{line}: rewards.0.stock: warning: there is none; leave stock out if there is no end to it"
    ]


def test_the_ready_made_programmes_are_checked_beside_the_one_that_is_set(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("id: mine\n", "utf-8")
    found = list(check_programmes(file, TODAY))
    assert found
    assert all(finding.startswith(f"{file}:") for finding in found)
    assert read_programme(ROOT / "programmes" / "cafe.yml").id == "cafe"
