"""Where a turn spends its time: `python -m benchmarks.profile_turn [--turns 15] [--members 20] [--taps] [--cpu]`.

The wiring of the chat process runs in a thread of this process: webhook bodies go into `ChatWiring.accept`, the
answers come out at the sink. First without profilers, for the true cost, then with one in each of its threads.
"""

import argparse
import asyncio
import os
import sys
import threading
import warnings
from concurrent.futures import Future

import uvloop

from benchmarks import our_bot
from benchmarks.crowd import Crowd
from benchmarks.customers import Post
from benchmarks.figures import Sample
from benchmarks.load import WrongAnswer, together
from benchmarks.profiles import Threads, thread_seconds, top
from benchmarks.programs import WORK, NotReady, alone
from benchmarks.sink import Sink
from passaparola import light_rasa, logs

WARM_UP = 4


class Wired:
    """The chat process's wiring with its own loop in its own thread."""

    def __init__(self) -> None:
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="wiring")
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._thread.start()
        self._ready.result()

    def post(self) -> Post:
        """Hands a body to the wiring, without HTTP and signature."""

        async def post(body: bytes) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._accept(body), self._loop))

        return post

    def close(self) -> None:
        """Drain, and end all threads."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _accept(self, body: bytes) -> None:
        from connectors.whatsapp.updates import read_batch  # noqa: PLC0415 -- here as in `_serve`

        await self._wiring.accept(read_batch(body))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        from rasa.core.agent import load_agent  # noqa: PLC0415 -- after the stand-in for TensorFlow is in place
        from rasa.core.utils import AvailableEndpoints  # noqa: PLC0415 -- as above

        from passaparola.chat import wire  # noqa: PLC0415 -- as above

        try:
            self._wiring = wire()
            endpoints = AvailableEndpoints.read_endpoints("endpoints.yml")
            model = os.environ["PASSAPAROLA_MODEL"]
            await self._wiring.start(await load_agent(model_path=model, endpoints=endpoints))
        except BaseException as error:
            self._ready.set_exception(error)
            raise
        self._ready.set_result(None)
        await self._stop.wait()
        await self._wiring.close()


async def measure(options: argparse.Namespace, profilers: Threads | None) -> tuple[Sample, dict[str, float]]:
    """The turns, and the processor seconds of the wiring's threads."""
    async with our_bot.database(options.members) as url, Sink() as sink:
        os.environ.update(our_bot.environment(url, sink.url, options.model, 5005))
        wired = await asyncio.to_thread(Wired)
        try:
            crowd = Crowd(wired.post(), sink)
            talkers = await crowd.tappers(options.members) if options.taps else crowd.writers(options.members)
            await together(talkers, WARM_UP)
            if profilers is not None:
                profilers.on = True
            began = thread_seconds()
            sample = await together(talkers, options.turns)
            after = thread_seconds()
            used = {name: after[name] - began[name] for name in after}
        finally:
            await asyncio.to_thread(wired.close)
    return sample, used


def _summary(sample: Sample, used: dict[str, float]) -> str:
    each = {name: seconds / len(sample.latencies) * 1e3 for name, seconds in used.items()}
    threads = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in each.items() if milliseconds > 0.05)
    rate, middle = sample.rate, sample.percentile(50) * 1e3
    return f"{rate:.0f} turns/s, p50 {middle:.1f} ms, {sum(each.values()):.2f} ms processor time a turn ({threads})"


def main() -> None:
    """Measure, profile, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15, help="turns of each member")
    parser.add_argument("--members", type=int, default=20, help="members who write at the same time")
    parser.add_argument("--taps", action="store_true", help="taps instead of words")
    parser.add_argument("--cpu", action="store_true", help="leave waiting out")
    parser.add_argument("--rows", type=int, default=25, help="how many functions to show")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logs.configure("WARNING")
    light_rasa.install()
    options.model = our_bot.current_model()
    try:
        with alone():
            profile(options)
    except (WrongAnswer, NotReady) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(1)


def profile(options: argparse.Namespace) -> None:
    """Twice the same turns: for their cost, and for where it arises."""
    sample, used = asyncio.run(measure(options, None))
    print(f"without profiler: {_summary(sample, used)}")
    profilers = Threads(cpu=options.cpu)
    print(f"with profilers:   {_summary(*asyncio.run(measure(options, profilers)))}\n")
    stats = profilers.stats()
    stats.dump_stats(WORK / "turn.prof")
    total = options.turns * options.members
    print(top(stats, total, "own", options.rows), "\n")
    print(top(stats, total, "with callees", options.rows))
    print(f"\nall of it: {WORK / 'turn.prof'}, for pstats or snakeviz")


if __name__ == "__main__":
    main()
