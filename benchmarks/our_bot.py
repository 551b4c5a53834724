"""Our bot as the benchmarks see it: a fresh database with members, the model, and the chat process alone."""

import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.orm import Session

from benchmarks.crowd import NUMBER_ID, member
from benchmarks.programs import ROOT, WORK, Program
from conversation.register import ensure_conversation
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, find_member
from loyalty.store.schema import upgrade
from passaparola.compose import House, build
from passaparola.settings import Settings, read_settings
from passaparola.training import is_current

POINTS = 500
OWN = WORK / "model" / "passaparola.tar.gz"
TIMED = WORK / "timed" / "passaparola.tar.gz"
"""Where a model goes that is trained to see how long it takes."""


@asynccontextmanager
async def database(members: int) -> AsyncIterator[str]:
    """The URL of a migrated SQLite database on the disk of this repository, with so many members; gone afterwards."""
    WORK.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=WORK, prefix="ours-") as folder:
        url = f"sqlite:///{folder}/bench.db"
        upgrade(url)
        house = build(read_settings().model_copy(update={"database_url": url}))
        await house.store.write(lambda session: _join(session, house, members))
        await house.store.close()
        yield url


def _join(session: Session, house: House, members: int) -> None:
    programme = next(iter(house.programmes.values()))
    now = house.clock.now()
    for each in map(member, range(members)):
        row = ImportRow(Ref.phone(each.phone), f"Member {each.number}", each.language, "paper form", POINTS)
        import_row(session, programme, row, now=now)
        joined = find_member(session, programme.id, (row.phone,))
        assert joined is not None
        number_id = programme.whatsapp.phone_number_id or NUMBER_ID
        ensure_conversation(session, joined, number_id=number_id, phone=each.phone, user_id=None)


def environment(url: str, graph: str, model: Path, port: int) -> dict[str, str]:
    """The settings of the chat process."""
    return {
        "RASA_TELEMETRY_ENABLED": "false",
        "PASSAPAROLA_DATABASE_URL": url,
        "PASSAPAROLA_MODEL": str(model),
        "PASSAPAROLA_CHAT_PORT": str(port),
        "WHATSAPP_GRAPH_URL": graph,
        "WHATSAPP_PHONE_NUMBER_ID": NUMBER_ID,
        "WHATSAPP_MESSAGES_PER_SECOND": "1000",
        "WHATSAPP_PAIR_SECONDS": "0",
        "WHATSAPP_ACCESS_TOKEN": secrets.token_hex(16),
        "WHATSAPP_APP_SECRET": secrets.token_hex(16),
        "WHATSAPP_VERIFY_TOKEN": secrets.token_hex(16),
    }


def webhook_url(settings: Mapping[str, str]) -> str:
    """Where the chat process takes webhooks."""
    return f"http://127.0.0.1:{settings['PASSAPAROLA_CHAT_PORT']}/webhooks/whatsapp/webhook"


def chat_process(settings: Mapping[str, str]) -> Program:
    """The chat process, not started yet."""
    return Program("our-chat", (sys.executable, "-m", "passaparola", "chat"), ROOT, settings, webhook_url(settings))


def current_model() -> Path:
    """A model of the files as they are: the installation's, ours of an earlier run, or one trained now."""
    for model in (Settings().model, OWN):
        if is_current(model):
            return model.absolute()
    train(OWN)
    return OWN


def train(model: Path) -> float:
    """Train; the seconds it took, from the command to its end."""
    model.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    subprocess.run(
        (sys.executable, "-m", "passaparola", "train"), cwd=ROOT, check=True, stdout=sys.stderr,
        env=Program.environment({"PASSAPAROLA_MODEL": str(model)}),
    )  # fmt: skip
    return time.perf_counter() - began
