"""The stock bot: what `rasa init` makes, with one custom action over HTTP, as Rasa's tutorial has it.

Pipeline and policies are Rasa's defaults (DIET, TED and what else an empty `config.yml` stands for), the channel is
REST. Changed is only that a greeting is answered by a custom action, and the address of the action server.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from benchmarks.programs import HOST, WORK, Program, free_port

ANSWER = "Hello from the action server!"
SEED = 1  # of the patch: another number makes another bot
TRAINED = "trained.json"
RASA = (sys.executable, "-m", "rasa")
REPAIRED = (sys.executable, "-P", str(Path(__file__).with_name("stock_rasa.py")))
Tracker = Literal["memory", "sqlite"]

_ACTIONS = f'''\
from rasa_sdk import Action


class ActionHello(Action):
    def name(self):
        return "action_hello"

    async def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="{ANSWER}")
        return []
'''
_RULE = """
- rule: Say hello anytime the user greets
  steps:
  - intent: greet
  - action: action_hello
"""


@dataclass(frozen=True, slots=True)
class StockBot:
    """The running bot: the server that is compared, and its action server."""

    server: Program
    actions: Program
    url: str


def folder() -> Path:
    """Where the bot of this version is kept."""
    return WORK / "stock" / f"rasa-{version('rasa')}-{SEED}"


def prepare(*, retrain: bool = False) -> float:
    """Create and train the bot if that was not done yet; the seconds its training took."""
    home = folder()
    mark = home / TRAINED
    if retrain or not mark.is_file():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        _create(home)
        began = time.perf_counter()
        _run((*RASA, "train", "--fixed-model-name", "stock"), home)
        mark.write_text(json.dumps({"seconds": time.perf_counter() - began}), "utf-8")
    return float(json.loads(mark.read_text("utf-8"))["seconds"])


def _create(home: Path) -> None:
    """`rasa init` without the training at its end, which would train a bot that is not yet complete."""
    _run((sys.executable, "-c", "from rasa.cli.scaffold import create_initial_project as c; c('.')"), home)
    _change(home / "domain.yml", "responses:\n", "actions:\n  - action_hello\n\nresponses:\n")
    _change(home / "data/stories.yml", "action: utter_greet", "action: action_hello")
    rules = home / "data/rules.yml"
    rules.write_text(rules.read_text("utf-8") + _RULE, "utf-8")
    (home / "actions/actions.py").write_text(_ACTIONS, "utf-8")
    (home / "credentials.yml").write_text("rest:\n", "utf-8")


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    if old not in text:
        raise ValueError(f"{file} is not what this version of Rasa was known to make")
    file.write_text(text.replace(old, new), "utf-8")


def _run(command: tuple[str, ...], home: Path) -> None:
    with (home / "create.log").open("ab") as log:
        subprocess.run(command, cwd=home, check=True, env=Program.environment({}), stdout=log, stderr=log)


@asynccontextmanager
async def running(tracker: Tracker = "memory", *, repaired: bool = True) -> AsyncIterator[StockBot]:
    """The bot at work, its conversations in memory (as `rasa init` has it) or in a SQLite file.

    `repaired` takes a handicap away that it has in our environment only (`stock_rasa.py` says which).
    """
    home = folder()
    port, actions_port = free_port(), free_port()
    with TemporaryDirectory(dir=WORK, prefix="stock-") as extra:
        endpoints = [f"action_endpoint:\n  url: http://{HOST}:{actions_port}/webhook\n"]
        if tracker == "sqlite":
            endpoints.append(f"tracker_store:\n  type: SQL\n  dialect: sqlite\n  db: {extra}/stock.db\n  query: {{}}\n")
        file = Path(extra) / "endpoints.yml"
        file.write_text("".join(endpoints), "utf-8")
        actions = Program(
            "stock-actions", (*RASA, "run", "actions", "--port", str(actions_port)), home, {},
            f"http://{HOST}:{actions_port}/health",
        )  # fmt: skip
        rasa, name = (REPAIRED, f"stock-{tracker}") if repaired else (RASA, f"stock-{tracker}-as-it-is")
        run = ("run", "--interface", HOST, "--port", str(port), "--model", "models/stock.tar.gz")
        where = ("--endpoints", str(file), "--credentials", "credentials.yml")
        server = Program(name, (*rasa, *run, *where), home, {}, f"http://{HOST}:{port}/")
        async with actions, server:
            yield StockBot(server, actions, f"http://{HOST}:{port}/webhooks/rest/webhook")
