"""The demo as a user starts it, and a browser to look at it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from tests.model import require_model

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="session")
def demo_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that `passaparola demo` prints."""
    require_model()
    chat, service, simulator = _free_ports(3)
    environment = {
        **os.environ,
        "PASSAPAROLA_CHAT_PORT": str(chat),
        "PASSAPAROLA_SERVICE_PORT": str(service),
        "PASSAPAROLA_SIMULATOR_PORT": str(simulator),
        "PASSAPAROLA_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('demo')}/demo.db",
    }
    log = tmp_path_factory.mktemp("log") / "demo.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "passaparola", "demo"], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
            stderr=errors, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            if found := re.search(r"Chat with .*(http://\S+)", line):
                break
        try:
            assert found, f"the demo did not start:\n{log.read_text()}"
            yield found.group(1)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


@pytest.fixture
async def page(demo_page: str) -> AsyncIterator[Page]:
    """The simulator in headless Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        reason = "there is no Chromium: install the package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = await browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(20_000)
        await page.goto(demo_page)
        yield page
        await browser.close()
