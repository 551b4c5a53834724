"""kill -9 while a campaign runs: nobody gets it twice, nobody is forgotten, and the rate is what the file says."""

import random

import pytest

from tests.store.campaign_process import killed

KILLS = 10


@pytest.mark.timeout(110)
async def test_a_campaign_goes_on_at_its_rate_however_often_it_is_killed(database: str, backend: str) -> None:
    processes = 1 if backend == "sqlite" else 2
    found = await killed(database, people=500, rate=25, kills=KILLS, dice=random.Random(), processes=processes)
    assert (found.twice, found.lost) == (0, 0), found
    assert found.arrived + found.unsure >= found.people, found
    assert found.unsure < found.people / 2, "marking everything would be no art"
    assert found.planned_rate == pytest.approx(25, rel=0.02), found
