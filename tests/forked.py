"""Processes of their own for tests that kill them: forked from one that has imported what they need, to be quick.

There is one such server in a test run, whoever asks first; so it imports what any of them needs. Rasa comes without
TensorFlow.
"""

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from typing import Any

PRELOAD = [
    "tests.forked_light", "tests.crash.parrot", "tests.store.kills", "tests.store.campaign_process",
    "loyalty.store.sqlite", "loyalty.store.postgres",
    "pytest",
]  # fmt: skip


def forked(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """A process that will run `target`; not started yet."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context.Process(target=target, args=args, daemon=True)
