"""What every provider has to do, whoever it is: a suite to be run for each (`test_provider_*.py`, docs/providers.md).

A subclass says how to make the provider against an address, what its API answers, and which of its error codes stand
for what. Everything else is the same for all: the sender, the refusals and the layouts rely on it.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import MaybeSent, Retryable, SendError
from connectors.provider import ChatProvider
from conversation.leaving.outbox import Due
from conversation.leaving.refusals import Do, Refusal, decide
from conversation.messages.extras import Link, Medium, Pin, Request, Template
from conversation.messages.layout import lay_out, units
from conversation.messages.model import Choice, Message
from conversation.messages.parts import to_parts
from flows.model import Ask
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_quick_loop import run_quickly

SECRET = "secret-of-the-provider"
INHERITED = settings(patiently(60), suppress_health_check=list(HealthCheck))
"""One property, run for each subclass."""
FIRST = datetime(2026, 3, 3, 9, tzinfo=UTC)
OFFER = "K7QX4M2PABCDE"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TITLES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=90)
CHOICES = st.lists(st.builds(Choice, st.just(Ask("help")), TITLES, st.none() | TITLES), max_size=30).map(tuple)
EXTRAS = st.lists(
    st.sampled_from(
        [
            Medium("image", "https://a.example/1.png"), Medium("document", "https://a.example/1.pdf"),
            Medium("audio", "https://a.example/1.ogg"), Link("https://a.example/x", "Open"), Pin(45.46, 9.19, "Aurora"),
            Request("location"),
        ]
    ),
    max_size=2,
    unique=True,
).map(tuple)  # fmt: skip
MESSAGES = st.builds(
    Message, st.text(st.characters(codec="utf-8"), max_size=6000).filter(lambda text: bool(text.strip())), CHOICES,
    st.none() | TITLES, st.none() | st.just("https://a.example/0.png"), EXTRAS,
)  # fmt: skip


def due(message: Mapping[str, Any], number: int = 17) -> Due:
    """A claimed message to a customer with a phone."""
    return Due(number, "14155238886", "+393331234567", None, dict(message), 1)


TEXT = due({"style": "plain", "text": "caffè 👍 مرحبا", "image": None})


def answering(status: int, body: str) -> Handler:
    """An API that always answers so."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    return handler


