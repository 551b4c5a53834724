"""Runs of `passaparola` in a process of their own: what they say, and with which exit code they end."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("PASSAPAROLA_", "WHATSAPP_", "SHOPIFY_", "WOOCOMMERCE_")
MAIN = """
import contextlib, io, json, os, sys
from passaparola.__main__ import main

before, told = dict(os.environ), []
for arguments, environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(before | environment)
    sys.argv = ["passaparola", *arguments]
    code, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    told.append([code, out.getvalue(), err.getvalue()])
json.dump(told, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A command and the settings it is given."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line it said."""
        (line,) = self.err.splitlines()
        return line


def clean_environment() -> dict[str, str]:
    """This process's environment without any settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def run_all(cases: Mapping[str, Case], folder: Path) -> dict[str, Outcome]:
    """Run each case through the entry point, one after the other in one process, with `folder` as the current one."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        input=json.dumps([[list(case.arguments), dict(case.environment)] for case in cases.values()]),
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return {name: Outcome(*told) for name, told in zip(cases, json.loads(done.stdout), strict=True)}
