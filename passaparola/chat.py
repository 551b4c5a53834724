"""The chat process: Rasa's server with the WhatsApp channel, wired to the store.

`passaparola chat` runs it alone; `rasa run` finds `wire` by `credentials.yml`.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import structlog
from rasa.core import run as rasa_run
from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel
from rasa.core.utils import AvailableEndpoints

from connectors.sending.sender import Sender
from connectors.twilio.channel import TwilioGuard, TwilioInput
from connectors.whatsapp.channel import WebhookSecrets, WhatsAppInput
from connectors.whatsapp.presence import Presence
from connectors.whatsapp.updates import Batch
from conversation.arriving.backlog import StoredBacklog
from conversation.arriving.event_desk import EventDesk
from conversation.arriving.incoming import Incoming
from conversation.arriving.intake import Intake
from conversation.arriving.receipts import apply_receipts
from conversation.choosing.menus import Menus
from conversation.flowing.runner import FlowRunner
from conversation.messages.model import Answer
from conversation.saying.unasked import Unasked
from conversation.turning.commands import Commands
from conversation.turning.deciding import Decider, Dialogue
from conversation.turning.dispatcher import Dispatcher
from conversation.turning.inquiries import Inquiries
from conversation.turning.turn import Turns
from dialogue.processor import ChatProcessor
from dialogue.rasa_dialogue import RasaDialogue
from dialogue.trackers import TurnTrackers
from loyalty.correlation import correlated
from loyalty.ids import new_id
from loyalty.tracing import span
from passaparola.compose import SWITCH, House, build, keep_loaded
from passaparola.settings import read_settings, require_whatsapp

log = structlog.get_logger()


class ChatWiring:
    """Connects the channel, Rasa, the turns and the sender, whoever the provider is."""

    def __init__(self, house: House, at_rest: Callable[[], None] = lambda: None) -> None:
        """`at_rest` is called when everything is loaded and nothing has happened yet."""
        self._house = house
        self._at_rest = at_rest
        self._provider = house.provider()
        self._sender = Sender(
            house.store, self._provider, house.clock, house.pace(), rates=house.rates, quiet=house.quiet_until
        )  # fmt: skip
        apply = partial(apply_receipts, judge=self._provider.judge, rates=house.rates)
        self._intake = Intake(house.store, house.by_number(), apply, house.clock)
        self._dispatcher: Dispatcher | None = None
        self._events: EventDesk | None = None
        self._unasked: Unasked | None = None

    @cached_property
    def secrets(self) -> WebhookSecrets:
        """What Meta's updates are checked with."""
        settings = self._house.settings
        return WebhookSecrets(settings.app_secret.get_secret_value(), settings.verify_token.get_secret_value())

    async def start(self, agent: Agent) -> None:
        """Give Rasa our trackers and actions, then take up what waits in inbox and outbox."""
        house = self._house
        if agent.processor is None:
            raise RuntimeError("the model could not be loaded; run `passaparola train`")
        trackers = TurnTrackers(agent.processor.domain, house.store, house.clock)
        agent.tracker_store = trackers
        await house.programmes.refresh()
        if unknown := await house.register_templates():
            log.warning("templates of Twilio that no file in data/templates declares", templates=unknown)
        flows = house.flows()
        self._unasked = Unasked(
            house.store, house.programmes, house.sentences, Commands(house.sentences, flows), house.clock,
            self._sender.wake, self._provider.limits,
        )  # fmt: skip
        agent.processor = ChatProcessor(
            agent.processor, trackers, house.answers(), Inquiries(house.programmes), self._addressed
        )
        await self._begin(RasaDialogue(agent, trackers), flows)

    async def _begin(self, dialogue: Dialogue, flows: FlowRunner) -> None:
        """Open for what comes in, with whatever understands it."""
        house = self._house
        decider = Decider(house.store, dialogue, flows, house.opt_words, Menus(house.sentences))
        turns = Turns(
            house.store, house.by_number(), decider, flows, house.sentences, house.clock, self._provider.limits
        )

        presence = Presence(self._provider.mark)

        async def run(incoming: Incoming) -> None:
            with correlated(incoming.correlation), span("turn", message=incoming.message_id):
                await house.programmes.refresh()
                async with presence.during(incoming.number_id, incoming.message_id):
                    await turns.run(incoming)
                log.info("message answered", message_id=incoming.message_id)
            self._sender.wake()

        async def set_aside(incoming: Incoming, error: str) -> None:
            with correlated(incoming.correlation):
                await turns.apologise(incoming, error)
            self._sender.wake()

        await self._provider.__aenter__()
        self._dispatcher = Dispatcher(StoredBacklog(house.store, house.clock), run, set_aside, house.clock)
        self._events = EventDesk(house.store, house.channel_events(), house.clock)
        await self._dispatcher.start()
        self._events.start()
        self._sender.start()
        if self._provider.lacks:
            told = [f"{what}: {instead}" for what, instead in self._provider.lacks.items()]
            log.info("what the provider cannot do falls back", provider=self._provider.name, instead=told)
        self._at_rest()
        log.info("the chat process is ready", port=house.settings.chat_port, provider=self._provider.name)

    async def accept(self, batch: Batch) -> None:
        """Store a batch in one transaction, then let the turns begin."""
        fresh = await self._intake.accept(batch)
        log.info(
            "update accepted", messages=len(batch.messages), receipts=len(batch.receipts), events=len(batch.events),
            new=[one.message_id for one in fresh],
        )  # fmt: skip
        if self._dispatcher is not None and self._events is not None:
            self._dispatcher.submit(fresh)
            if batch.events:
                self._events.wake()

    async def say(self, sender_id: str, answers: Sequence[Answer]) -> bool:
        """Say something in a conversation that is named as Rasa names it. True if it will be sent."""
        if self._unasked is None:
            raise RuntimeError("the chat process is not ready")
        return await self._unasked.say(sender_id, answers)

    async def _addressed(self, sender_id: str) -> dict[str, Any]:
        """What actions have to know of a conversation in which nobody wrote."""
        if self._unasked is None:
            raise RuntimeError("the chat process is not ready")
        who = await self._unasked.addressee(sender_id)
        return {"programme": who.programme, "member": who.member, "language": who.language, "message_id": new_id()}

    async def close(self) -> None:
        """Drain: end the turns, send what they said, let go of the store."""
        if self._dispatcher is not None and self._events is not None:
            await self._events.close()
            await self._dispatcher.close()
            await self._sender.close()
        await self._provider.__aexit__(None, None, None)
        await self._house.store.close()


def wire() -> ChatWiring:
    """The wiring of this installation, from the settings."""
    settings = read_settings()
    require_whatsapp(settings)
    return ChatWiring(build(settings), keep_loaded)


def channel() -> InputChannel:
    """What `credentials.yml` names: the channel of the provider that the settings name."""
    settings = read_settings()
    require_whatsapp(settings)
    return channel_of(build(settings), keep_loaded)


def channel_of(house: House, at_rest: Callable[[], None] = lambda: None) -> InputChannel:
    """The channel of a house's provider, wired."""
    settings, wiring = house.settings, ChatWiring(house, at_rest)
    if settings.provider == "meta":
        return WhatsAppInput(wiring)
    guard = TwilioGuard(settings.twilio_auth_token.get_secret_value(), settings.public_chat_url or None)
    return TwilioInput(wiring, guard, house.clock)


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
        enable_api=settings.rasa_token is not None,
        auth_token=settings.rasa_token.get_secret_value() if settings.rasa_token is not None else None,
    )
