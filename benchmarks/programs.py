"""Programs that are measured: started with a log file, waited for, watched, and stopped whatever happens."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Self

import aiohttp

from benchmarks import figures

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[1]
WORK = ROOT / "var" / "bench"
READY_WITHIN = 180.0
GRACE = 15.0


class NotReady(Exception):
    """A program ended or stayed silent instead of becoming ready."""


@dataclass
class Program:
    """A process of its own. Use as an async context manager: inside, it is ready."""

    name: str
    command: Sequence[str]
    cwd: Path
    settings: Mapping[str, str]
    ready_url: str
    ready_after: float = field(default=0.0, init=False)
    """Seconds from its start until `ready_url` answered."""
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @staticmethod
    def environment(settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of a program: this one and its settings; nothing is sent to Rasa's makers."""
        return {**os.environ, "RASA_TELEMETRY_ENABLED": "false", **settings}

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "use `async with`"
        return self._process.pid

    @property
    def cpu(self) -> float:
        """The processor seconds used so far."""
        return figures.cpu_seconds(self.pid)

    @property
    def memory(self) -> dict[str, float]:
        """`VmRSS` and `VmHWM` in MB."""
        return figures.memory(self.pid)

    async def __aenter__(self) -> Self:
        WORK.mkdir(parents=True, exist_ok=True)
        self._log = WORK / f"{self.name}.log"
        began = perf_counter()
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command, cwd=self.cwd, env=self.environment(self.settings), stdin=asyncio.subprocess.DEVNULL,
                stdout=log, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            await self._until_ready()
        except BaseException:
            await self._stop()
            raise
        self.ready_after = perf_counter() - began
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _until_ready(self) -> None:
        assert self._process is not None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            for _ in range(int(READY_WITHIN / 0.05)):
                if self._process.returncode is not None:
                    raise NotReady(f"{self.name} ended with {self._process.returncode}; see {self._log}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(self.ready_url) as response:
                        if response.status < 500:
                            return
                await asyncio.sleep(0.05)
        raise NotReady(f"{self.name} is not ready after {READY_WITHIN:.0f} s; see {self._log}")

    async def _stop(self) -> None:
        """End the process and what it started: politely, then not."""
        process = self._process
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.wait()), GRACE)
            if process.returncode is not None:
                break


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the machine: raises `NotReady` while another benchmark of this checkout runs, which would spoil both."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady("another benchmark is running here; wait for its end") from None
        yield


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
