"""The programmes in force. Their files may change while the processes run: the rules change, never the past.

A change takes effect between two turns or requests. The new rules are written down before anything is judged by
them. A file with a mistake leaves the programme as it was, and so does one that went away: whose programme it was
stays until a restart.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.clock import Clock
from loyalty.errors import StoreUnavailable
from loyalty.files.reading import ProgrammeFile, clashes, programme_files, read_each, read_programmes
from loyalty.ids import ProgrammeId
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.store import Store
from loyalty.store.sql import lock_name
from loyalty.tables import Trail

EVERY = timedelta(seconds=1)
"""How often the files are looked at, at most."""
CHANGED = "programme.changed"
_Signature = tuple[tuple[str, int, int, int], ...]

log = structlog.get_logger()


class Programmes(Mapping[ProgrammeId, Programme]):
    """The programmes of a file or folder, by id; `refresh` brings them up to date."""

    def __init__(self, path: Path, store: Store, clock: Clock) -> None:
        """Read them. Raises `BadProgramme`: nothing starts with a mistake."""
        self._path = path
        self._store = store
        self._clock = clock
        self._seen = _signature(path)
        self.present: Mapping[ProgrammeId, Programme] = read_programmes(path)
        """All of them as they are now; another mapping when something changed."""
        self._looked: datetime | None = None
        self._beginning = asyncio.Lock()
        self._busy = False
        self.problems: tuple[str, ...] = ()
        """What is wrong with the files as they are now, a line each: file, line, mistake."""

    def __getitem__(self, id_: ProgrammeId) -> Programme:
        return self.present[id_]

    def __iter__(self) -> Iterator[ProgrammeId]:
        return iter(self.present)

    def __len__(self) -> int:
        return len(self.present)

    def by_number(self, number_id: str) -> Mapping[str, Programme]:
        """The programmes by the id of the number their members write to, always the present ones.

        `number_id` is the number of a programme whose file names none.
        """
        return _ByNumber(self, number_id)

    async def refresh(self) -> bool:
        """Look at the files, at most once a second, and put in force what changed. True if something did.

        Cheap enough for every message and request. Raises `StoreUnavailable` only while the rules found at the start
        are not written down yet.
        """
        now = self._clock.now()
        if self._looked is not None and timedelta(0) <= now - self._looked < EVERY:
            return False
        if self._looked is None:
            await self._begin(now)
        self._looked = now
        seen = _signature(self._path)
        if seen == self._seen or self._busy:
            return False
        self._busy = True
        try:
            return await self._reload(seen, now)
        except StoreUnavailable as error:
            log.error("changed programme files wait for the database", error=str(error))
            return False
        finally:
            self._busy = False

    async def _begin(self, now: datetime) -> None:
        async with self._beginning:  # nobody goes on before the rules are written down
            if self._looked is None:
                await self._store.write(lambda session: _write_down(session, self.present.values(), now))

    async def _reload(self, seen: _Signature, now: datetime) -> bool:
        found, problems = await asyncio.to_thread(read_each, self._path)
        broken = set(programme_files(self._path)) - {one.file for one in found}
        if doubled := clashes(found):
            problems, found = [*problems, *doubled], []
        else:
            problems += self._missing(found, lost=not broken)
        fitting, misfits = self._fitting(found)
        changed = [one for one in fitting if not self._in_force(one)]
        if changed:
            await self._store.write(lambda session: _write_down(session, changed, now))
        self.present = {**self.present, **{one.id: one for one in changed}}
        self._seen = seen
        self._tell(changed, (*problems, *misfits))
        return bool(changed)

    def _missing(self, found: list[ProgrammeFile], *, lost: bool) -> list[str]:
        """Programmes whose files are gone. While a file cannot be read it may be the one that is missed."""
        gone = sorted(self.present.keys() - {one.programme.id for one in found}) if lost else []
        return [f"{self._path}: the programme {id_} is gone; it stays in force until a restart" for id_ in gone]

    def _fitting(self, found: list[ProgrammeFile]) -> tuple[list[Programme], list[str]]:
        """What can be put in force: not what takes the number of a programme that stays."""
        staying = self.present.keys() - {one.programme.id for one in found}
        taken = {self.present[id_].whatsapp.phone_number_id: id_ for id_ in staying}
        fitting = [one.programme for one in found if one.programme.whatsapp.phone_number_id not in taken]
        misfits = [
            f"{one.where(('id',))}: {one.programme.id} waits for a restart: "
            f"{taken[one.programme.whatsapp.phone_number_id]} has its number until then"
            for one in found
            if one.programme.whatsapp.phone_number_id in taken
        ]
        return fitting, misfits

    def _in_force(self, programme: Programme) -> bool:
        present = self.present.get(programme.id)
        return present is not None and present.revision == programme.revision

    def _tell(self, changed: list[Programme], problems: tuple[str, ...]) -> None:
        for programme in changed:
            log.info("a programme changed", programme=programme.id, revision=programme.revision)
        for problem in problems:
            if problem not in self.problems:
                log.error("a programme file has a mistake; the programme stays as it was", problem=problem)
        self.problems = problems


class _ByNumber(Mapping[str, Programme]):
    """Programmes by number, looked up in what is in force at the moment."""

    def __init__(self, programmes: Programmes, number_id: str) -> None:
        self._programmes = programmes
        self._number_id = number_id
        self._made_of: object = None
        self._table: dict[str, Programme] = {}

    def __getitem__(self, number_id: str) -> Programme:
        return self._present()[number_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._present())

    def __len__(self) -> int:
        return len(self._present())

    def _present(self) -> dict[str, Programme]:
        present = self._programmes.present
        if self._made_of is not present:
            self._table = {one.whatsapp.phone_number_id or self._number_id: one for one in present.values()}
            self._made_of = present
        return self._table


def _signature(path: Path) -> _Signature:
    """What changes when a file does: name, time, size, and the file itself."""
    return tuple(_stamp(file) for file in programme_files(path))


def _stamp(file: Path) -> tuple[str, int, int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return str(file), 0, 0, 0
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _write_down(session: Session, programmes: Iterable[Programme], now: datetime) -> None:
    """Keep the rules, and note the change once, whichever of the processes comes first."""
    for programme in sorted(programmes, key=lambda one: one.id):
        lock_name(session, f"programme:{programme.id}")
        ensure_programme(session, programme, now=now)
        before = session.scalar(
            select(Trail.detail)
            .where(Trail.programme_id == programme.id, Trail.action == CHANGED)
            .order_by(Trail.id.desc())
            .limit(1)
        )
        last = before["to"] if before is not None else None
        if last != programme.revision:
            trail.note(
                session, programme.id, actor="programme file", action=CHANGED, subject=programme.id,
                detail={"from": last, "to": programme.revision}, now=now,
            )  # fmt: skip
