"""Every conversation in this folder, played through the whole stack. The files are named for what they show."""

from pathlib import Path

import pytest

from loyalty.audit import audit
from tests.conversations.conftest import Open
from tests.conversations.script import Player, read_script

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
