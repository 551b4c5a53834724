"""What was made of sentences whose meaning is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from evaluation.errors import EvaluationError
from nlu.clarity import NOT_UNDERSTOOD, OUT_OF_SCOPE, Clear, Thresholds, judge
from nlu.learning import Lesson, families, learn
from nlu.weights import Guess, Weights
from passaparola.examples import read_examples

TRAINING, TEST, CONFIG = Path("data/nlu"), Path("data/test"), Path("config.yml")
CLASSIFIER, REJECTION = "nlu.classifier.ChatClassifier", "nlu.rejection.Rejection"
UNCLEAR = frozenset({OUT_OF_SCOPE, NOT_UNDERSTOOD})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sentence, the ranking of what it may mean (likeliest first), its language, and the verdict."""

    lesson: Lesson
    ranking: tuple[Guess, ...]
    language: Guess | None
    clear: Clear

    @property
    def guessed(self) -> str:
        """The intent that is taken."""
        return self.clear.intent

    def chance(self, intent: str) -> float:
        """How likely the model thinks an intent."""
        return next((float(guess["confidence"]) for guess in self.ranking if guess["name"] == intent), 0.0)

    @property
    def inside(self) -> float:
        """How likely the best intent in scope is."""
        return max((float(guess["confidence"]) for guess in self.ranking if guess["name"] not in UNCLEAR), default=0.0)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The figures of `config.yml` that the pipeline works with."""

    c: float
    seen: int
    thresholds: Thresholds

    @classmethod
    def read(cls, config: Path = CONFIG) -> "Pipeline":
        """Raises `EvaluationError` if the pipeline lacks a component."""
        components = {one["name"]: one for one in YAML(typ="safe").load(config.read_text("utf-8"))["pipeline"]}
        if not {CLASSIFIER, REJECTION} <= components.keys():
            raise EvaluationError(f"{config}: the pipeline needs {CLASSIFIER} and {REJECTION}")
        classifier = components[CLASSIFIER]
        return cls(classifier["C"], classifier["seen"], Thresholds.read(components[REJECTION]))

    def learn(self, lessons: Sequence[Lesson]) -> Weights:
        """What is learnt from sentences."""
        return learn(lessons, c=self.c, seen=self.seen)

    def judge(self, weights: Weights, lessons: Sequence[Lesson]) -> list[Outcome]:
        """What is made of sentences."""
        found = []
        for lesson in lessons:
            ranking, language = weights.guess(lesson.text)
            found.append(Outcome(lesson, tuple(ranking), language, judge(ranking, self.thresholds)))
        return found


def lessons_of(folder: Path) -> list[Lesson]:
    """The sentences of a folder of training files. Raises `EvaluationError` if there are none."""
    found = [Lesson(one.text, one.intent, one.language) for one in read_examples(folder)]
    if not found:
        raise EvaluationError(f"{folder}/ has no sentences")
    return found


def cross_validate(pipeline: Pipeline, lessons: Sequence[Lesson], folds: int) -> Iterator[list[Outcome]]:
    """The outcomes of each of `folds` parts, learnt from the others. Families of sentences stay together."""
    part = families(len(lessons)) % folds
    for fold in range(folds):
        weights = pipeline.learn([lesson for lesson, place in zip(lessons, part, strict=True) if place != fold])
        yield pipeline.judge(weights, [lesson for lesson, place in zip(lessons, part, strict=True) if place == fold])
