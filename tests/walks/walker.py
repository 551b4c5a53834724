"""A walk: a customer with two phones, and a friend, do whatever comes to their minds; all that answers them is real."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from actions.answers import Answers
from conversation.arriving import inbox
from conversation.arriving.incoming import Content, Incoming, Sender, Tap, Text
from conversation.caring import handovers
from conversation.choosing.menus import Menus
from conversation.choosing.opting import OptWords
from conversation.errors import NotYet
from conversation.flowing.parts import Tools, build_parts
from conversation.flowing.runner import FlowRunner
from conversation.leaving.farewells import KEY
from conversation.leaving.outbox import Due
from conversation.messages.contents import Location, Media
from conversation.messages.model import Understood
from conversation.saying.sentences import Sentences
from conversation.tables import Conversation, OutboxRow
from conversation.turning.deciding import Decider
from conversation.turning.turn import Turns
from flows.flow import Flow
from flows.model import Saved
from loyalty.clock import FixedClock
from loyalty.due import run_due
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.orders import purchases
from loyalty.orders.purchases import PurchaseReport
from loyalty.people.members import Person, Ref, join, meet
from loyalty.programme import LANGUAGES, Programme
from loyalty.revisions import ensure_programme
from loyalty.store import Store
from loyalty.store.sql import execute, table_of
from loyalty.tables import Identity, Member
from tests.walks.dialogue import Meaning, a_beginning, cancelling, some_words
from tests.walks.proofs import Broken, check_answer

ROOT = Path(__file__).parents[2]
NUMBER = "100000000000001"
SENTENCES = Sentences.load(ROOT / "data" / "responses")
OPT_WORDS = OptWords.load(ROOT / "data" / "words" / "opting.yml")
PUBLIC, CHAT = "https://shop.example", "https://wa.me"
MOST_TO_LEAVE = 8
"""So many times "cancel" leaves whatever is under way: every flow that waits, and the steps inside that go back."""
T = TypeVar("T")
_MOST_PARTS = 9
_OUTBOX, _IDENTITY, _CONVERSATION, _MEMBER = (
    table_of(table) for table in (OutboxRow, Identity, Conversation, Member)
)  # fmt: skip
_ANSWERS = select(_OUTBOX.c.id, _OUTBOX.c.key, _OUTBOX.c.phone, _OUTBOX.c.user_id, _OUTBOX.c.message).order_by(
    _OUTBOX.c.id
)
_STANDS = (
    select(_MEMBER.c.id, _MEMBER.c.language, _CONVERSATION.c.flow, _CONVERSATION.c.quiet_until)
    .join(_IDENTITY, _IDENTITY.c.member_id == _MEMBER.c.id)
    .join(_CONVERSATION, _CONVERSATION.c.member_id == _MEMBER.c.id)
    .where(
        _IDENTITY.c.programme_id == bindparam("programme"),
        _IDENTITY.c.kind == bindparam("kind"),
        _IDENTITY.c.value == bindparam("value"),
    )
)


class Unplugged(Exception):
    """The process died before its transaction was through."""


class Brittle:
    """A store whose next write does everything and then is lost, if that is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.breaks = False

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self._store.read(work)

    async def look(self, work: Callable[[Session], T]) -> T:
        return await self._store.look(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        if not self.breaks:
            return await self._store.write(work)
        self.breaks = False

        def lost(session: Session) -> T:
            work(session)
            session.flush()
            raise Unplugged

        return await self._store.write(lost)

    async def close(self) -> None:
        await self._store.close()


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a conversation stands: the flow, whether the bot is to keep quiet, whose it is, her language."""

    flow: Saved | None
    quiet: bool
    member: MemberId | None
    language: str


@dataclass
class Somebody:
    """Who writes, by what she is known, and every choice she was ever shown."""

    user: str | None
    phones: tuple[str, ...]
    name: str | None
    shown: list[tuple[str, str]] = field(default_factory=list)
    newest: list[tuple[str, str]] = field(default_factory=list)

    def sender(self, rng: random.Random) -> Sender:
        """One of her phones."""
        return Sender(rng.choice(self.phones) if self.phones else None, self.user, self.name)


class World:
    """A business that many walks go through, one after the other: its store, its clock, the process that answers."""

    def __init__(self, store: Store, clock: FixedClock, programmes: tuple[Programme, Programme]) -> None:
        self.store, self.clock = Brittle(store), clock
        self._programmes = programmes
        self.programme = programmes[0]
        self.turns = 0
        self.stayed: Counter[str] = Counter()
        """How often a flow stood in a state after a turn."""
        self.longer = 0
        """Answers that took more than one message."""
        self.restart()

    def restart(self) -> None:
        """The process begins anew: nothing is left of it but the store."""
        answers = Answers(self.store, SENTENCES, self.clock, public_url=PUBLIC)
        self.meaning = Meaning(SENTENCES, answers)
        runner = FlowRunner(SENTENCES, build_parts(Tools(SENTENCES, PUBLIC, CHAT)))
        self.flows: Mapping[str, Flow[Any]] = {part.flow.name: part.flow for part in runner.parts}
        decider = Decider(self.store, self.meaning, runner, OPT_WORDS, Menus(SENTENCES))
        self._turns = Turns(self.store, {NUMBER: self.programme}, decider, runner, SENTENCES, self.clock)

    async def edit(self) -> None:
        """Somebody edits the programme, or undoes it."""
        self.programme = self._programmes[self.programme is self._programmes[0]]
        await self.begin()
        self.restart()

    async def begin(self) -> None:
        """The programme is written down."""
        await self.store.write(lambda session: ensure_programme(session, self.programme, now=self.clock.now()))

    async def run(self, incoming: Incoming) -> None:
        """A turn; one that is too early is run again, as the dispatcher does."""
        try:
            await self._turns.run(incoming)
        except NotYet:
            await asyncio.sleep(0)
            await self.run(incoming)


class Walk:
    """One walk. What it did is in `trace`, so that a broken one can be read."""

    def __init__(self, world: World, seed: str) -> None:
        self.world = world
        self._rng = random.Random(seed)
        self._name = seed
        number = f"{self._rng.randrange(10**9):09}"
        self._anna = Somebody(f"IT.{number}", (f"39331{number}", f"39332{number}"), "Anna")
        self._ben = Somebody(None, (f"39333{number}",), None)
        self._who = self._anna
        self._messages = 0
        self.trace: list[str] = []

    async def go(self, messages: int) -> None:
        """Walk until she has written so many messages, then leave whatever is under way.

        Most have joined before, and some have points.
        """
        await self.world.begin()
        if self._rng.random() < 0.75:
            await self._joins()
        while self._messages < messages:
            self._who = self._ben if self._rng.random() < 0.15 else self._anna
            step = self._rng.choices(list(_STEPS), list(_STEPS.values()))[0]
            await step(self)
        for who in (self._anna, self._ben):
            self._who = who
            await self._leaves()

    async def _joins(self) -> None:
        """She joined at the till, by the phone that she writes with first."""

        def do(session: Session) -> None:
            programme, now = self.world.programme, self.world.clock.now()
            row = meet(session, programme, Person((Ref.phone(f"+{self._anna.phones[0]}"),)), now=now)
            join(session, programme, row, now=now)

        await self.world.store.write(do)
        if self._rng.random() < 0.5:
            await self._buys()

    # ---- what happens

    async def _taps(self) -> None:
        """A choice of the newest answer."""
        if self._who.newest:
            await self._says(Tap(*self._rng.choice(self._who.newest)))
        else:
            await self._asks()

    async def _taps_an_old_one(self) -> None:
        """Any choice that was ever shown; now and then one that was shown to somebody else."""
        other = self._ben if self._who is self._anna else self._anna
        shown = other.shown if self._rng.random() < 0.1 else self._who.shown
        if shown:
            await self._says(Tap(*self._rng.choice(shown)))

    async def _taps_twice(self) -> None:
        """The same choice in two messages, one right after the other."""
        if self._who.newest:
            tap = Tap(*self._rng.choice(self._who.newest))
            await self._says(tap)
            await self._says(tap)

    async def _asks(self) -> None:
        """A question in one of five languages."""
        text, understood = some_words(self._rng)
        await self._types(text, understood)

    async def _follows(self) -> None:
        """She begins something and goes on with it for a while."""
        await self._types(*a_beginning(self._rng))
        for _ in range(self._rng.randint(2, 8)):
            step = self._rng.choices(list(_ONWARD), list(_ONWARD.values()))[0]
            await step(self)

    async def _types_a_choice(self) -> None:
        """A number, or the title of a choice."""
        titles = [title for _, title in self._who.newest]
        number = self._rng.randint(0, 12)
        text = self._rng.choice([*titles, str(number), f"{number}.", str(number).translate(_ARABIC), "A", "ب"])
        await self._types(text, Understood("nlu_fallback", self._rng.random(), {}, None, {}))

    async def _types_anything(self) -> None:
        text = self._rng.choice(_ANYTHING)
        if text == _CODE:
            text = await self._a_code()
        intent = self._rng.choice(["nlu_fallback", "out_of_scope", "affirm", "deny", "enter_referral_code", "greet"])
        await self._types(text, Understood(intent, self._rng.random(), {}, self._rng.choice(LANGUAGES), {}))

    async def _sends(self) -> None:
        kind = self._rng.choice(["image", "document", "voice", "sticker", "video", "location"])
        caption = self._rng.choice([None, "12,50", "my receipt"])
        media = Media(kind, f"media-{self._rng.random()}", "image/jpeg", f"{self._rng.randrange(50)}", None, caption)
        await self._says(Location(45.46, 9.19) if kind == "location" else media)

    async def _waits(self) -> None:
        """Minutes to weeks go by; what falls due in them is done, at its time or later."""
        by = self._rng.choice([_MINUTE * 5, _MINUTE * 40, _HOUR * 5, _DAY, _DAY * 8, _DAY * 22])
        self.trace.append(f"{by} go by")
        self.world.clock.forward(by * (0.5 + self._rng.random()))
        if self._rng.random() < 0.5:
            await run_due(self.world.store, self.world.programme, now=self.world.clock.now())

    async def _restarts(self) -> None:
        self.trace.append("restart")
        self.world.restart()

    async def _edits(self) -> None:
        self.trace.append("the programme is edited")
        await self.world.edit()

    async def _buys(self) -> None:
        """The till reports a purchase."""
        amount = self._rng.choice(["4.90", "60.00", "250.00", "900.00"])
        self.trace.append(f"{self._who.name or 'Ben'} buys for {amount}")
        key, now, programme = f"till/{self._name}/{len(self.trace)}", self.world.clock.now(), self.world.programme
        report = PurchaseReport(key, Money.parse(amount, programme.currency), now)

        def buy(session: Session) -> None:
            row = meet(session, programme, Person((Ref.phone(f"+{self._who.phones[0]}"),)), now=now)
            purchases.record_purchase(session, programme, row, report, now=now)

        with suppress(Refused):  # who was erased at her own wish only comes back by herself
            await self.world.store.write(buy)

    async def _is_handed_back(self) -> None:
        """A person of the business has answered her."""

        def done(session: Session) -> None:
            member = self._stands(session).member
            found = handovers.open_of(session, member) if member is not None else None
            if found is not None:
                handovers.done(session, self.world.programme, found.id, by="Mara", now=self.world.clock.now())

        self.trace.append("a person hands her back")
        await self.world.store.write(done)

    async def _leaves(self) -> None:
        """She says "cancel" until nothing is under way: it takes a word for each flow that waits, and no more."""
        for _ in range(MOST_TO_LEAVE):
            stand = await self.world.store.look(self._stands)
            if stand.flow is None or stand.quiet:
                return
            await self._types(*cancelling(stand.language))
        stand = await self.world.store.look(self._stands)
        if stand.flow is not None and not stand.quiet:
            raise Broken(f"cancel does not leave {stand.flow}")

    # ---- how it reaches the bot

    async def _types(self, text: str, understood: Understood) -> None:
        self.world.meaning.told = {text: understood}
        await self._says(Text(text), f"{understood.intent} {understood.confidence:.2f} {understood.language}")

    async def _says(self, content: Content, note: str = "") -> None:
        """A message comes in: once, or twice at once, or into a process that dies while it answers."""
        world, who = self.world, self._who
        self._messages += 1
        world.clock.forward(timedelta(seconds=self._rng.choice([2, 20])))
        id_ = f"wamid.{self._name}.{self._messages}"
        incoming = Incoming(id_, NUMBER, who.sender(self._rng), world.clock.now(), content)
        told = self.world.meaning.told
        self.trace.append(f"{who.name or 'Ben'}: {content} {note}")
        world.clock.forward(timedelta(milliseconds=500))
        await world.store.write(lambda session: inbox.accept(session, [incoming], now=world.clock.now()))
        luck = self._rng.random()
        if luck < 0.04:
            self.trace.append("  the process dies")
            world.store.breaks = True
            with suppress(Unplugged):
                await world.run(incoming)
            world.store.breaks = False
            world.restart()
            world.meaning.told = told
            await world.run(incoming)
        elif luck < 0.08:
            self.trace.append("  twice at once")
            await asyncio.gather(world.run(incoming), world.run(replace(incoming)))
        else:
            await world.run(incoming)
        await self._look(incoming)

    async def _look(self, incoming: Incoming) -> None:
        """What was answered must hold."""
        keys = [f"answer:{incoming.message_id}/{number}" for number in range(_MOST_PARTS)]
        sender = incoming.sender
        hers = _OUTBOX.c.user_id == sender.user_id if sender.user_id else _OUTBOX.c.phone == f"+{sender.phone}"
        farewell = hers & _OUTBOX.c.key.startswith(KEY) & (_OUTBOX.c.created_at >= incoming.sent_at)
        query = _ANSWERS.where(
            _OUTBOX.c.programme_id == self.world.programme.id,
            _OUTBOX.c.key.in_(keys) | farewell,
        )

        def read(session: Session) -> tuple[Sequence[Row[*tuple[Any, ...]]], Stand]:
            return session.connection().execute(query).all(), self._stands(session)

        rows, stand = await self.world.store.look(read)
        answer = [row for row in rows if not row.key.startswith(KEY)]
        self.trace += [f"  bot: {row.message['text']!r} {_titles(row)}" for row in answer or rows]
        saved = stand.flow
        self.trace.append(f"  in {saved.flow}, {saved.state}" if saved else "  in no flow")
        if not rows and not stand.quiet:
            raise Broken("there is no answer")
        check_answer(
            [Due(row.id, NUMBER, row.phone, row.user_id, row.message, 0) for row in rows], saved, self.world.flows
        )
        self.world.turns += 1
        self.world.longer += len(answer) > 1
        if saved is not None:
            self.world.stayed[f"{saved.flow}.{saved.state}"] += 1
        choices = [(choice["id"], choice["title"]) for row in answer for choice in row.message.get("choices") or ()]
        self._who.newest = choices or self._who.newest
        self._who.shown += choices

    def _stands(self, session: Session) -> "Stand":
        """Where her conversation stands."""
        kind, value = ("user", self._who.user) if self._who.user else ("phone", f"+{self._who.phones[0]}")
        values = {"programme": self.world.programme.id, "kind": kind, "value": value}
        row = execute(session, _STANDS, values).first()
        if row is None:
            return Stand(None, False, None, self.world.programme.language)
        quiet = handovers.is_quiet(row.quiet_until, self.world.clock.now())
        return Stand(Saved.from_json(row.flow) if row.flow else None, quiet, MemberId(row.id), row.language)

    async def _a_code(self) -> str:
        """The code of anybody, at times with a slip."""
        query = select(Member.referral_code).order_by(Member.id.desc()).limit(4)
        codes = await self.world.store.look(lambda session: session.scalars(query).all())
        code = self._rng.choice([*codes, "AAAA2222"])
        return code if self._rng.random() < 0.7 else code[:-1] + "7"


def _titles(row: Row[*tuple[Any, ...]]) -> list[str]:
    return [choice["title"] for choice in row.message.get("choices") or ()]


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_CODE = "a code"
_ANYTHING = (
    _CODE, _CODE, "stop", "START", "survey", "encuesta", "استبيان", "my profile", "الملف", "Anna Maria", "👍", "?",
    "12,50 €", "1.234,00", "yesterday", "in via Roma", "14 March 1990", "31/2/1990", "١٤ مارس ١٩٩٠", "x" * 4000,
    "أريد النقاط من فضلك", "yes", "sì", "no", "لا", "bot", "{name}", "%s \\ *_~` \u202e abc", "Où est-ce ?",
    "delete for good",
)  # fmt: skip
_ONWARD = {
    Walk._taps: 14, Walk._types_a_choice: 2, Walk._types_anything: 2, Walk._sends: 1, Walk._waits: 0.3, Walk._asks: 1,
}  # fmt: skip
"""How she goes on with something."""
_STEPS = {
    Walk._taps: 30, Walk._taps_an_old_one: 8, Walk._taps_twice: 3, Walk._asks: 10, Walk._follows: 12,
    Walk._types_a_choice: 10, Walk._types_anything: 8, Walk._sends: 4, Walk._waits: 6, Walk._restarts: 2,
    Walk._edits: 1, Walk._buys: 4, Walk._is_handed_back: 1, Walk._leaves: 2,
}  # fmt: skip
"""What happens, and how often beside the others."""
