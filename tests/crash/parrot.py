"""The chat process with a parrot in place of Rasa's model: the same server, channel, inbox, turns, outbox and sender.

It starts in a fraction of a second, so that it can be killed often, and measured without the model.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sanic import Sanic

from connectors.whatsapp.channel import WhatsAppInput
from conversation.choosing.opting import OptWords
from conversation.leaving.costs import read_rates
from conversation.messages.model import Inquiry, Message, Understood
from conversation.saying.sentences import Sentences
from conversation.turning.deciding import Response
from loyalty.clock import SystemClock
from loyalty.files.live import Programmes
from loyalty.store import open_store
from passaparola.chat import ChatWiring
from passaparola.compose import OPT_WORDS, RATES, RESPONSES, SWITCH, House, keep_loaded
from passaparola.settings import Settings
from tests.crash.chat_process import HOST, NUMBER_ID, SECRET, TOKEN

SENTENCES, WORDS, COSTS = Sentences.load(RESPONSES), OptWords.load(OPT_WORDS), read_rates(RATES)
"""Read once, before processes are forked: reading takes a second."""


@dataclass(frozen=True, slots=True)
class Parrot:
    """A dialogue that repeats what it hears, after so many seconds."""

    thinks: float = 0.0

    async def parse(self, text: str) -> Understood:
        await asyncio.sleep(self.thinks)
        return Understood("help", 1.0, {}, None, {})

    async def respond(
        self, inquiry: Inquiry, understood: Understood, remembered: Sequence[Mapping[str, Any]]
    ) -> Response:
        return Response((Message(f"you said {inquiry.text}"),))


class ParrotWiring(ChatWiring):
    """The wiring of the chat process, without a model."""

    def __init__(self, settings: Settings, parrot: Parrot) -> None:
        clock, store = SystemClock(), open_store(settings.database_url)
        programmes = Programmes(settings.programme, store, clock)
        house = House(settings, store, programmes, SENTENCES, WORDS, clock, COSTS)
        super().__init__(house, keep_loaded)
        self._programmes, self._flows, self._parrot = house.programmes, house.flows(), parrot

    async def start(self, _agent: object) -> None:
        """Take up what waits, then what comes."""
        await self._programmes.refresh()
        await self._begin(self._parrot, self._flows)


def settings(database: str, graph: str, port: int = 0) -> Settings:
    """The settings of a chat process that may send as fast as it can."""
    return Settings(
        _env_file=None, database_url=database, graph_url=graph, chat_port=port, phone_number_id=NUMBER_ID,
        access_token=TOKEN, app_secret=SECRET, verify_token="verify-token", messages_per_second=1000, pair_seconds=0,
        portfolio_limit=0,
    )  # fmt: skip


def serve(database: str, graph: str, port: int, thinks: float) -> None:
    """Serve until killed."""
    sys.setswitchinterval(SWITCH)
    channel = WhatsAppInput(ParrotWiring(settings(database, graph, port), Parrot(thinks)))
    app = Sanic("parrot", configure_logging=False)
    app.ctx.agent = None
    app.blueprint(channel.blueprint(_nobody), url_prefix="/webhooks/whatsapp")
    app.run(host=HOST, port=port, access_log=False, motd=False)


async def _nobody(_message: object) -> None:
    """Turns do not go through Rasa's `on_new_message`."""
