"""kill -9 under load, and what became of every message: `python -m benchmarks.kills [--times 200] [--postgres URL]`.

The chat process has a parrot in place of the model, so that it starts in a moment; `--real` kills `passaparola chat`
itself, which takes some ten seconds each time and needs the trained model.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks import our_bot
from benchmarks.programs import alone, free_port
from loyalty.store.schema import upgrade
from tests.crash.chat_process import NUMBER_ID, SECRET, TOKEN
from tests.crash.kills import Kill, killed


async def start_real(model: Path, database: str, api: str, port: int) -> Kill:
    """`passaparola chat` with the model; it is killed with all it started."""
    settings = our_bot.environment(database, api, model, port) | {
        "WHATSAPP_PHONE_NUMBER_ID": NUMBER_ID, "WHATSAPP_ACCESS_TOKEN": TOKEN, "WHATSAPP_APP_SECRET": SECRET,
        "WHATSAPP_MESSAGES_PER_SECOND": "1000", "WHATSAPP_PAIR_SECONDS": "0", "WHATSAPP_PORTFOLIO_LIMIT": "0",
    }  # fmt: skip
    program = our_bot.chat_process(settings)
    process = await asyncio.create_subprocess_exec(
        *program.command, cwd=program.cwd, env=program.environment(settings), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip

    async def kill() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    return kill


def main() -> None:
    """Read the arguments, kill, and say what was found; the exit status is 1 if something was lost or came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="how often to kill (default 200)")
    parser.add_argument("--postgres", help="the URL of an empty database, instead of SQLite")
    parser.add_argument("--real", action="store_true", help="kill `passaparola chat` with the trained model")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    start = partial(start_real, our_bot.current_model()) if options.real else None
    with alone(), tempfile.TemporaryDirectory() as folder:
        database = options.postgres or f"sqlite:///{folder}/store.db"
        upgrade(database)
        began = perf_counter()
        dice = random.Random(options.seed)
        found = asyncio.run(killed(database, free_port(), options.times, dice, start))
        print(f"{found} in {perf_counter() - began:.0f} s, seed {options.seed}")
    sys.exit(0 if found.sound else 1)


if __name__ == "__main__":
    main()
