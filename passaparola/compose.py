"""The composition root: everything is put together here, from the settings, and handed on by argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from actions.answers import Answers
from connectors.whatsapp.graph import GraphConfig
from conversation.notices import Notices
from conversation.opting import OptWords
from conversation.sentences import Sentences
from loyalty.clock import Clock, SystemClock
from loyalty.files.live import Programmes
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from passaparola.settings import Settings
from service.context import Context

RESPONSES, OPT_WORDS = Path("data/responses"), Path("data/words/opting.yml")
SWITCH = 0.0005
"""Seconds a thread keeps the interpreter: the store's writer needs it for a moment, often, and must not wait 5 ms."""


@dataclass(frozen=True, slots=True)
class House:
    """What every process needs."""

    settings: Settings
    store: Store
    programmes: Programmes
    sentences: Sentences
    opt_words: OptWords
    clock: Clock

    def by_number(self) -> Mapping[str, Programme]:
        """Programmes by the id of the number their members write to, always as they are in force."""
        return self.programmes.by_number(self.settings.phone_number_id)

    def answers(self) -> Answers:
        """What answers the intents."""
        return Answers(self.store, self.sentences, self.clock, public_url=self.settings.public_url)

    def graph(self) -> GraphConfig:
        """How to reach WhatsApp."""
        return GraphConfig(self.settings.graph_url, self.settings.access_token.get_secret_value())

    def service(self) -> Context:
        """What the service's handlers are given."""
        key = self.settings.api_key
        return Context(
            self.store, self.programmes, self.sentences, Notices(self.sentences), self.clock,
            key.get_secret_value() if key else None, self.settings.public_url, self.settings.chat_url,
            self.programmes.refresh,
        )  # fmt: skip


def build(settings: Settings, *, clock: Clock | None = None) -> House:
    """Put the house together. Opens the store; the caller closes it."""
    clock, sentences = clock or SystemClock(), Sentences.load(RESPONSES)
    store = open_store(settings.database_url)
    programmes = Programmes(settings.programme, store, clock)
    return House(settings, store, programmes, sentences, OptWords.load(OPT_WORDS), clock)
