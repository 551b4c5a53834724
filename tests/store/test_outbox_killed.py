"""kill -9 while messages go out: each arrives once or is marked, in order, and nothing is stuck."""

import random

import pytest

from tests.store.kills import LOAD, killed

KILLS = 12


@pytest.mark.timeout(110)
async def test_every_message_arrives_once_or_is_marked_however_often_the_sender_is_killed(sqlite_database: str) -> None:
    found = await killed(sqlite_database, KILLS, random.Random())
    assert (found.twice, found.lost, found.stuck, found.disorder) == (0, 0, 0, 0), found
    assert found.messages == KILLS * LOAD
    assert found.unsure < found.messages / 2, "marking everything would be no art"
