"""Messages that were not understood as a file: written for a designer, read again with what she decided."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from passaparola.annotating import Candidate, Desk
from passaparola.examples import items
from passaparola.filing import NotFiled

OK, DISCARD = "ok", "discard"
_HEAD = """\
# Messages that were not understood, without what says who wrote them.
# `intent:` takes the name of an intent, `ok` for the suggested one, `discard`; left empty, a message stays for later.
# `text:` may be corrected and annotated: i want the [flat white](reward)
# Then: passaparola annotate --import {file}
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a designer wrote beside a message: an intent, `discard`, or nothing; and where."""

    candidate: Candidate
    intent: str
    where: str


def write_file(file: Path, messages: Sequence[Candidate]) -> None:
    """Write messages into a new file. Raises `FileExistsError` if it is there, since it may hold decisions."""
    rows = [
        {
            "text": one.text, "language": one.language, "times": one.times, "suggested": one.suggested or "",
            "intent": "", "ids": list(one.ids),
        }
        for one in messages
    ]  # fmt: skip
    yaml = YAML()
    yaml.width = 10_000
    with file.open("x", encoding="utf-8") as out:
        out.write(_HEAD.format(file=file))
        yaml.dump({"messages": rows}, out)


def read_file(file: Path) -> list[Decision]:
    """The decisions in a file. Raises `YAMLError` naming file and line."""
    return [_decision(item, f"{file}:{item.lc.line + 1}") for item in items(file, "messages")]


def mistakes(desk: Desk, decisions: Sequence[Decision]) -> Iterator[str]:
    """What cannot be done as it is written, each with file and line."""
    for one in decisions:
        if one.intent == OK:
            yield f"{one.where}: there is no suggestion to say ok to: write the name of an intent"
        elif one.intent not in {"", DISCARD, *desk.intents}:
            yield f"{one.where}: {one.intent} is no intent of the domain"
        elif one.intent not in {"", DISCARD}:
            try:
                desk.shelf.check(one.intent, one.candidate.language, one.candidate.text)
            except NotFiled as refusal:
                yield f"{one.where}: {refusal}"


def carry_out(desk: Desk, decisions: Sequence[Decision]) -> Iterator[str]:
    """Do what was decided; yields what could not be done, because of what was filed just before."""
    for one in decisions:
        if one.intent == DISCARD:
            desk.discard(one.candidate)
        elif not one.intent:
            desk.tally.skipped += 1
        else:
            try:
                desk.file(one.candidate, one.intent, one.candidate.text)
            except NotFiled as refusal:
                yield f"{one.where}: {refusal}"


def _decision(item: Any, where: str) -> Decision:
    text, language, suggested, intent = (
        str(item.get(key) or "").strip() for key in ("text", "language", "suggested", "intent")
    )
    ids = tuple(number for number in item.get("ids") or () if isinstance(number, int))
    meant = suggested if intent == OK and suggested else intent
    return Decision(Candidate(text, language, 1, suggested or None, chosen=False, ids=ids), meant, where)
