"""`python -m evaluation --compare`: Rasa's stock classifiers on the same training data and the same test split.

Each is trained by Rasa as a model of its own, in a folder that is thrown away. TensorFlow is needed for DIET.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from evaluation.measures import macro_f1
from evaluation.outcomes import TEST, TRAINING, lessons_of
from evaluation.report import FOLDER
from loyalty.programme import LANGUAGES
from nlu.clarity import OUT_OF_SCOPE
from nlu.learning import Lesson
from passaparola.logs import configure

FEATURES: list[dict[str, Any]] = [
    {"name": "WhitespaceTokenizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
]

ABOUT = (
    "Macro-F1 on the [test split](test-split.md), the same training data, no threshold for the stock ones: their "
    "`out_of_scope` is an intent like any other. Times are those of Rasa's whole training and of `parse_message`, one "
    "after the other on the same machine. `python -m evaluation --compare` makes this page."
)


def compare_all(
    epochs: int, say: Callable[[str], None], folder: Path = FOLDER, *, training: Path = TRAINING, test: Path = TEST
) -> None:
    """Train and measure each, and write `comparison.md`."""
    pipelines: dict[str, list[dict[str, Any]]] = {
        "ours": YAML(typ="safe").load(Path("config.yml").read_text("utf-8"))["pipeline"],
        "stock LogisticRegressionClassifier": [*FEATURES, {"name": "LogisticRegressionClassifier"}],
        f"DIET ({epochs} epochs)": [
            *FEATURES,
            {"name": "DIETClassifier", "epochs": epochs, "entity_recognition": False, "random_seed": 1},
        ],
    }
    configure("WARNING")
    rows = []
    for name, pipeline in pipelines.items():
        say(f"{name}: training …")
        rows.append(_row(name, pipeline, training, lessons_of(test)))
        say(rows[-1])
        _write(rows, folder / "comparison.md")


def _row(name: str, pipeline: list[dict[str, Any]], training: Path, test: Sequence[Lesson]) -> str:
    import rasa.model_training  # noqa: PLC0415 -- it takes seconds, and TensorFlow
    from rasa.core.agent import Agent  # noqa: PLC0415 -- as above

    with tempfile.TemporaryDirectory() as place:
        config = Path(place) / "config.yml"
        with config.open("w", encoding="utf-8") as file:
            document = {"recipe": "default.v1", "assistant_id": "comparison", "language": "en", "pipeline": pipeline}
            YAML(typ="safe").dump(document, file)
        began = time.perf_counter()
        model = rasa.model_training.train_nlu(str(config), str(training), place, domain="domain.yml")
        trained = time.perf_counter() - began
        size = Path(str(model)).stat().st_size / 1e6
        agent = Agent.load(str(model))
        guessed, began = [], time.perf_counter()
        for lesson in test:
            raw = asyncio.run(agent.parse_message(lesson.text))
            intent = raw["intent"]["name"]
            guessed.append(OUT_OF_SCOPE if intent in {None, "nlu_fallback"} else intent)
        parse = (time.perf_counter() - began) / len(test) * 1000
    pairs = [(lesson.intent, guess) for lesson, guess in zip(test, guessed, strict=True)]
    f1 = [
        macro_f1(pair for lesson, pair in zip(test, pairs, strict=True) if lesson.language == language)
        for language in LANGUAGES
    ]
    outside = [guess for wanted, guess in pairs if wanted == OUT_OF_SCOPE]
    inside = [guess for wanted, guess in pairs if wanted != OUT_OF_SCOPE]
    figures = [
        *(f"{value:.3f}" for value in (*f1, macro_f1(pairs))),
        f"{outside.count(OUT_OF_SCOPE) / len(outside):.3f}", f"{inside.count(OUT_OF_SCOPE) / len(inside):.3f}",
        f"{trained:.0f} s", f"{parse:.1f} ms", f"{size:.1f} MB",
    ]  # fmt: skip
    return f"| {name} | {' | '.join(figures)} |"


def _write(rows: list[str], file: Path) -> None:
    heads = ["", *LANGUAGES, "all", "out of scope rejected", "in scope rejected", "training", "parse", "model"]
    lines = [
        "# Compared with Rasa's own classifiers", "", ABOUT, "",
        "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *rows, "",
    ]  # fmt: skip
    file.write_text("\n".join(lines), "utf-8")
