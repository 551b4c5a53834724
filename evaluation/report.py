"""The report in Markdown: a page for the test split, one for cross-validation, one that sums up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation import pictures
from evaluation.measures import (
    calibration,
    calibration_error,
    confusions,
    language_scores,
    macro_f1,
    pairs_of,
    rejection,
    rejection_curve,
    scores,
    standard_error,
)
from evaluation.outcomes import Outcome, Pipeline
from loyalty.programme import LANGUAGES
from nlu.clarity import Verdict

FOLDER = Path("docs/evaluation")
MARGINS = tuple(2.0 ** (power / 2) for power in range(-10, 15))
_SHOWN = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_CONFUSIONS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Outcomes under a name: `test-split` or `cross-validation`."""

    name: str
    title: str
    about: str
    outcomes: Sequence[Outcome]


def write(parts: Sequence[Measured], pipeline: Pipeline, sure_language: float, folder: Path = FOLDER) -> None:
    """Write all pages and pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        (folder / f"{part.name}.md").write_text(_page(part, pipeline, sure_language, folder), "utf-8")
    pictures.reliability([(part.title, calibration(part.outcomes)) for part in parts], folder / "reliability.svg")
    curves = [(part.title, rejection_curve(part.outcomes, MARGINS)) for part in parts]
    chosen = [(found.inside, found.outside) for found in (rejection(part.outcomes) for part in parts)]
    pictures.rejections(curves, chosen, folder / "rejection.svg")
    (folder / "report.md").write_text(_summary(parts, pipeline), "utf-8")


def _summary(parts: Sequence[Measured], pipeline: Pipeline) -> str:
    by_language = [
        [part.title, *(_f1(part.outcomes, language) for language in LANGUAGES),
         f"{macro_f1(pairs_of(part.outcomes)):.3f}"]
        for part in parts
    ]  # fmt: skip
    thrown = [
        [part.title, f"{found.outside:.3f}", f"{found.inside:.3f}", f"{found.asked:.3f}",
         f"{calibration_error(calibration(part.outcomes)):.3f}"]
        for part in parts
        for found in [rejection(part.outcomes)]
    ]  # fmt: skip
    return "\n\n".join([
        "# How well customers are understood",
        "Written by `make evaluate`; [understanding.md](../understanding.md) explains it. "
        + " ".join(f"[{part.title}]({part.name}.md): {part.about}" for part in parts),
        "## Macro-F1\n\nThe mean of the F1 of all intents, out of scope among them, ± one standard error (bootstrap).",
        _table(["", *LANGUAGES, "all"], by_language),
        "## Rejection and calibration",
        _table(["", "out of scope rejected", "in scope rejected", "asked about", "calibration error"], thrown),
        _thresholds(pipeline),
        "![out of scope rejected against in scope rejected](rejection.svg)",
        "![how often guesses are right, by how sure they are](reliability.svg)",
    ]) + "\n"  # fmt: skip


def _thresholds(pipeline: Pipeline) -> str:
    found = pipeline.thresholds
    return (
        f"Thresholds: sure {found.sure}, ask {found.ask}, margin {found.margin} (`config.yml`). A sentence is rejected "
        "if its intent is taken to be `out_of_scope` or `nlu_fallback`."
    )


def _f1(outcomes: Sequence[Outcome], language: str) -> str:
    pairs = pairs_of(one for one in outcomes if one.lesson.language == language)
    return f"{macro_f1(pairs):.3f} ± {standard_error(pairs):.3f}"


def _page(part: Measured, pipeline: Pipeline, sure_language: float, folder: Path) -> str:
    outcomes = part.outcomes
    all_scores = scores(pairs_of(outcomes))
    by_language = {
        language: scores(pairs_of(one for one in outcomes if one.lesson.language == language)) for language in LANGUAGES
    }
    values = [[_value(by_language[language], intent) for language in LANGUAGES] for intent in all_scores]
    pictures.heat(list(all_scores), LANGUAGES, values, folder / f"{part.name}-intents.svg")
    intents = [
        [f"`{intent}`", str(score.count), f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}",
         *(f"{_value(by_language[language], intent):.2f}" for language in LANGUAGES)]
        for intent, score in all_scores.items()
    ]  # fmt: skip
    confused = [
        [f"`{wanted}`", f"`{got}`", str(count), _example(outcomes, wanted, got)]
        for wanted, got, count in confusions(pairs_of(outcomes), _CONFUSIONS)
    ]
    curve = [[f"{margin:g}", f"{outside:.3f}", f"{inside:.3f}"] for margin, outside, inside in
             rejection_curve(outcomes, _SHOWN)]  # fmt: skip
    bins = [[f"{one.confidence:.2f}", f"{one.accuracy:.2f}", str(one.count)] for one in calibration(outcomes)]
    languages = [[name, f"{one.accuracy:.3f}", f"{one.sure:.3f}", f"{one.accuracy_if_sure:.3f}"]
                 for name, one in sorted(language_scores(outcomes, sure_language).items())]  # fmt: skip
    return "\n\n".join([
        f"# {part.title}", f"{part.about} [Summary](report.md).",
        "## Intents\n\nF1 by language in the last columns.",
        _table(["intent", "sentences", "precision", "recall", "F1", *LANGUAGES], intents),
        f"![F1 of each intent in each language]({part.name}-intents.svg)",
        "## Taken for another", _table(["means", "taken for", "times", "for example"], confused),
        "## Verdicts", _table(["verdict", "share", "taken intent is right"], _verdicts(outcomes)),
        "## Rejection\n\nBy margin: how many times as likely as `out_of_scope` the best other intent must be.",
        _table(["margin", "out of scope rejected", "in scope rejected"], curve),
        "## Calibration", _table(["confidence", "right", "sentences"], bins),
        f"## Language of the message\n\nFrom {sure_language} on a conversation follows it.",
        _table(["", "right", "sure", "right if sure"], languages),
    ]) + "\n"  # fmt: skip


def _verdicts(outcomes: Sequence[Outcome]) -> Iterable[Sequence[str]]:
    for verdict in Verdict:
        group = [one for one in outcomes if one.clear.verdict is verdict]
        right = sum(wanted == got for wanted, got in pairs_of(group))
        share = f"{right / len(group):.3f}" if group else ""
        yield [verdict.value, f"{len(group) / len(outcomes):.3f}", share]
    asked = [one for one in outcomes if one.clear.verdict is Verdict.ASK]
    offered = sum(one.lesson.intent in one.clear.alternatives for one in asked)
    yield ["ask: the right one is offered", "", f"{offered / len(asked):.3f}" if asked else ""]


def _value(found: Mapping[str, object], intent: str) -> float:
    return float(getattr(found.get(intent), "f1", 0.0))


def _example(outcomes: Sequence[Outcome], wanted: str, got: str) -> str:
    fitting = (one.lesson.text for one, pair in zip(outcomes, pairs_of(outcomes), strict=True) if pair == (wanted, got))
    return min(fitting, key=len).replace("|", "/")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
