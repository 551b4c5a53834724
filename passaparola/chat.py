"""The chat process: Rasa's server with the WhatsApp channel, wired to the store.

`passaparola chat` runs it alone; `rasa run` finds `wire` by `credentials.yml`.
"""

import sys

import structlog
from rasa.core import run as rasa_run
from rasa.core.agent import Agent
from rasa.core.utils import AvailableEndpoints
from sqlalchemy.orm import Session

from connectors.sending.sender import Sender
from connectors.whatsapp.channel import WebhookSecrets
from connectors.whatsapp.graph import Graph
from connectors.whatsapp.updates import Batch
from conversation import inbox
from conversation.dispatcher import Dispatcher
from conversation.incoming import Incoming
from conversation.inquiries import Inquiries
from conversation.outbox import apply_receipts
from conversation.turn import Turns
from dialogue.processor import ChatProcessor
from dialogue.rasa_dialogue import RasaDialogue
from dialogue.trackers import TurnTrackers
from passaparola.compose import SWITCH, House, build
from passaparola.settings import read_settings, require_whatsapp

log = structlog.get_logger()


class ChatWiring:
    """Connects the channel, Rasa, the turns and the sender."""

    def __init__(self, house: House) -> None:
        settings = house.settings
        self.secrets = WebhookSecrets(settings.app_secret.get_secret_value(), settings.verify_token.get_secret_value())
        self._house = house
        self._graph = Graph(house.graph())
        self._sender = Sender(house.store, self._graph, house.clock)
        self._dispatcher: Dispatcher | None = None

    async def start(self, agent: Agent) -> None:
        """Give Rasa our trackers and actions, then take up what waits in inbox and outbox."""
        house = self._house
        if agent.processor is None:
            raise RuntimeError("the model could not be loaded; run `passaparola train`")
        trackers = TurnTrackers(agent.processor.domain, house.store, house.clock)
        agent.tracker_store = trackers
        await house.programmes.refresh()
        agent.processor = ChatProcessor(agent.processor, trackers, house.answers(), Inquiries(house.programmes))
        dialogue = RasaDialogue(agent, trackers)
        turns = Turns(house.store, house.by_number(), dialogue, house.sentences, house.clock)

        async def run(incoming: Incoming) -> None:
            await house.programmes.refresh()
            await turns.run(incoming)
            self._sender.wake()

        async def set_aside(incoming: Incoming, error: str) -> None:
            await turns.apologise(incoming, error)
            self._sender.wake()

        await self._graph.__aenter__()
        self._dispatcher = Dispatcher(house.store, run, set_aside, house.clock)
        await self._dispatcher.start()
        self._sender.start()
        log.info("the chat process is ready", port=house.settings.chat_port)

    async def accept(self, batch: Batch) -> None:
        """Store a batch in one transaction, then let the turns begin."""
        house = self._house
        now = house.clock.now()
        if not batch.messages and not batch.receipts:
            return

        def store(session: Session) -> list[Incoming]:
            apply_receipts(session, batch.receipts, now=now)
            return inbox.accept(session, batch.messages, now=now)

        fresh = await house.store.write(store)
        if self._dispatcher is not None:
            self._dispatcher.submit(fresh)

    async def close(self) -> None:
        """Drain: end the turns, send what they said, let go of the store."""
        if self._dispatcher is not None:
            await self._dispatcher.close()
            await self._sender.close()
        await self._graph.__aexit__()
        await self._house.store.close()


def wire() -> ChatWiring:
    """What `credentials.yml` names: the wiring of this installation, from the settings."""
    settings = read_settings()
    require_whatsapp(settings)
    return ChatWiring(build(settings))


def serve() -> None:
    """Run the chat process until it is told to stop."""
    settings = read_settings()
    sys.setswitchinterval(SWITCH)
    rasa_run.serve_application(
        model_path=str(settings.model),
        credentials="credentials.yml",
        endpoints=AvailableEndpoints.read_endpoints("endpoints.yml"),
        interface=settings.host,
        port=settings.chat_port,
        enable_api=False,
    )
