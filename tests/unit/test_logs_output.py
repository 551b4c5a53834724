"""What a process writes once logging is configured; looked at from outside, since it is set up once a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging, warnings
import structlog
from passaparola import logs

logs.configure()
log = structlog.get_logger()
log.debug("not told")
log.info("message from 393331234567", contact="+393331234567", outbox_id="1234567", number_id="106540352242922")
logging.getLogger("asyncio").error("Bearer %s for %s", "EAAGsecret", "393331234567")
logging.getLogger("asyncio").warning("%s", {"wa_id": "393331234567"})
logging.getLogger("rasa").warning("not told")
warnings.warn("not told")
for tell in (log.exception, logging.getLogger("asyncio").exception):
    try:
        raise ValueError("[parameters: ('393331234567', 'Bearer EAAGsecret')]")
    except ValueError:
        tell("it failed")
"""


def written(**options: Any) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, timeout=60, check=True, text=True, **options)
    return str(done.stderr)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return written(capture_output=True).splitlines()


@pytest.fixture(scope="module")
def on_a_terminal() -> str:
    ours, theirs = os.openpty()
    try:
        written(stdout=subprocess.DEVNULL, stderr=theirs)
        return os.read(ours, 2**20).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_no_number_and_no_token_is_written_anywhere(lines: list[str], on_a_terminal: str) -> None:
    for text in ("\n".join(lines), on_a_terminal):
        assert "393331234567" not in text
        assert "EAAGsecret" not in text
        assert "…567" in text or "\\u2026567" in text
        assert text.count("it failed") == 2
        assert text.count("ValueError") >= 2


def test_an_event_is_one_line_of_json_with_its_facts(lines: list[str]) -> None:
    told = json.loads(lines[0])
    assert told["event"] == "message from …567"
    assert told["contact"] == "…567"
    assert (told["outbox_id"], told["number_id"]) == ("1234567", "106540352242922")
    assert told["level"] == "info"
    assert told["timestamp"].endswith("Z")


def test_libraries_speak_from_a_warning_on_and_rasa_from_an_error_on(lines: list[str]) -> None:
    assert "ERROR asyncio: Bearer … for …567" in lines
    assert "WARNING asyncio: {'wa_id': '…567'}" in lines
    assert not any("not told" in line for line in lines)
