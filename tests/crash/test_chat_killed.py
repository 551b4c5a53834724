"""kill -9 on the chat process: every message is answered once, or its answer is marked, and nothing is stuck."""

import random

import pytest

from benchmarks.programs import free_port
from tests.crash.kills import LOAD, killed

KILLS = 8


@pytest.mark.timeout(110)
async def test_every_message_is_answered_once_or_marked_however_often_the_chat_is_killed(sqlite_database: str) -> None:
    found = await killed(sqlite_database, free_port(), KILLS, random.Random())
    assert found.sound, found
    assert found.messages == found.answered + found.unsure == KILLS * LOAD, found
    assert found.unsure < found.messages / 2, "marking everything would be no art"
