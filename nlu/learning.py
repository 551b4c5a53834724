"""Learning intents and languages from sentences: TF-IDF, linear support vectors, a temperature; naive Bayes.

Support vectors say on which side of a border a sentence is, not how sure that is. Held-out sentences tell: their
scores are divided by the one number that makes them as sure as they are right.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import current_process, get_context
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from nlu.ngrams import ngrams
from nlu.weights import Array, Weights

FAMILY = 10
"""So many sentences in a row are likely to be variations of a thought: they are held out together."""
FOLDS = 6
"""One of so many families is held out to find the temperature."""
TOLERANCE = 0.3
"""How far from the optimum learning may stop. At 0.01 it takes half as long again and understands no better."""
SMOOTHING = 0.1
WORTH_A_PROCESS = 10_000
"""So many sentences take longer to learn than a process takes to start."""
_TEMPERATURES = (0.05, 2.0)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A sentence, what it means, and the language it is in, if that is known."""

    text: str
    intent: str
    language: str | None = None


def learn(lessons: Sequence[Lesson], *, c: float, seen: int) -> Weights:
    """Learn. `c` is how hard to try to get every sentence right; n-grams in fewer than `seen` sentences are left out.

    The same sentences in the same order give the same weights.
    """
    intents = np.array([lesson.intent for lesson in lessons])
    counter = CountVectorizer(analyzer=ngrams, min_df=seen)
    counts = counter.fit_transform([lesson.text for lesson in lessons])
    tfidf = TfidfTransformer(sublinear_tf=True)
    features = tfidf.fit_transform(counts)
    held_out = families(len(lessons)) % FOLDS == 0
    temperature = 1.0
    if len(set(intents[~held_out])) == len(set(intents)):
        early, final = _fit_both((features[~held_out], intents[~held_out], c), (features, intents, c))
        temperature = _temperature(_scores(early, features[held_out]), early.classes_, intents[held_out])
    else:
        final = _fit(features, intents, c)
    weights, bias = final.coef_, final.intercept_
    if len(final.classes_) == 2:  # one border for two classes
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    told = np.array([lesson.language is not None for lesson in lessons])
    languages = MultinomialNB(alpha=SMOOTHING)
    if told.any():
        languages.fit(counts[told], [lesson.language for lesson in lessons if lesson.language is not None])
    else:
        languages.fit(counts[:1], [""])
    log_odds = languages.feature_log_prob_ - languages.feature_log_prob_.mean(axis=0)
    arrays: dict[str, Array] = {
        "intents": final.classes_.astype(str),
        "weights": np.ascontiguousarray(weights.T, dtype=np.float16),
        "bias": bias.astype(np.float32),
        "idf": tfidf.idf_.astype(np.float32),
        "temperature": np.array(temperature, np.float32),
        "languages": languages.classes_.astype(str),
        "language_weights": np.ascontiguousarray(log_odds.T, dtype=np.float16),
        "language_bias": languages.class_log_prior_.astype(np.float32),
    }
    return Weights([str(ngram) for ngram in counter.get_feature_names_out()], arrays)


def families(count: int) -> Array:
    """The number of the family of each of `count` sentences, as they stand in the files."""
    return np.arange(count) // FAMILY


def _fit(features: Any, intents: Array, c: float) -> LinearSVC:
    return LinearSVC(C=c, tol=TOLERANCE, max_iter=200, random_state=0).fit(features, intents)


def _fit_both(one: tuple[Any, Array, float], other: tuple[Any, Array, float]) -> tuple[LinearSVC, LinearSVC]:
    """Both at once, where there is so much to learn that it is worth a process: threads would share liblinear's dice,
    and the same sentences would give other weights each time."""
    if len(other[1]) < WORTH_A_PROCESS or current_process().daemon:
        return _fit(*one), _fit(*other)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as beside:
        first = beside.submit(_fit, *one)
        second = _fit(*other)
        return first.result(), second


def _scores(model: LinearSVC, features: Any) -> Array:
    scores: Array = model.decision_function(features)
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


def _temperature(scores: Array, classes: Array, right: Array) -> float:
    """The number to divide scores by so that what is right becomes as likely as possible (Guo et al., 2017)."""
    places = np.searchsorted(classes, right)

    def surprise(temperature: float) -> float:
        scaled = scores / temperature
        top = scaled.max(axis=1, keepdims=True)
        spread = top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1))
        return float(np.mean(spread - scaled[np.arange(len(places)), places]))

    return float(minimize_scalar(surprise, bounds=_TEMPERATURES, method="bounded").x)
