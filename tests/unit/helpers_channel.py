"""The WhatsApp channel of Rasa, imported without TensorFlow, and a server with nothing but that channel."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import sanic

from passaparola import light_rasa

ROOT = Path(__file__).parents[2]
light_rasa.install(ROOT / "config.yml")
_policy = asyncio.get_event_loop_policy()

from rasa.core.channels.channel import InputChannel, register  # noqa: E402 -- after the stand-in for TensorFlow is in place

from connectors.whatsapp import channel  # noqa: E402 -- as above

sanic.Sanic.test_mode = True  # without it only one server can ever start in a process
asyncio.set_event_loop_policy(_policy)  # Sanic has put uvloop's in its place, for every test after this

__all__ = ["channel", "serving", "serving_channel"]

_NUMBERS = count()


@asynccontextmanager
async def serving(wiring: channel.Wiring, agent: object) -> AsyncIterator[str]:
    """A server with Meta's channel; gives the address of the webhook."""
    async with serving_channel(channel.WhatsAppInput(wiring), agent) as base:
        yield f"{base}/webhooks/whatsapp/webhook"


@asynccontextmanager
async def serving_channel(made: InputChannel, agent: object) -> AsyncIterator[str]:
    """A Sanic server on this machine with one channel, set up as Rasa does it; gives its address."""
    app = sanic.Sanic(f"channel-{next(_NUMBERS)}", configure_logging=False)
    app.ctx.agent = agent
    register([made], app, route="/webhooks/")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await app.create_server(sock=listening, return_asyncio_server=True, access_log=False)
        try:
            await server.startup()
            await server.before_start()
            await server.after_start()
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            await server.before_stop()
            await server.after_stop()
        finally:
            await server.close()
