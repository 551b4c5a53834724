"""The whole stack in one process, carried by Twilio: signed forms in, the real model, a stand-in for Twilio's API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rasa.core.agent import Agent
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.twilio.channel import TwilioInput
from conversation.tables import Conversation, OutboxRow
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref
from loyalty.programme import Language
from passaparola.chat import channel_of
from passaparola.compose import House, build
from passaparola.settings import Settings
from simulator import Customer, ServiceWindow
from simulator.twilio_api import ACCOUNT, TOKEN, StandInTwilio, TwilioForms, TwilioPost, TwilioSent, serve

PUBLIC = "https://chat.example"
NUMBER = "+14155238886"


@dataclass
class TwilioStack:
    """What a conversation through Twilio needs."""

    house: House
    clock: FixedClock
    twilio: StandInTwilio
    channel: TwilioInput
    forms: TwilioForms
    window: ServiceWindow

    async def member(self, customer: Customer, points: int) -> None:
        """Somebody the programme knows."""
        assert customer.phone is not None
        programme = next(iter(self.house.programmes.values()))
        quiet = programme.model_copy(update={"earning": programme.earning.model_copy(update={"joining": 0})})
        row = ImportRow(Ref.phone(customer.phone), customer.name, cast(Language, customer.language), "", points)
        await self.house.store.write(lambda session: import_row(session, quiet, row, now=self.clock.now()))

    async def tells(self, key: str, *, cause: str, **values: object) -> str:
        """A notice to the only member; what it waits as."""
        programme = next(iter(self.house.programmes.values()))
        notices, now = self.house.service().notices, self.clock.now()

        def put(session: Session) -> str:
            member = MemberId(session.scalars(select(Conversation)).one().member_id)
            notices.tell(session, programme, member, key, asks=("check_points",), cause=cause, now=now, **values)
            return str(session.scalars(select(OutboxRow).order_by(OutboxRow.id.desc())).first().message["style"])  # type: ignore[union-attr]  # it was just put there

        return await self.house.store.write(put)

    async def post(self, form: TwilioPost) -> None:
        """Twilio posts a message."""
        await self.channel.receive("http://127.0.0.1:5005", form.path, form.body, form.signature)

    async def status(self, sent: TwilioSent, state: str, code: int | None = None) -> None:
        """Twilio posts what became of a message."""
        form = self.forms.status(sent, state, code)
        _, _, query = form.path.partition("?outbox=")
        await self.channel.receive_status("http://127.0.0.1:5005", form.path, form.body, form.signature, query or None)

    async def says(self, customer: Customer, words: str) -> str:
        """A customer types; what the bot answers."""
        before = len(self.twilio.messages)
        self.window.wrote(customer.keys, self.clock.now().timestamp())
        await self.post(self.forms.text(customer, words))
        return (await self.twilio.wait_for(before + 1))[before].text

    async def put_off(self, tries: int) -> None:
        """Wait until the only message was tried so often and waits to be tried again."""
        async with asyncio.timeout(10):
            while [(row.attempts, row.state) for row in await self.outbox()] != [(tries, "waiting")]:  # noqa: ASYNC110 -- the database has no event to wait for
                await asyncio.sleep(0.01)

    async def outbox(self) -> list[OutboxRow]:
        """The outbox, oldest first."""
        return await self.house.store.read(
            lambda session: list(session.scalars(select(OutboxRow).order_by(OutboxRow.id)))
        )


@asynccontextmanager
async def running(
    agent: Agent, database: str, clock: FixedClock, programme: Path, contents: Path
) -> AsyncIterator[TwilioStack]:
    """A running stack on an empty database. `contents` is the file that says which templates Twilio has."""
    window = ServiceWindow()
    twilio = StandInTwilio(number=NUMBER, window=window, clock=lambda: clock.now().timestamp())
    async with serve(twilio) as url:
        settings = Settings(
            _env_file=None, database_url=database, programme=programme, provider="twilio", public_chat_url=PUBLIC,
            twilio_url=url, twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN, twilio_number=NUMBER,
            twilio_contents=contents,
        )  # fmt: skip
        house = build(settings, clock=clock)
        channel = channel_of(house)
        assert isinstance(channel, TwilioInput)
        await channel.start(agent)
        try:
            yield TwilioStack(house, clock, twilio, channel, TwilioForms(PUBLIC, NUMBER), window)
        finally:
            await channel.stop()
