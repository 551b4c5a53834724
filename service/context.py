"""What the handlers are given, and how they find the programme a request is about."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from conversation.notices import Notices
from conversation.sentences import Sentences
from loyalty.clock import Clock
from loyalty.errors import Invalid
from loyalty.ids import ProgrammeId
from loyalty.programme import Programme
from loyalty.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """The service's collaborators and settings."""

    store: Store
    programmes: Mapping[ProgrammeId, Programme]
    sentences: Sentences
    notices: Notices
    clock: Clock
    api_key: str | None
    public_url: str
    chat_url: str
    """Where a link opens a WhatsApp chat: `https://wa.me`, or the simulator's stand-in for it."""

    def programme(self, request: web.Request) -> Programme:
        """The programme of a request: the only one, or the one its `programme` query names."""
        named = request.query.get("programme")
        if named is None:
            if len(self.programmes) == 1:
                return next(iter(self.programmes.values()))
            raise Invalid("there are several programmes here: say which with ?programme=ID", field="programme")
        found = self.programmes.get(ProgrammeId(named))
        if found is None:
            raise Invalid(f"there is no programme {named[:64]!r} here", field="programme")
        return found


CONTEXT = web.AppKey("context", Context)
