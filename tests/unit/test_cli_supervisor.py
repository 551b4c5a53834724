"""Several processes as one: real small processes, started and stopped."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from passaparola.errors import CommandError
from passaparola.supervisor import Child, check_port, supervise

SLEEPER = ("sleep", "60")


class Ready:
    """An address that answers, and notes that it was asked."""

    def __init__(self, url: str, asked: asyncio.Event) -> None:
        self.url = url
        self.asked = asked


@pytest.fixture
async def ready() -> AsyncIterator[Ready]:
    asked = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        asked.set()
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        yield Ready(str(server.make_url("/")), asked)


def shell(name: str, script: str, ready: Ready, **environment: str) -> Child:
    return Child(name, ("sh", "-c", script), ready.url, environment)


async def ended(children: list[Child]) -> str:
    """What the supervisor says when a process ends by itself."""
    with pytest.raises(CommandError) as caught:
        await supervise(children, ["all are ready"])
    return str(caught.value)


# ---- ports


def test_a_free_port_is_free_and_a_taken_one_is_named_with_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(CommandError, match=rf"^port {port} is in use: .* PASSAPAROLA_CHAT_PORT$"):
            check_port("127.0.0.1", port, "PASSAPAROLA_CHAT_PORT")
    check_port("127.0.0.1", port, "PASSAPAROLA_CHAT_PORT")


# ---- processes


async def test_a_process_that_ends_stops_the_others_and_is_named(ready: Ready) -> None:
    said = await ended([Child("sleeper", SLEEPER, ready.url), shell("crasher", "exit 3", ready)])
    assert said == "the crasher process ended with exit code 3; everything was stopped"


async def test_a_process_that_ends_well_is_an_end_too(ready: Ready) -> None:
    assert (
        await ended([shell("done", "exit 0", ready)])
        == "the done process ended with exit code 0; everything was stopped"
    )


async def test_output_is_passed_on_with_the_name_of_its_process(
    ready: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "echo hello; echo problem >&2; printf 'caff\\303\\250 \\377\\n'; echo $GREETING; exit 1"
    await ended([shell("speaker", script, ready, GREETING="from outside")])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "  speaker | hello", "  speaker | problem", "  speaker | caffè \ufffd", "  speaker | from outside",
    ]  # fmt: skip


async def test_a_line_too_long_to_pass_on_holds_nothing_up(ready: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    program = "import sys; print('x' * 1_000_000); print('after', flush=True); sys.exit(4)"
    said = await ended([Child("speaker", (sys.executable, "-c", program), ready.url)])
    assert "exit code 4" in said
    assert capsys.readouterr().err.splitlines()[-1] == "  speaker | after"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything_without_complaint(
    ready: Ready, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "trap 'echo told to stop; exit 0' TERM; while :; do sleep 0.02; done"
    running = asyncio.create_task(
        supervise([shell("worker", script, ready), Child("sleeper", SLEEPER, ready.url)], ["all are ready"])
    )
    await ready.asked.wait()
    while "all are ready" not in capsys.readouterr().out:  # noqa: ASYNC110 -- it is printed, no event tells of it
        await asyncio.sleep(0.02)
    os.kill(os.getpid(), number)
    await running
    assert "   worker | told to stop" in capsys.readouterr().err.splitlines()


async def test_nothing_is_announced_before_all_are_ready(ready: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        await ended([Child("sleeper", SLEEPER, address), shell("brief", "sleep 0.1; exit 1", ready)])
    assert "all are ready" not in capsys.readouterr().out
