"""`passaparola annotate`, from what customers wrote to the training data, over the command line."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from conversation.turning import clarifying
from loyalty.files.reading import read_programmes
from loyalty.revisions import ensure_programme
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from passaparola.__main__ import cli
from passaparola.examples import read_examples

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
NLU = """\
# What customers say.
version: "3.1"
nlu:
- intent: check_points
  metadata: {language: it}
  examples: |
    - quanti punti ho
- intent: redeem_reward
  metadata: {language: it}
  examples: |
    - vorrei un premio
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A project with little training data, in which three messages were not understood."""
    for part in ("data/nlu", "data/test", "var"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "data/nlu/all.yml").write_text(NLU, "utf-8")
    shutil.copy(ROOT / "domain.yml", tmp_path)
    for name in ("config.yml", "programmes", "migrations"):
        os.symlink(ROOT / name, tmp_path / name)
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with chdir(ROOT):
        upgrade(url)
        (programme,) = read_programmes(Path("programmes/cafe.yml")).values()

    def work(session: Session) -> None:
        ensure_programme(session, programme, now=NOW)
        said = [("boh +39 333 1234567", (), ""), ("il flat wite", ("redeem_reward",), "redeem_reward"), ("xyz", (), "")]
        for number, (words, offered, chosen) in enumerate(said):
            clarifying.note(
                session, programme.id, f"w{number}", words, name="", language="it", offered=offered, now=NOW
            )
            if chosen:
                clarifying.note_choice(session, programme.id, f"w{number}", chosen)

    async def run() -> None:
        store = open_store(url)
        await store.write(work)
        await store.close()

    asyncio.run(run())
    with chdir(tmp_path):
        yield tmp_path


def command(folder: Path, *arguments: str) -> Result:
    settings = {
        "PASSAPAROLA_DATABASE_URL": f"sqlite:///{folder / 'store.db'}",
        "PASSAPAROLA_PROGRAMME": "programmes/cafe.yml",
        "PASSAPAROLA_MODEL": str(folder / "none.tar.gz"),
    }
    return CliRunner().invoke(cli, ["annotate", *arguments], env=settings)


def test_what_was_not_understood_goes_out_is_decided_and_comes_back(folder: Path) -> None:
    result = command(folder, "--export", "said.yml")
    assert "3 messages are in said.yml" in result.output, result.exception
    text = (folder / "said.yml").read_text("utf-8")
    assert "333" not in text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line == "- text: il flat wite":
            lines[number] = "- text: il [flat white](reward)"
            place = next(at for at in range(number, len(lines)) if lines[at].startswith("  intent:"))
            lines[place] = "  intent: ok"
    (folder / "said.yml").write_text("\n".join(lines), "utf-8")
    done = command(folder, "--import", "said.yml")
    assert "1 filed" in done.output, done.exception
    assert (folder / "data/nlu/all.yml").read_text("utf-8") == f"{NLU}    - il [flat white](reward)\n"
    assert [one.entities for one in read_examples(folder / "data/nlu")][-1] == {"reward"}
    left = command(folder, "--export", "left.yml").output
    assert "flat wite" not in (folder / "left.yml").read_text("utf-8")
    assert left.startswith("2 messages")


def test_a_mistake_in_the_file_files_nothing(folder: Path) -> None:
    command(folder, "--export", "said.yml")
    text = (folder / "said.yml").read_text("utf-8")
    decided = text.replace("intent: ''", "intent: dance", 1).replace("intent: ''", "intent: redeem_reward")
    (folder / "said.yml").write_text(decided, "utf-8")
    done = command(folder, "--import", "said.yml")
    assert "nothing was filed" in str(done.exception)
    assert "said.yml:6: dance is no intent of the domain" in done.output
    assert (folder / "data/nlu/all.yml").read_text("utf-8") == NLU


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "this is no terminal: use --export"),
        (("--export", "a.yml", "--import", "b.yml"), "use one of them"),
        (("--import", "nowhere.yml"), "nowhere.yml:1: cannot be read"),
        (("--export", "domain.yml"), "domain.yml is there already"),
        (("--export", "nowhere/a.yml"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in str(command(folder, *arguments).exception)


def test_a_language_nobody_wrote_in_has_nothing(folder: Path) -> None:
    assert "nothing was misunderstood" in command(folder, "--language", "ar", "--export", "a.yml").output
    assert not (folder / "a.yml").exists()


def test_only_so_many_are_written(folder: Path) -> None:
    assert "2 messages are in" in command(folder, "--limit", "2", "--export", "a.yml").output
