"""What the handlers are given, who asks, and which programme a request is about."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import SecretStr

from conversation.saying.notices import Notices
from conversation.saying.sentences import Sentences
from loyalty.api_keys import Caller
from loyalty.clock import Clock
from loyalty.errors import Forbidden, Invalid
from loyalty.ids import ProgrammeId
from loyalty.programme import Programme
from loyalty.store import Store
from service.hooks.guard import Guard

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)


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
    refresh: Callable[[], Awaitable[object]] | None = None
    """Puts programme files that changed in force; cheap enough for every request."""
    guard: Guard = field(default_factory=Guard)
    """Where webhooks may go."""
    crm_secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    """By which notifications of CRMs are known to be theirs, by the name of the system."""
    shopify_secret: SecretStr | None = None
    woocommerce_secret: SecretStr | None = None
    """What shops sign with, one or several with commas between; None: that kind of shop is not connected."""
    wake: Callable[[str], None] | None = None
    """Says to a queue of this process, by the job's name, that it has something to do."""

    def programme(self, request: web.Request) -> Programme:
        """The programme of a request: the only one, or the one its `programme` query names, if its key may see it."""
        only = caller(request).programme
        named = request.query.get("programme", only)
        if named is None:
            if len(self.programmes) == 1:
                return next(iter(self.programmes.values()))
            raise Invalid("there are several programmes here: say which with ?programme=ID", field="programme")
        if only is not None and named != only:
            raise Forbidden("this key is for another programme", field="programme")
        found = self.programmes.get(ProgrammeId(named))
        if found is None:
            raise Invalid(f"there is no programme {named[:64]!r} here", field="programme")
        return found


CONTEXT = web.AppKey("context", Context)


def caller(request: web.Request) -> Caller:
    """Who asks; the middleware found out by the key."""
    return request[CALLER]
