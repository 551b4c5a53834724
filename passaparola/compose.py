"""The composition root: everything is put together here, from the settings, and handed on by argument."""

import gc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from actions.answers import Answers
from connectors.provider import ChatProvider
from connectors.sending.pacing import Pace
from connectors.twilio.api import TwilioApi, TwilioConfig
from connectors.twilio.contents import read_contents
from connectors.twilio.templates import register
from connectors.whatsapp.graph import Graph, GraphConfig
from connectors.whatsapp.templates.reading import read_templates
from conversation.arriving.channel_events import Registry, report
from conversation.arriving.identity_changes import IdentityChanges
from conversation.arriving.preferences import Preferences
from conversation.choosing.opting import OptWords
from conversation.flowing.parts import Tools, build_parts
from conversation.flowing.runner import FlowRunner
from conversation.leaving.costs import RateCard, read_rates
from conversation.noticing.listener import Noticing
from conversation.saying.notices import Notices
from conversation.saying.sentences import Sentences
from conversation.saying.template_states import TemplateWatch
from conversation.saying.zones import quiet_until
from loyalty.clock import Clock, SystemClock
from loyalty.files.live import Programmes
from loyalty.ids import ProgrammeId
from loyalty.news import Listener, TellingStore
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from passaparola.crm_settings import secrets_of
from passaparola.settings import Settings
from passaparola.shop_settings import apis_of
from service.context import Context
from service.hooks.delivering import Deliverer
from service.hooks.guard import Guard
from service.hooks.listening import hear
from service.shops.apis.codes import ShopCodes

RESPONSES, OPT_WORDS = Path("data/responses"), Path("data/words/opting.yml")
RATES, TEMPLATES = Path("data/rates.yml"), Path("data/templates")
SWITCH = 0.0005
"""Seconds a thread keeps the interpreter: the store's writer needs it for a moment, often, and must not wait 5 ms."""
COLLECT_AFTER = 10_000
"""So many more objects are made than let go of before the collector looks at the youngest; Python's own is 700."""


@dataclass(frozen=True, slots=True)
class House:
    """What every process needs."""

    settings: Settings
    store: Store
    programmes: Programmes
    sentences: Sentences
    opt_words: OptWords
    clock: Clock
    rates: RateCard

    def by_number(self) -> Mapping[str, Programme]:
        """Programmes by the id of the number their members write to, always as they are in force."""
        return self.programmes.by_number(self.settings.number_id)

    def listeners(self) -> tuple[Listener, ...]:
        """Who hears of what happened, in the transaction in which it did."""
        codes = ShopCodes(self.programmes, [(api.source, api.shop) for api in apis_of(self.settings)])
        return Noticing(self.programmes, self.sentences, self.provider().limits), hear, codes

    def quiet_until(self, programme: str, phone: str | None, now: datetime) -> datetime | None:
        """When the quiet hours for promotional messages are over that hold where somebody lives; None if none do."""
        rules = self.programmes.get(ProgrammeId(programme))
        return quiet_until(rules, phone, now) if rules is not None else None

    def answers(self) -> Answers:
        """What answers the intents."""
        return Answers(self.store, self.sentences, self.clock, public_url=self.settings.public_url)

    def channel_events(self) -> Registry:
        """Who handles what WhatsApp tells beside messages and receipts."""
        registry, programmes = Registry.empty(), self.by_number()
        registry.on("identity", IdentityChanges(programmes))
        registry.on("preference", Preferences(programmes))
        registry.on("template", TemplateWatch())
        for kind in ("template", "account", "problem"):
            registry.on(kind, report)
        return registry

    def flows(self) -> FlowRunner:
        """The dialog flows."""
        tools = Tools(self.sentences, self.settings.public_url, self.settings.chat_url)
        return FlowRunner(self.sentences, build_parts(tools))

    def provider(self) -> ChatProvider:
        """Who carries messages to WhatsApp, as the settings say. Not open yet."""
        settings = self.settings
        if settings.provider == "meta":
            return Graph(GraphConfig(settings.graph_url, settings.access_token.get_secret_value()))
        config = TwilioConfig(
            settings.twilio_url, settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value(),
            read_contents(settings.twilio_contents), settings.public_chat_url or None,
        )  # fmt: skip
        return TwilioApi(config)

    async def register_templates(self) -> list[str]:
        """Write down the templates that stand in Twilio's console. Returns those that no file of ours declares."""
        if self.settings.provider != "twilio":
            return []
        contents, (declared, _) = read_contents(self.settings.twilio_contents), read_templates(TEMPLATES)
        now = self.clock.now()
        return await self.store.write(lambda session: register(session, contents, declared, now=now))

    def pace(self) -> Pace:
        """How fast messages may go."""
        settings = self.settings
        return Pace(
            settings.messages_per_second, settings.pair_seconds, portfolio=settings.portfolio_limit or None
        )  # fmt: skip

    def service(self) -> Context:
        """What the service's handlers are given."""
        key = self.settings.api_key
        return Context(
            self.store, self.programmes, self.sentences, Notices(self.sentences, self.provider().limits), self.clock,
            key.get_secret_value() if key else None, self.settings.public_url, self.settings.chat_url,
            self.programmes.refresh, self.guard(), shopify_secret=self.settings.shopify_secret,
            woocommerce_secret=self.settings.woocommerce_secret, crm_secrets=secrets_of(self.settings),
        )  # fmt: skip

    def guard(self) -> Guard:
        """Where webhooks may go."""
        return Guard(self.settings.hooks_insecure)

    def deliverer(self) -> Deliverer:
        """Who sends webhooks."""
        return Deliverer(self.store, self.clock, self.guard())


def build(settings: Settings, *, clock: Clock | None = None) -> House:
    """Put the house together. Opens the store; the caller closes it."""
    clock, sentences = clock or SystemClock(), Sentences.load(RESPONSES)
    store = open_store(settings.database_url)
    programmes = Programmes(settings.programme, store, clock)
    house = House(settings, store, programmes, sentences, OptWords.load(OPT_WORDS), clock, read_rates(RATES))
    return replace(house, store=TellingStore(store, house.listeners()))


def keep_loaded() -> None:
    """Take what was loaded (libraries, the model, the programmes) out of the garbage collector's rounds.

    It stays for the life of the process. Looking through it time and again takes a tenth of a turn, and once in a
    while a quarter of a second, in which nobody gets an answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
