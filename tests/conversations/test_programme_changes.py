"""A programme file is saved while people write: the next answer goes by the new rules, no process is started again."""

from pathlib import Path

import pytest

from loyalty.files.live import EVERY
from simulator import Customer
from tests.conversations.conftest import Open
from tests.stack import Stack

pytestmark = pytest.mark.model

SAM = Customer("Sam", "+447700900123", None, "en")
CAFE = Path("programmes/cafe.yml").read_text("utf-8")


async def answer(stack: Stack, text: str) -> str:
    """What the bot answers to a text."""
    stack.clock.forward(EVERY)
    stack.window.wrote(SAM.keys, stack.clock.now().timestamp())
    (sent,) = await stack.answers(stack.webhooks.text(SAM, text))
    return sent.text


def save(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")


async def test_the_next_answer_goes_by_the_file_as_it_is_now(open_stack: Open, tmp_path: Path) -> None:
    file = tmp_path / "cafe.yml"
    save(file, CAFE)
    async with open_stack(file) as stack:
        assert "you get 20 points" in await answer(stack, "how does inviting friends work?")
        changed = CAFE.replace("referrer: {points: 20}", "referrer: {points: 33}").replace(
            "20 points and", "33 points and"
        )
        save(file, changed.replace("  window_days: 60", "  window_days: sixty"))
        assert "you get 20 points" in await answer(stack, "how does inviting friends work?")
        assert [problem.split(": ")[1] for problem in stack.house.programmes.problems] == ["referral.window_days"]
        save(file, changed)
        assert "you get 33 points" in await answer(stack, "how does inviting friends work?")
        assert stack.house.programmes.problems == ()
