"""When Rasa can do without TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

from passaparola.light_rasa import install, needs_tensorflow
from tests.unit.helpers_cli import clean_environment

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yml"
    file.write_text(text, "utf-8")
    return file


def test_the_pipeline_of_this_repository_needs_none() -> None:
    assert not needs_tensorflow(ROOT / "config.yml")


@pytest.mark.parametrize(
    "entry",
    [
        "  - name: DIETClassifier",
        '  - name: "DIETClassifier"',
        "  - name: 'DIETClassifier'",
        "  - name:   DIETClassifier",
        "  -   name: TEDPolicy",
        "  - {name: ResponseSelector, epochs: 5}",
        '  - {"name": "ResponseSelector"}',
        "  - epochs: 100\n    name: UnexpecTEDIntentPolicy",
        "  - name: LanguageModelFeaturizer",
        "  - name: rasa.nlu.classifiers.diet_classifier.DIETClassifier",
        '  - name: "rasa.core.policies.ted_policy.TEDPolicy"',
    ],
)
def test_a_component_that_computes_with_it_is_seen_however_it_is_written(tmp_path: Path, entry: str) -> None:
    config = written(tmp_path, f"recipe: default.v1\npipeline:\n  - name: WhitespaceTokenizer\n{entry}\n")
    assert needs_tensorflow(config)
    assert not install(config)


@pytest.mark.parametrize(
    "entry",
    [
        "  - name: LogisticRegressionClassifier",
        "  - name: nlu.annotated.AnnotatedEntityExtractor",
        "  - name: RegexEntityExtractor # instead of DIETClassifier",
        "  - name: SomeDIET",
        "  - name: FallbackClassifier\n    nickname: TEDDY",
    ],
)
def test_other_components_need_none(tmp_path: Path, entry: str) -> None:
    assert not needs_tensorflow(written(tmp_path, f"pipeline:\n{entry}\n"))


def test_without_a_configuration_nothing_is_replaced(tmp_path: Path) -> None:
    assert not install(tmp_path / "config.yml")


PROGRAM = """
import sys
from pathlib import Path
from passaparola import light_rasa

assert light_rasa.install(Path("config.yml"))
before = len(sys.meta_path)
assert light_rasa.install(Path("config.yml"))
assert len(sys.meta_path) == before, "once is enough"
import tensorflow as tf
import tensorflow.keras.layers
from tensorflow.python.keras import backend
import tensorflow_hub

class Layer(tf.keras.layers.Layer):
    @tf.function
    def call(self, x: tf.Tensor) -> "tf.Tensor | None":
        return x

assert Layer().call(7) == 7
assert tf.function(input_signature=[tf.TensorSpec])(len)([1, 2]) == 2
assert isinstance(tf.Tensor, type)
assert not hasattr(tf, "__nothing__")
import json
assert json.loads("[1]") == [1]
print("light", tf.__spec__.name)
"""


def test_what_stands_in_for_it_can_be_imported_subclassed_and_decorated_with(tmp_path: Path) -> None:
    written(tmp_path, "pipeline:\n  - name: WhitespaceTokenizer\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "light tensorflow", "")
