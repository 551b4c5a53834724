"""Every conversation in this folder, played through the whole stack. The files are named for what they show."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rasa.core.agent import Agent

from loyalty.books.audit import audit
from loyalty.clock import FixedClock
from tests.conversations.conftest import Open
from tests.conversations.script import Player, read_script
from tests.stack import running

FILES = sorted(Path(__file__).parent.glob("*.yml"))


@pytest.mark.model
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem.replace("_", " "))
async def test_conversation(file: Path, open_stack: Open) -> None:
    script = read_script(file)
    async with open_stack(script.programme) as stack:
        sent = await Player(stack, script).play()
        assert sent > 0
        assert not stack.graph.refused, "WhatsApp refused a message"
        result = await stack.house.store.read(audit)
        assert not result.findings


@pytest.mark.model
async def test_the_main_job_runs_on_postgres_as_well(agent: Agent, postgres_database: str) -> None:
    script = read_script(Path(__file__).parent / "a_member_asks_for_her_points_and_redeems_a_reward.yml")
    clock = FixedClock(datetime(2026, 3, 3, 9, tzinfo=UTC))
    async with running(agent, postgres_database, clock, script.programme) as stack:
        await Player(stack, script).play()
        result = await stack.house.store.read(audit)
        assert not result.findings
