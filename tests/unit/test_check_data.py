"""Training sentences as a whole: what repeats, contradicts, leaks, is neglected, or stands under the wrong intent."""

from collections.abc import Iterator
from pathlib import Path

from loyalty.programme import LANGUAGES
from passaparola.check_data import check_data, one_sided, repetitions
from passaparola.examples import Example
from passaparola.nearest import nearer_elsewhere

WARNING = "warning: "


def example(text: str, intent: str = "check_points", language: str = "en", line: int = 1) -> Example:
    return Example(intent, language, text, frozenset(), f"nlu.yml:{line}")


def numbered(texts: Iterator[tuple[str, str]]) -> list[Example]:
    return [example(text, intent, line=line) for line, (intent, text) in enumerate(texts, 1)]


def test_spellings_the_model_does_not_tell_apart_stand_twice() -> None:
    found = repetitions(
        [example("été  ok", language="fr"), example("grazieee"), example("ETE ok", language="fr", line=3)]
    )
    assert list(found) == ["nlu.yml:3: stands twice (nlu.yml:1): ETE ok"]


def test_a_sentence_may_stand_in_two_languages_but_in_neither_twice() -> None:
    words = [example("ok", language=language, line=line) for line, language in enumerate(["en", "it", "it"], 1)]
    assert list(repetitions(words)) == ["nlu.yml:3: stands twice (nlu.yml:2): ok"]


def test_two_intents_contradict_each_other_in_any_language() -> None:
    words = [example("sì", "affirm", "it"), example("si", "thank", "es", line=2)]
    assert list(repetitions(words)) == ["nlu.yml:2: stands under affirm too (nlu.yml:1): si"]


def test_a_neglected_language_is_warned_about_where_it_begins() -> None:
    counts = {"en": 20, "it": 24, "es": 20, "fr": 30, "ar": 9}
    examples = [
        example(f"{language} {number}", language=language, line=100 * place + number)
        for place, (language, count) in enumerate(counts.items())
        for number in range(count)
    ]
    assert list(one_sided(examples)) == ["nlu.yml:400: check_points has 9 sentences in ar, in the other languages 22"]
    assert list(one_sided([one for one in examples if one.language != "ar"])) == []


def test_a_copied_test_sentence_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "en.yml").write_text(
        "nlu:\n- intent: check_points\n  metadata: {language: en}\n  examples: |\n    - what is on my card today\n",
        "utf-8",
    )
    found = list(check_data([example("What is on my card todayy?", line=7)], warning=WARNING, test=tmp_path))
    assert found == ["nlu.yml:7: is a sentence of the test split, or nearly; take it out, it makes the test blunt"]
    assert list(check_data([example("What is on my card", language="it")], warning=WARNING, test=tmp_path)) == []


def shop() -> Iterator[tuple[str, str]]:
    things = ["account", "card", "profile", "phone", "name", "wallet", "app", "membership", "number", "balance"]
    for thing in things:
        yield "check_points", f"how many points are on my {thing}"
        yield "list_rewards", f"which rewards can my {thing} get"
        yield "out_of_scope", f"repair my {thing} please"


def test_a_sentence_under_the_wrong_intent_is_found_and_no_other() -> None:
    wrong = example("how many points are on my old card", "list_rewards", line=99)
    (stray,) = nearer_elsewhere([*numbered(shop()), wrong])
    assert (stray.example, stray.nearer) == (wrong, "check_points")
    assert stray.like.intent == "check_points"
    assert nearer_elsewhere(numbered(shop())) == []


def test_what_is_out_of_scope_may_look_like_anything() -> None:
    bait = example("how many points are on my old card", "out_of_scope", line=99)
    assert nearer_elsewhere([*numbered(shop()), bait]) == []


def test_a_language_is_compared_with_itself_only() -> None:
    wrong = example("how many points are on my old card", "list_rewards", "it", line=99)
    assert nearer_elsewhere([*numbered(shop()), wrong]) == []


def test_the_warning_names_both_places(tmp_path: Path) -> None:
    wrong = example("how many points are on my old card", "list_rewards", line=900)
    found = list(check_data([*numbered(shop()), wrong], warning=WARNING, test=tmp_path / "none"))
    (stray,) = [finding for finding in found if "is nearer to" in finding]
    told = "nlu.yml:900: warning: stands under list_rewards, is nearer to check_points (nlu.yml:4): "
    assert stray == told + "how many points are on my old card"


def test_little_or_nothing_is_no_problem() -> None:
    assert nearer_elsewhere([]) == []
    assert nearer_elsewhere([example("...")]) == []
    assert nearer_elsewhere([example("hi"), example("hi", "greet")]) == []
    assert list(one_sided([example("hi", language=language) for language in LANGUAGES])) == []
