"""The pictures of the flows are well-formed, complete, and those in the documentation are current."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from conversation.flowing.parts import Tools, build_parts
from conversation.saying.sentences import Sentences
from passaparola.flow_pictures import FOLDER, mermaid, outdated, svg, write

FLOWS = [part.flow for part in build_parts(Tools(Sentences({}), "", ""))]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: str(flow.name))
def test_a_picture_shows_every_state_and_event(flow) -> None:  # type: ignore[no-untyped-def]  # a flow of any facts
    drawn = ElementTree.fromstring(svg(flow.machine))
    words = {text.strip() for element in drawn.iter() for text in (element.text or "",)}
    assert {state.id.replace("_", " ") for state in flow.machine.states} <= words
    said = " ".join(words)
    assert all(event.name.lower() in said for event in flow.machine.events)
    assert all(f"as {state.id}\n" in mermaid(flow.machine) for state in flow.machine.states)


def test_those_in_the_documentation_are_current() -> None:
    assert list(outdated(FOLDER, FLOWS)) == [], "run `passaparola flows`"


def test_what_is_old_missing_or_changed_is_found_and_drawn_anew(tmp_path: Path) -> None:
    write(tmp_path, FLOWS)
    assert list(outdated(tmp_path, FLOWS)) == []
    (tmp_path / "chess.svg").write_text("<svg/>", "utf-8")
    (tmp_path / "redemption.mmd").write_text("stateDiagram-v2", "utf-8")
    (tmp_path / "redemption.svg").unlink()
    found = {Path(file).name for file in outdated(tmp_path, FLOWS)}
    assert found == {"chess.svg", "redemption.mmd", "redemption.svg"}
    write(tmp_path, FLOWS)
    assert list(outdated(tmp_path, FLOWS)) == []
