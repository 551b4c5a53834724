"""Runs several processes as one: starts them, passes their output on, stops all when one ends or Ctrl-C comes."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import aiohttp

from passaparola.errors import CommandError

GRACE = 30.0
"""Seconds a process has to end its turns and sends; what is left after that is in inbox and outbox."""
READY_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process to run: its name in the output, its command, and the address that answers when it is ready."""

    name: str
    command: Sequence[str]
    ready_url: str
    environment: Mapping[str, str] = field(default_factory=dict)


def check_port(host: str, port: int, setting: str) -> None:
    """Raise `CommandError` if a port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise CommandError(f"port {port} is in use: stop the program there or set {setting}") from None


async def supervise(children: Sequence[Child], announce: Sequence[str]) -> None:
    """Run the processes until one ends or a signal comes; say `announce` when all are ready."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running = [await _start(child) for child in children]
    outputs = [asyncio.create_task(_pass_on(child.name, process)) for child, process in running]
    ends = [asyncio.create_task(_end(child, process)) for child, process in running]
    stopped = asyncio.create_task(stop.wait())
    ready = asyncio.create_task(_announce(children, announce))
    try:
        await asyncio.wait([*ends, stopped], return_when=asyncio.FIRST_COMPLETED)
        dead = [task.result() for task in ends if task.done()]
    finally:
        ready.cancel()
        await _stop([process for _, process in running])
        await asyncio.gather(*outputs, ready, return_exceptions=True)
        stopped.cancel()
    if dead and not stop.is_set():
        raise CommandError(f"{dead[0]}; everything was stopped")


async def _start(child: Child) -> tuple[Child, asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *child.command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **child.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us alone, and we end the children in order
    )
    return child, process


async def _pass_on(name: str, process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # longer than the reader's buffer: passed over, but read, so that the process goes on
            continue
        if not line:
            return
        sys.stderr.write(f"{name:>9} | {line.decode('utf-8', 'replace').rstrip()}\n")
        sys.stderr.flush()


async def _end(child: Child, process: asyncio.subprocess.Process) -> str:
    code = await process.wait()
    return f"the {child.name} process ended with exit code {code}"


async def _announce(children: Sequence[Child], lines: Sequence[str]) -> None:
    began = monotonic()
    async with aiohttp.ClientSession() as session:
        for child in children:
            while not await _answers(session, child.ready_url):
                if monotonic() - began > READY_WITHIN:
                    print(f"the {child.name} process is not ready after {READY_WITHIN:.0f} s", flush=True)
                    return
                await asyncio.sleep(0.2)
    print("\n".join(lines), flush=True)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as response:
            return response.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _stop(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(GRACE):
            await asyncio.gather(*(process.wait() for process in processes))
    except TimeoutError:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
