"""`passaparola audit` of a programme with a wheel."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.orm import Session

from loyalty.clock import FixedClock
from loyalty.programme import Programme
from loyalty.store import open_store
from loyalty.tables import Spin
from tests.store.games import Arcade, a_wheel, with_games
from tests.store.helpers import Shop
from tests.unit.helpers_cli import ROOT, Case, Outcome, run_all

T = TypeVar("T")
SPINS = 20


def audit(folder: Path, database: str) -> Outcome:
    settings = {"PASSAPAROLA_DATABASE_URL": database, "PASSAPAROLA_PROGRAMME": "cafe.yml"}
    return run_all({"audit": Case(("audit",), settings)}, folder)["audit"]


def change(database: str, work: Callable[[Session], T]) -> T:
    async def run() -> T:
        store = open_store(database)
        try:
            return await store.write(work)
        finally:
            await store.close()

    return asyncio.run(run())


def test_the_draws_are_proved_and_held_against_the_odds(
    tmp_path: Path, sqlite_database: str, cafe: Programme, clock: FixedClock
) -> None:
    programme = with_games(cafe, wheel=a_wheel(spins={"count": SPINS}))
    (tmp_path / "cafe.yml").write_text(json.dumps(programme.document()), "utf-8")
    for name in ("data", "domain.yml", "config.yml"):
        (tmp_path / name).symlink_to(ROOT / name)

    async def spin() -> None:
        store = open_store(sqlite_database)
        arcade = Arcade(Shop(store, programme, clock))
        try:
            member = await arcade.shop.member()
            for _ in range(SPINS):
                await arcade.spins(member)
        finally:
            await store.close()

    asyncio.run(spin())
    proved = audit(tmp_path, sqlite_database)
    assert (proved.code, proved.out) == (0, ""), proved
    wheel, ledger = proved.err.splitlines()
    assert wheel.startswith(f"cafe: wheel: {SPINS} draws fit the odds (chi-square ")
    assert ledger.startswith("the ledger is sound: ")

    change(sqlite_database, lambda session: session.execute(update(Spin).values(nonce="another")).close())
    broken = audit(tmp_path, sqlite_database)
    assert broken.code == 1
    assert broken.out.startswith("cafe: spin ")
    assert "the draw is not what was promised" in broken.out
    assert broken.line.startswith("passaparola: the wheel did not do what it promised: ")
