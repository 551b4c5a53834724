"""Training the model, and knowing whether the one there is still the right one."""

import hashlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from passaparola import light_rasa
from passaparola.errors import CommandError
from passaparola.logs import quiet_libraries

NLU = "data/nlu"
SOURCES = ("config.yml", "domain.yml", NLU, "data/rules", "nlu")
"""What the model is made of."""
TICK = 10.0


def fingerprint() -> str:
    """A hash of everything the model is made of."""
    digest = hashlib.sha256()
    for source in map(Path, SOURCES):
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        for file in files:
            if file.suffix in {".yml", ".py"} and file.is_file():
                digest.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(model: Path) -> bool:
    """Whether the model is there and was trained from the files as they are now."""
    mark = _mark(model)
    return model.is_file() and mark.is_file() and mark.read_text("utf-8").strip() == fingerprint()


def train(model: Path, say: Callable[[str], None]) -> None:
    """Train and save the model. Raises `CommandError` if Rasa refuses the data."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    light_rasa.install()
    began = time.monotonic()
    say("training the model (about a minute on two cores) …")
    quiet_libraries()
    import rasa.model_training  # noqa: PLC0415 -- after the stand-in for TensorFlow is in place
    from rasa.shared.exceptions import RasaException  # noqa: PLC0415 -- as above

    made_of = fingerprint()
    noise = io.StringIO()
    try:
        with _ticking(began), redirect_stdout(noise), redirect_stderr(noise):
            result = rasa.model_training.train(
                domain="domain.yml",
                config="config.yml",
                training_files=[NLU, "data/rules"],
                output=str(model.parent),
                force_training=True,
                fixed_model_name=model.name.removesuffix(".tar.gz"),
            )
    except RasaException as error:
        raise CommandError(f"the model was not trained: {error}") from None
    if result.code != 0 or result.model is None:
        log = model.with_name("training.log")
        log.write_text(noise.getvalue(), "utf-8")
        raise CommandError(
            f"the model was not trained: {log} says why, `passaparola check` what is wrong with the data"
        )
    _mark(model).write_text(made_of + "\n", "utf-8")
    size = model.stat().st_size / 1e6
    say(f"trained in {time.monotonic() - began:.0f} s: {model} ({size:.1f} MB)")


@contextmanager
def _ticking(began: float) -> Iterator[None]:
    """Say now and then that the work goes on."""
    done = threading.Event()
    out = sys.stderr

    def tick() -> None:
        while not done.wait(TICK):
            print(f"  … {time.monotonic() - began:.0f} s", file=out, flush=True)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _mark(model: Path) -> Path:
    return model.with_name(model.name.removesuffix(".tar.gz") + ".fingerprint")
