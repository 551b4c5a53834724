"""Programme files that change while the processes run: new rules take effect, mistakes do not."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.clock import FixedClock
from loyalty.errors import BadProgramme, StoreUnavailable
from loyalty.files.live import EVERY, Programmes
from loyalty.ids import ProgrammeId
from loyalty.people.members import Person, Ref, join, meet
from loyalty.store import Store
from loyalty.tables import Revision, Trail
from passaparola.compose import build
from passaparola.settings import Settings
from service.app import build_app

T = TypeVar("T")
SAMPLE = (Path(__file__).parents[2] / "programmes" / "cafe.yml").read_text("utf-8")
CAFE, GYM = ProgrammeId("cafe"), ProgrammeId("gym")
DEFAULT_NUMBER = "99999"


def sample(*, joining: int = 10, id_: str = "cafe", number: str | None = None) -> str:
    """The sample with other values."""
    text = SAMPLE.replace("\nid: cafe\n", f"\nid: {id_}\n").replace("joining: 10", f"joining: {joining}")
    return text if number is None else text.replace("whatsapp:\n", f'whatsapp:\n  phone_number_id: "{number}"\n')


def write(file: Path, text: str) -> None:
    """Save a file."""
    file.write_text(text, "utf-8")


def remove(file: Path) -> None:
    """Take a file away."""
    file.unlink()


class Shelf:
    """A folder of programme files and the programmes read from it."""

    def __init__(self, path: Path, store: Store, clock: FixedClock) -> None:
        self.path, self.store, self.clock = path, store, clock
        self.programmes = Programmes(path, store, clock)

    def joining(self, id_: ProgrammeId = CAFE) -> int:
        """The points for joining: what the tests change."""
        return self.programmes[id_].earning.joining

    async def later(self) -> bool:
        """A second goes by, and somebody asks."""
        self.clock.forward(EVERY)
        return await self.programmes.refresh()

    async def trail(self) -> list[tuple[str | None, str | None, str]]:
        """The changes that were noted: programme, from, to."""
        query = select(Trail).where(Trail.action == "programme.changed").order_by(Trail.id)
        rows = await self.store.read(lambda session: list(session.scalars(query)))
        return [(row.subject, row.detail["from"], row.detail["to"]) for row in rows]

    async def revisions(self) -> set[str]:
        """The rules that were written down."""
        return await self.store.read(lambda session: set(session.scalars(select(Revision.id))))


class Broken(Store):
    """A store that answers only when it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.answers = True
        self.writes = 0

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self._store.read(work)

    async def look(self, work: Callable[[Session], T]) -> T:
        return await self._store.look(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        self.writes += 1
        if not self.answers:
            raise StoreUnavailable("not now")
        await asyncio.sleep(0.01)
        return await self._store.write(work)

    async def close(self) -> None:
        await self._store.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "cafe.yml"
    write(file, sample())
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "programmes"
    folder.mkdir()
    write(folder / "a.yml", sample(number="11111"))
    write(folder / "b.yml", sample(id_="gym", number="22222"))
    return folder


async def test_a_changed_file_changes_the_rules_and_is_noted(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    assert await shelf.programmes.refresh() is False
    before = shelf.programmes[CAFE].revision
    write(file, sample(joining=25))
    assert await shelf.later() is True
    after = shelf.programmes[CAFE].revision
    assert shelf.joining() == 25
    assert await shelf.revisions() == {before, after}
    assert await shelf.trail() == [("cafe", None, before), ("cafe", before, after)]
    assert await shelf.later() is False


async def test_the_files_are_looked_at_once_a_second_at_most(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    await shelf.programmes.refresh()
    write(file, sample(joining=25))
    clock.forward(EVERY - timedelta(milliseconds=1))
    assert await shelf.programmes.refresh() is False
    assert shelf.joining() == 10
    clock.forward(timedelta(milliseconds=1))
    assert await shelf.programmes.refresh() is True


async def test_a_clock_that_is_put_back_does_not_stop_the_looking(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    await shelf.programmes.refresh()
    write(file, sample(joining=25))
    clock.forward(-timedelta(hours=1))
    assert await shelf.programmes.refresh() is True


async def test_a_change_that_says_the_same_changes_nothing(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    await shelf.programmes.refresh()
    write(file, "# another comment\n" + sample())
    assert await shelf.later() is False
    assert len(await shelf.trail()) == 1


async def test_rules_that_come_back_are_noted_again(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    await shelf.programmes.refresh()
    first = shelf.programmes[CAFE].revision
    for joining in (25, 10):
        write(file, sample(joining=joining))
        assert await shelf.later() is True
    second = (await shelf.trail())[1][2]
    assert await shelf.trail() == [("cafe", None, first), ("cafe", first, second), ("cafe", second, first)]
    assert await shelf.revisions() == {first, second}


async def test_two_processes_note_a_change_once(file: Path, store: Store, clock: FixedClock) -> None:
    chat, service = Shelf(file, store, clock), Shelf(file, store, clock)
    await asyncio.gather(chat.programmes.refresh(), service.programmes.refresh())
    write(file, sample(joining=25))
    clock.forward(EVERY)
    assert all(await asyncio.gather(chat.programmes.refresh(), service.programmes.refresh()))
    assert len(await chat.trail()) == 2


async def test_a_mistake_leaves_the_old_rules_in_force_and_is_reported_until_it_is_gone(
    file: Path, store: Store, clock: FixedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = Shelf(file, store, clock)
    await shelf.programmes.refresh()
    text = sample(joining=25).replace("currency: EUR", "currency: EURO")
    line = text[: text.index("currency:")].count("\n") + 1
    write(file, text)
    assert await shelf.later() is False
    assert shelf.joining() == 10
    (problem,) = shelf.programmes.problems
    assert problem.startswith(f"{file}:{line}: currency: is no ISO 4217 currency")
    assert await shelf.later() is False
    assert capsys.readouterr().out.count(f"{file}:{line}: currency") == 1
    write(file, sample(joining=25))
    assert await shelf.later() is True
    assert (shelf.joining(), shelf.programmes.problems) == (25, ())


@pytest.mark.parametrize("text", ["", "id: cafe\n\tname: x", "[]", "\x00", SAMPLE[: len(SAMPLE) // 2]])
async def test_half_a_file_or_none_leaves_the_old_rules(file: Path, store: Store, clock: FixedClock, text: str) -> None:
    shelf = Shelf(file, store, clock)
    write(file, text)
    assert await shelf.later() is False
    assert shelf.joining() == 10
    assert all(problem.startswith(f"{file}:") for problem in shelf.programmes.problems)
    assert shelf.programmes.problems


def test_nothing_starts_with_a_mistake(file: Path, sqlite_database: str) -> None:
    write(file, SAMPLE.replace("currency: EUR", "currency: EURO"))
    settings = Settings(_env_file=None, database_url=sqlite_database, programme=file)
    with pytest.raises(BadProgramme, match="currency"):
        build(settings)


async def test_of_a_folder_the_sound_files_change_and_the_broken_one_stays(
    folder: Path, store: Store, clock: FixedClock
) -> None:
    shelf = Shelf(folder, store, clock)
    write(folder / "a.yml", sample(joining=25, number="11111").replace("EUR", "EURO"))
    write(folder / "b.yml", sample(joining=30, id_="gym", number="22222"))
    assert await shelf.later() is True
    assert (shelf.joining(CAFE), shelf.joining(GYM)) == (10, 30)
    (problem,) = shelf.programmes.problems
    assert problem.startswith(f"{folder / 'a.yml'}:")


async def test_a_programme_whose_file_went_away_stays_until_a_restart(
    folder: Path, store: Store, clock: FixedClock
) -> None:
    shelf = Shelf(folder, store, clock)
    remove(folder / "b.yml")
    assert await shelf.later() is False
    assert set(shelf.programmes) == {CAFE, GYM}
    assert shelf.programmes.problems == (f"{folder}: the programme gym is gone; it stays in force until a restart",)


async def test_the_only_file_going_away_changes_nothing(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    remove(file)
    assert await shelf.later() is False
    assert set(shelf.programmes) == {CAFE}
    assert shelf.programmes.problems == (f"{file}: cannot be read: No such file or directory",)


async def test_a_renamed_programme_waits_for_a_restart(file: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(file, store, clock)
    write(file, sample(id_="bar", joining=25))
    assert await shelf.later() is False
    assert set(shelf.programmes) == {CAFE}
    gone, waits = shelf.programmes.problems
    assert gone == f"{file}: the programme cafe is gone; it stays in force until a restart"
    assert waits.endswith("id: bar waits for a restart: cafe has its number until then")


async def test_a_new_file_in_the_folder_is_a_new_programme(folder: Path, store: Store, clock: FixedClock) -> None:
    shelf = Shelf(folder, store, clock)
    write(folder / "c.yml", sample(id_="spa", number="33333"))
    assert await shelf.later() is True
    assert set(shelf.programmes) == {CAFE, GYM, ProgrammeId("spa")}
    assert [subject for subject, before, _ in await shelf.trail() if before is None] == ["cafe", "gym", "spa"]


@pytest.mark.parametrize("text", [sample(id_="spa", number="11111"), sample(id_="gym", number="33333")])
async def test_two_files_that_want_the_same_change_nothing(
    folder: Path, store: Store, clock: FixedClock, text: str
) -> None:
    shelf = Shelf(folder, store, clock)
    write(folder / "a.yml", sample(joining=25, number="11111"))
    write(folder / "c.yml", text)
    assert await shelf.later() is False
    assert (shelf.joining(CAFE), set(shelf.programmes)) == (10, {CAFE, GYM})
    (problem,) = shelf.programmes.problems
    assert problem.startswith(f"{folder / 'c.yml'}:")


async def test_programmes_are_found_by_their_number_as_they_are_now(
    folder: Path, store: Store, clock: FixedClock
) -> None:
    shelf = Shelf(folder, store, clock)
    by_number = shelf.programmes.by_number(DEFAULT_NUMBER)
    assert {number: programme.id for number, programme in by_number.items()} == {"11111": "cafe", "22222": "gym"}
    write(folder / "a.yml", sample(joining=25))
    await shelf.later()
    assert {number: programme.id for number, programme in by_number.items()} == {DEFAULT_NUMBER: "cafe", "22222": "gym"}
    assert by_number[DEFAULT_NUMBER].earning.joining == 25
    assert (len(by_number), by_number.get("11111")) == (2, None)


async def test_without_the_database_the_old_rules_stay_and_it_is_tried_again(
    file: Path, store: Store, clock: FixedClock
) -> None:
    broken = Broken(store)
    shelf = Shelf(file, broken, clock)
    await shelf.programmes.refresh()
    write(file, sample(joining=25))
    broken.answers = False
    assert await shelf.later() is False
    assert shelf.joining() == 10
    broken.answers = True
    assert await shelf.later() is True
    assert shelf.joining() == 25


async def test_nothing_is_done_by_rules_that_are_not_written_down(file: Path, store: Store, clock: FixedClock) -> None:
    broken = Broken(store)
    broken.answers = False
    shelf = Shelf(file, broken, clock)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await shelf.programmes.refresh()
    broken.answers = True
    await asyncio.gather(*(shelf.programmes.refresh() for _ in range(50)))
    assert broken.writes == 3
    assert await shelf.revisions() == {shelf.programmes[CAFE].revision}


async def test_while_a_change_is_taken_in_others_go_on_with_the_old_rules(
    file: Path, store: Store, clock: FixedClock
) -> None:
    broken = Broken(store)
    shelf = Shelf(file, broken, clock)
    await shelf.programmes.refresh()
    write(file, sample(joining=25))
    clock.forward(EVERY)
    changing = asyncio.create_task(shelf.programmes.refresh())
    await asyncio.sleep(0)
    clock.forward(EVERY)
    assert await shelf.programmes.refresh() is False
    assert shelf.joining() == 10
    assert await changing is True
    assert (shelf.joining(), broken.writes) == (25, 2)


async def test_a_request_is_answered_by_the_new_rules_and_the_past_by_the_old(
    file: Path, database: str, clock: FixedClock
) -> None:
    settings = Settings(_env_file=None, database_url=database, programme=file, api_key="secret-key")
    house = build(settings, clock=clock)
    programme = house.programmes[CAFE]
    await house.programmes.refresh()

    def enrol(session: Session) -> None:
        join(
            session,
            programme,
            meet(session, programme, Person((Ref.phone("+393331234567"),)), now=clock.now()),
            now=clock.now(),
        )

    await house.store.write(enrol)
    async with TestClient(TestServer(build_app(house.service(), version="test"))) as client:
        assert await _points(client, type="purchase", id="1", amount="10.00", member={"phone": "+393331234567"}) == 10
        write(file, SAMPLE.replace("    points: 1\n", "    points: 3\n"))
        clock.forward(EVERY)
        assert await _points(client, type="purchase", id="2", amount="10.00", member={"phone": "+393331234567"}) == 30
        assert await _points(client, type="refund", id="3", amount="5.00", purchase_id="1") == -5
        assert await _points(client, type="refund", id="4", amount="5.00", purchase_id="2") == -15
    await house.store.close()


async def _points(client: TestClient[Any, Any], **event: object) -> int:
    headers = {"Authorization": "Bearer secret-key"}
    async with client.post("/v1/events", json={"currency": "EUR", **event}, headers=headers) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return int(answer["points"])
