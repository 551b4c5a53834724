"""The trained weights, of the current model."""

from evaluation.errors import EvaluationError
from nlu.weights import Weights
from passaparola.model_weights import weights_in
from passaparola.settings import Settings
from passaparola.training import is_current


def trained_weights() -> Weights:
    """The weights of the current model. Raises `EvaluationError` if there is none."""
    model = Settings(_env_file=None).model
    if not is_current(model):
        raise EvaluationError("there is no current model: run `make train`")
    return weights_in(model)