class ProviderConformance(ABC):
    """The suite. Fill in what is abstract, and call the class `Test…`."""

    name: str
    """By what the settings call it."""
    accepted: tuple[int, str]
    """The API's answer to a message it takes: status and body."""
    sent_id: str
    """The id in that answer."""
    refusals: Mapping[Do, tuple[int, str, int]]
    """An answer for each thing to do: status, body, the code in it. Those of `NEEDED` must be there."""

    @abstractmethod
    def provider(self, url: str) -> ChatProvider:
        """The provider, its API at an address, its secret `SECRET`."""

    @asynccontextmanager
    async def talking(self, handler: Handler) -> AsyncIterator[ChatProvider]:
        """The provider, open, and an API that answers so."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        async with TestServer(app) as server, self.provider(str(server.make_url("")).rstrip("/")) as provider:
            yield provider

    async def refusal(self, status: int, body: str) -> SendError:
        """What a message ends with whose answer is this."""
        async with self.talking(answering(status, body)) as provider:
            with pytest.raises(SendError) as caught:
                await provider.send(TEXT)
        return caught.value

    # ---- sending

    def test_it_has_the_name_the_settings_call_it_by(self) -> None:
        assert self.provider("http://127.0.0.1:1").name == self.name

    async def test_a_message_that_is_taken_has_an_id(self) -> None:
        async with self.talking(answering(*self.accepted)) as provider:
            assert await provider.send(TEXT) == self.sent_id

    async def test_a_message_is_one_call(self) -> None:
        calls: list[bytes] = []

        async def handler(request: web.Request) -> web.Response:
            calls.append(await request.read())
            return await answering(*self.accepted)(request)  # type: ignore[return-value]  # it is such a one

        async with self.talking(handler) as provider:
            await provider.send(TEXT)
        assert len(calls) == 1

    @INHERITED
    @given(message=MESSAGES)
    def test_whatever_is_laid_out_for_it_can_be_sent_and_is_within_its_limits(self, message: Message) -> None:
        async def scenario() -> None:
            async with self.talking(answering(*self.accepted)) as provider:
                limits = provider.limits
                layout = lay_out(message.choices, page=0, more="More", limits=limits)
                assert limits.buttons or layout.style != "buttons"
                assert limits.rows or layout.style != "list"
                for part in to_parts(message, layout, offer=OFFER, prompt="Choose", limits=limits):
                    assert units(part["text"]) <= max(limits.text, limits.body)
                    assert await provider.send(due(part)) == self.sent_id

        asyncio.run(scenario())

    async def test_a_message_to_somebody_without_any_address_is_an_error_of_ours_alone(self) -> None:
        nobody = Due(1, "14155238886", None, "IT.1349120", TEXT.message, 1)
        async with self.talking(answering(*self.accepted)) as provider:
            try:
                assert await provider.send(nobody) == self.sent_id
            except SendError as error:
                assert error.do in {Do.ASK_HER, Do.MARK_UNREACHABLE}  # noqa: PT017 -- a provider may know user ids

    async def test_lone_surrogates_and_nul_do_no_harm(self) -> None:
        async with self.talking(answering(*self.accepted)) as provider:
            assert await provider.send(due({"style": "plain", "text": "a\ud800b\0c", "image": None})) == self.sent_id

    async def test_a_template_is_sent_or_withheld_with_a_reason(self) -> None:
        part = to_parts(
            Message("Hi", extras=(Template("never_made", "it", ("1",)),)), lay_out((), page=0, more="…"), offer="",
            prompt="…", limits=self.provider("http://127.0.0.1:1").limits,
        )[0]  # fmt: skip
        assert part["style"] == "template", "else it would go out as a text"
        async with self.talking(answering(*self.accepted)) as provider:
            try:
                assert await provider.send(due(part)) == self.sent_id
            except SendError as error:
                assert error.do is Do.USE_TEMPLATE  # noqa: PT017 -- a provider may know only its own
                assert "never_made" in str(error)  # noqa: PT017 -- as above

    # ---- refusals

    NEEDED = (Do.SLOW_DOWN, Do.USE_TEMPLATE, Do.MARK_UNREACHABLE, Do.PAUSE_NUMBER, Do.FIX)

    def test_the_refusals_that_matter_most_are_known(self) -> None:
        assert set(self.NEEDED) <= set(self.refusals)

    async def test_each_refusal_asks_for_the_right_thing_at_once_and_in_a_receipt(self) -> None:
        for do, (status, body, code) in self.refusals.items():
            error = await self.refusal(status, body)
            assert (error.do, error.code) == (do, code)
            assert self.provider("http://127.0.0.1:1").judge(code) is do

    def test_a_receipt_with_an_unknown_code_or_none_is_judged_as_well(self) -> None:
        for code in (None, -1, 0, 2**31):
            assert isinstance(self.provider("http://127.0.0.1:1").judge(code), Do)

    async def test_outside_the_window_the_template_goes_out_and_without_one_nothing(self) -> None:
        status, body, code = self.refusals[Do.USE_TEMPLATE]
        error = await self.refusal(status, body)
        refusal, template = Refusal(error.do, code, str(error)), {"style": "template", "text": ""}
        told = decide(refusal, attempts=1, message=TEXT.message, fallback=template, now=FIRST)
        assert (told.state, told.message) == ("waiting", template)
        assert decide(refusal, attempts=1, message=TEXT.message, fallback=None, now=FIRST).state == "withheld"

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("body", ["", "{}", "<html>busy</html>"])
    async def test_a_clear_no_is_tried_again(self, status: int, body: str) -> None:
        assert isinstance(await self.refusal(status, body), Retryable)

    @pytest.mark.parametrize("status", [200, 500, 502, 504])
    @pytest.mark.parametrize("body", ["", "{}", "[]", "<html>oops</html>", "{", '{"messages": [', "\x00"])
    async def test_an_answer_that_tells_nothing_is_not_tried_again(self, status: int, body: str) -> None:
        assert type(await self.refusal(status, body)) is MaybeSent

    async def test_a_connection_that_breaks_is_not_tried_again(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.close()
            return web.Response()

        async with self.talking(handler) as provider:
            with pytest.raises(MaybeSent):
                await provider.send(TEXT)

    async def test_an_api_that_is_not_there_is_tried_again(self) -> None:
        async with self.provider(f"http://127.0.0.1:{unused_port()}") as provider:
            with pytest.raises(Retryable) as caught:
                await provider.send(TEXT)
        assert SECRET not in str(caught.value)

    def test_no_answer_in_time_is_not_tried_again(self) -> None:
        async def never(_request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            return web.Response()

        async def scenario() -> None:
            async with self.talking(never) as provider:
                with pytest.raises(MaybeSent):
                    await provider.send(TEXT)

        run_quickly(scenario())

    # ---- what else it shows

    async def test_a_mark_harms_nothing(self) -> None:
        for answer in (self.accepted, (500, ""), (200, '{"success": true}')):
            async with self.talking(answering(*answer)) as provider:
                try:
                    await provider.mark("14155238886", "id-1")
                except SendError:
                    continue

    def test_what_it_lacks_is_said(self) -> None:
        provider = self.provider("http://127.0.0.1:1")
        limits = provider.limits
        if not limits.buttons or not limits.rows:
            assert "reply buttons and lists" in provider.lacks
        assert all(what and instead for what, instead in provider.lacks.items())
