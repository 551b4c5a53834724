"""``python -m simulator PORT``: the simulator on 127.0.0.1, with its settings as JSON in PASSAPAROLA_SIMULATOR."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys

from aiohttp import web

from simulator.app import build_simulator
from simulator.config import SimulatorConfig

SETTINGS = "PASSAPAROLA_SIMULATOR"
HOST = "127.0.0.1"


async def run(app: web.Application, port: int, greeting: str) -> None:
    """Serve ``app`` until SIGINT or SIGTERM; OSError if the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        print(f"{greeting}: http://{HOST}:{port}/", flush=True)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main(arguments: list[str]) -> int:
    """The process's exit status; 1 comes with one line that says what to do."""
    if len(arguments) != 1 or not arguments[0].isdecimal():
        print("Usage: python -m simulator PORT", file=sys.stderr)
        return 1
    port = int(arguments[0])
    try:
        config = SimulatorConfig.from_json(os.environ.get(SETTINGS, ""))
        app = build_simulator(config)
    except ValueError as error:
        print(f"Set {SETTINGS} to the simulator's settings: {error}", file=sys.stderr)
        return 1
    try:
        asyncio.run(run(app, port, f"WhatsApp simulator for {config.business_name}"))
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "something else is using it" if taken else str(error)
        print(f"The simulator cannot have port {port}: {reason}. Choose another one.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
