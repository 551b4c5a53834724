"""The draw: each number as likely as any other, fixed by both sides, replayed by anybody."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from loyalty.errors import Invalid
from loyalty.games.draw import (
    Field,
    Fields,
    check_nonce,
    commit,
    fold,
    new_seed,
    number,
    prize_at,
    total_of,
    turn,
    verify,
)

FIELDS = (Field("coffee", 500), Field("cake", 300), Field("mug", 25), Field("nothing", 175))
DRAWS = 100_000
SUSPICIOUS = 0.001
"""An honest wheel comes out below this once in a thousand; the seeds here are always the same, so it never does."""

GUIDE = Path(__file__).parents[2] / "docs" / "games.md"

weights = st.lists(st.integers(1, 10**6), min_size=1, max_size=50)
texts = st.text(min_size=1, max_size=64)


def fields_of(*sizes: int) -> Fields:
    return tuple(Field(f"prize-{place}", weight) for place, weight in enumerate(sizes))


def spun(fields: Fields) -> Counter[str]:
    """What so many spins give, each with a seed of its own."""
    return Counter(
        prize_at(number(commit(str(spin)), f"spin-{spin}", "ciao", total_of(fields)), fields) for spin in range(DRAWS)
    )


def fit(seen: Counter[str], fields: Fields) -> float:
    """How likely an honest wheel is to be at least so far off."""
    draws = seen.total()
    expected = [draws * field.weight / total_of(fields) for field in fields]
    return float(chisquare([seen[field.prize] for field in fields], expected).pvalue)


def test_a_hundred_thousand_draws_fit_the_odds() -> None:
    seen = spun(FIELDS)
    assert seen.total() == DRAWS
    assert fit(seen, FIELDS) > SUSPICIOUS


def test_every_number_of_a_total_that_divides_no_power_of_two_is_as_likely() -> None:
    fields = fields_of(*[1] * 37)
    seen = spun(fields)
    assert len(seen) == 37
    assert fit(seen, fields) > SUSPICIOUS


def test_a_draw_that_prefers_a_prize_by_one_in_a_hundred_is_found() -> None:
    tilted = (Field("coffee", 510), Field("cake", 290), Field("mug", 25), Field("nothing", 175))
    assert fit(spun(tilted), FIELDS) < SUSPICIOUS


def test_the_few_highest_values_are_thrown_away_because_they_would_favour_low_numbers() -> None:
    assert fold(2**256 - 1, 3) is None  # 2**256 is three times something, and one
    assert fold(2**256 - 2, 3) == 2
    assert fold(2**256 - 1, 2) == 1
    assert fold(0, 10**9) == 0


@given(st.integers(0, 2**256 - 1), st.integers(1, 10**9))
def test_a_value_folds_into_a_number_below_the_total_or_is_thrown_away(value: int, total: int) -> None:
    folded = fold(value, total)
    if folded is None:
        assert value // total == 2**256 // total  # it lies in the last, incomplete round
    else:
        assert folded == value % total


@given(weights)
def test_each_prize_has_exactly_the_numbers_of_its_weight(sizes: list[int]) -> None:
    fields = fields_of(*sizes)
    end = 0
    for field in fields:
        assert prize_at(end, fields) == field.prize
        end += field.weight
        assert prize_at(end - 1, fields) == field.prize
    assert end == total_of(fields)
    for beyond in (-1, end):
        with pytest.raises(ValueError, match="lies on no field"):
            prize_at(beyond, fields)


def test_without_chance_the_prizes_come_in_order_as_often_as_they_weigh_and_then_again() -> None:
    fields = (Field("coffee", 2), Field("cake", 1))
    prizes = [prize_at(turn(place, fields), fields) for place in range(1, 8)]
    assert prizes == ["coffee", "coffee", "cake", "coffee", "coffee", "cake", "coffee"]


def test_seeds_are_long_and_never_the_same() -> None:
    seeds = {new_seed() for _ in range(1000)}
    assert len(seeds) == 1000
    assert {len(bytes.fromhex(seed)) for seed in seeds} == {32}


@given(texts, texts, weights)
def test_an_honest_draw_verifies_and_another_prize_does_not(spin: str, nonce: str, sizes: list[int]) -> None:
    seed, fields = new_seed(), fields_of(*sizes)
    prize = prize_at(number(seed, spin, nonce, total_of(fields)), fields)
    for field in fields:
        honest = verify(
            spin=spin, commitment=commit(seed), seed=seed, nonce=nonce, fields=fields, prize=field.prize
        )  # fmt: skip
        assert honest is (field.prize == prize)


def test_a_seed_that_was_changed_afterwards_is_found() -> None:
    promised, other = new_seed(), new_seed()
    prize = prize_at(number(other, "spin-1", "ciao", 1000), FIELDS)
    assert not verify(
        spin="spin-1", commitment=commit(promised), seed=other, nonce="ciao", fields=FIELDS, prize=prize
    )  # fmt: skip
    assert verify(spin="spin-1", commitment=commit(other), seed=other, nonce="ciao", fields=FIELDS, prize=prize)


def test_the_spin_and_the_nonce_both_decide() -> None:
    seed = new_seed()
    assert len({number(seed, f"spin-{spin}", "ciao", 10**9) for spin in range(50)}) == 50
    assert len({number(seed, "spin-1", f"nonce-{nonce}", 10**9) for nonce in range(50)}) == 50


def test_a_nonce_can_be_anything_that_can_be_typed_again() -> None:
    for nonce in ("7", "buona fortuna!", "حظ سعيد", "🎡", "x" * 64):
        assert check_nonce(nonce) == nonce
    for nonce in ("", "x" * 65, "two\nlines", "nul\0", "tab\t"):
        with pytest.raises(Invalid, match="1 to 64 printable signs") as refused:
            check_nonce(nonce)
        assert refused.value.field == "nonce"


# The guide for customers


def block(language: str) -> str:
    """What the guide says in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return str(found)


def facts() -> dict[str, str]:
    """The values of the guide's example."""
    return dict(re.findall(r'^(\w+) = "(.*)"$', block("python"), re.MULTILINE))


def test_the_program_in_the_guide_runs_without_anything_of_ours_and_prints_what_the_guide_says() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", block("python")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("promise kept: True, ")
    assert f"`{done.stdout.strip()}`" in GUIDE.read_text("utf-8")


def test_the_example_in_the_guide_is_one_of_our_draws() -> None:
    told = facts()
    odds = [Field(prize, int(weight)) for prize, weight in re.findall(r'\("(\w+)", (\d+)\)', block("python"))]
    assert verify(
        spin=told["spin"], commitment=told["promise"], seed=told["seed"], nonce=told["nonce"], fields=odds,
        prize="espresso",
    )  # fmt: skip
    assert number(told["seed"], told["spin"], told["nonce"], total_of(odds)) == 873


@pytest.mark.skipif(
    shutil.which("sha256sum") is None or shutil.which("openssl") is None, reason="no such commands here"
)
def test_the_commands_in_the_guide_print_what_the_guide_says() -> None:
    first, promised, second, digest = block("console").splitlines()
    assert first.startswith("$ ")
    assert second.startswith("$ ")
    for command, said in ((first, promised), (second, digest)):
        done = subprocess.run(["bash", "-c", command[2:]], capture_output=True, text=True, check=True)
        assert re.findall("[0-9a-f]{64}", done.stdout) == re.findall("[0-9a-f]{64}", said) != []
    assert facts()["promise"] in promised
