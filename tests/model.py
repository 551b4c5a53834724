"""The trained model, for tests that need it."""

import os
from pathlib import Path

import pytest
from rasa.core.agent import Agent
from rasa.core.utils import AvailableEndpoints

from passaparola.settings import Settings
from passaparola.training import is_current


def require_model() -> Path:
    """The model file. Without a current one the test is skipped, under CI it fails."""
    model = Settings(_env_file=None).model
    if not is_current(model):
        reason = "there is no current model: run `make train`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return model


def load_model() -> Agent:
    """The model as the chat process loads it."""
    model = require_model()
    endpoints = AvailableEndpoints.read_endpoints("endpoints.yml")
    return Agent.load(str(model), generator=endpoints.nlg)
