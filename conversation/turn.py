"""A turn: from a message to the answer, saved together or not at all.

1. Find the member, the programme and where the conversation stands (one read).
2. Decide what the message means: a token of ours, an answer to what was offered, or words for Rasa.
3. Save (one write): the flow's step or the answers, what they change, the messages to send, "this message is done".
Steps 1 and 2 change nothing, so a turn may be killed anywhere and run again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol, cast

import structlog
from sqlalchemy.orm import Session
from statemachine.exceptions import TransitionNotAllowed

from conversation import inbox
from conversation.commands import Commands, Situation, ask_choices, saved_flow
from conversation.errors import AlreadyDone, Moved
from conversation.flow_runner import FlowRunner, reward_called
from conversation.incoming import Incoming, Tap, Text, words_of
from conversation.layout import WHATSAPP, units
from conversation.matching import match_choice
from conversation.memory import Memory, remember
from conversation.model import Answer, Command, Inquiry, Message, Understood
from conversation.offers import Offered, make_offer, read_token, turns_page
from conversation.opting import OptWords
from conversation.outbox import enqueue
from conversation.place import Place, introduce, look
from conversation.register import conversation_of
from conversation.sentences import Sentences
from conversation.tables import Conversation
from flows.model import Ask, Event, Saved
from loyalty.clock import Clock
from loyalty.people.consents import has_withdrawn
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.store import Store
from loyalty.tables import Member

log = structlog.get_logger()

UNCLEAR = frozenset({"nlu_fallback", "out_of_scope"})
FRESH = timedelta(hours=24)
"""How long a typed number or word may refer to choices that were offered."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the dialogue answers, and what it wants to remember of the conversation."""

    answers: tuple[Answer, ...]
    memory: Memory | None = None


class Dialogue(Protocol):
    """Understands words and answers questions: Rasa, in the running programme."""

    async def parse(self, text: str) -> Understood:
        """What a text means. Never raises for any text."""

    async def respond(
        self, inquiry: Inquiry, understood: Understood, remembered: Sequence[Mapping[str, Any]]
    ) -> Response:
        """Answer what was understood, knowing what was `remembered`. Changes nothing in the store."""


@dataclass(frozen=True, slots=True)
class FlowStep:
    """The decision to hand an event to the flow that offered it."""

    run: str
    step: int
    event: Event


@dataclass(frozen=True, slots=True)
class TurnPage:
    """The decision to show an offer's next page."""

    offer: Offered


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn will do when it is saved."""

    language: Language
    do: FlowStep | TurnPage | tuple[Answer, ...]
    memory: Memory | None = None


class Turns:
    """Runs turns. One instance serves every conversation of the process."""

    def __init__(
        self, store: Store, programmes: Mapping[str, Programme], dialogue: Dialogue, sentences: Sentences,
        opt_words: OptWords, clock: Clock,
    ) -> None:  # fmt: skip
        """`programmes` are by the id of the number their members write to."""
        self._store = store
        self._programmes = programmes
        self._dialogue = dialogue
        self._sentences = sentences
        self._opt_words = opt_words
        self._clock = clock
        self._flows = FlowRunner(sentences)
        self._commands = Commands(sentences, self._flows)

    async def run(self, incoming: Incoming) -> None:
        """Answer a message. Safe to repeat: a message that was answered is not answered again."""
        programme = self._programmes.get(incoming.number_id)
        if programme is None:
            log.warning("message for a number no programme has", number_id=incoming.number_id)
            await self._store.write(lambda session: inbox.finish(session, incoming, now=self._clock.now()))
            return
        place = await self._place(programme, incoming)
        if place is None:
            return
        plan = await self._plan(place, incoming)
        try:
            await self._store.write(lambda session: self._save(session, incoming, place, plan))
        except AlreadyDone:
            log.info("message was answered before", message_id=incoming.message_id)
        except Moved:
            await self.run(incoming)

    async def apologise(self, incoming: Incoming, error: str) -> None:
        """Set a message aside that cannot be answered, and tell the customer."""
        programme = self._programmes[incoming.number_id]
        place = await self._place(programme, incoming)
        if place is None:
            return

        def save(session: Session) -> None:
            now = self._clock.now()
            conversation = self._heard(session, place, incoming)
            key = f"{incoming.message_id}:sorry"  # should it be tried again later, its answer has a key of its own
            self._send(session, conversation, self._sorry(place.language), None, key, place.language)
            inbox.fail(session, incoming, error=error, now=now)

        await self._store.write(save)

    # ---- 1. find

    async def _place(self, programme: Programme, incoming: Incoming) -> Place | None:
        """Where a message lands; nowhere if its sender was erased after she sent it."""
        place = await self._store.look(lambda session: look(session, programme, incoming))
        if place is None:
            now = self._clock.now()
            if not await self._store.write(lambda session: introduce(session, programme, incoming, now=now)):
                return None
            place = await self._store.look(lambda session: look(session, programme, incoming))
        assert place is not None
        return place

    # ---- 2. decide

    async def _plan(self, place: Place, incoming: Incoming) -> Plan:
        match incoming.content:
            case Tap(token, title):
                return await self._plan_tap(place, token, title, incoming)
            case Text(text):
                return await self._plan_text(place, text, incoming)
            case other:
                if (caption := words_of(other)) is not None:
                    return await self._plan_text(place, caption, incoming)
                key = f"attachment.{other.kind}"
                text = self._sentences.say(place.language, key if self._sentences.knows(key) else "attachment.other")
                return Plan(place.language, (self._with_menu(place.language, text),))

    async def _plan_tap(self, place: Place, token: str, title: str, incoming: Incoming) -> Plan:
        named = read_token(token)
        offer = place.tapped
        if named is None or offer is None or offer.member != place.member:
            if (opting := await self._opting(place, title)) is not None:  # the quick reply of a template
                return opting
            return Plan(place.language, (self._with_menu(place.language, self._say(place, "tap.unknown")),))
        return await self._choose(place, offer, named[1], incoming)

    async def _choose(self, place: Place, offer: Offered, number: int, incoming: Incoming) -> Plan:
        if turns_page(number):
            return Plan(place.language, TurnPage(offer))
        if number >= len(offer.message.choices):
            return Plan(place.language, (self._with_menu(place.language, self._say(place, "tap.unknown")),))
        match offer.message.choices[number].action:
            case Event() as event:
                if offer.outlived(incoming.sent_at):
                    return Plan(place.language, (self._over(place.language),))
                return Plan(place.language, FlowStep(offer.run or "", offer.step, event))
            case Ask(intent, entities):
                understood = Understood(intent, 1.0, entities, None, {})
                return await self._answer(place, place.language, understood, incoming, "")

    async def _opting(self, place: Place, text: str) -> Plan | None:
        """What to do about a word that stops promotional messages, or brings them back for one who had stopped them."""
        meaning = self._opt_words.meaning(text)
        if meaning is None:
            return None
        if meaning == "start" and not await self._store.look(lambda session: has_withdrawn(session, place.member)):
            return None  # a word like any other
        return Plan(place.language, (Command("marketing", {"given": "no" if meaning == "stop" else "yes"}),))

    async def _plan_text(self, place: Place, text: str, incoming: Incoming) -> Plan:
        if (opting := await self._opting(place, text)) is not None:
            return opting
        offer = place.quoted or place.offer
        if offer is not None and (offer is place.quoted or incoming.sent_at <= offer.created_at + FRESH):
            first, last = offer.window()
            number = match_choice(text, offer.message.choices, first=first, last=last)
            if number is not None:
                return await self._choose(place, offer, number, incoming)
        understood = await self._dialogue.parse(text)
        language = _language(place, understood, text)
        if understood.intent in UNCLEAR and len(text.split()) <= 3 and reward_called(place.programme, text):
            understood = replace(understood, intent="redeem_reward")
        if place.flow is not None and (event := self._flows.heard(place.flow, understood.intent)):
            return Plan(language, FlowStep(place.flow.run, place.flow.step, event))
        return await self._answer(place, language, understood, incoming, text)

    async def _answer(
        self, place: Place, language: Language, understood: Understood, incoming: Incoming, text: str
    ) -> Plan:
        inquiry = Inquiry(
            place.programme, place.member, language, understood.intent, understood.entities, incoming.message_id, text
        )
        response = await self._dialogue.respond(inquiry, understood, place.remembered)
        answers = response.answers or (self._sorry(language),)
        return Plan(language, answers, response.memory)

    # ---- 3. save

    def _save(self, session: Session, incoming: Incoming, place: Place, plan: Plan) -> None:
        conversation = self._heard(session, place, incoming)
        inbox.finish(session, incoming, now=self._clock.now())
        if not place.language_chosen and plan.language != place.language:
            session.get_one(Member, place.member).language = plan.language
        if plan.memory is not None:
            remember(session, plan.memory, now=self._clock.now())
        page, language = 0, plan.language
        match plan.do:
            case FlowStep() as step:
                member = session.get_one(Member, place.member)
                message = self._step(session, conversation, member, place.programme, language, step)
            case TurnPage(offer):
                message, page = offer.message, offer.page + 1
            case answers if any(isinstance(answer, Command) for answer in answers):
                member = session.get_one(Member, place.member)
                message = self._perform(session, conversation, member, place.programme, language, answers, incoming)
                language = cast(Language, member.language)  # perhaps she asked for another
            case answers:
                message = fold([answer for answer in answers if isinstance(answer, Message)])
        self._send(session, conversation, message, saved_flow(conversation), incoming.message_id, language, page)

    def _step(
        self, session: Session, conversation: Conversation, member: Member, programme: Programme, language: Language,
        step: FlowStep,
    ) -> Message:  # fmt: skip
        """Hand an event to its flow, if the flow still stands where the choice was offered."""
        saved = saved_flow(conversation)
        if saved is None or (saved.run, saved.step) != (step.run, step.step) or not self._flows.current(saved):
            return self._over(
                language, "tap.step_over" if saved is not None and saved.run == step.run else "tap.run_over"
            )
        now = self._clock.now()
        try:
            after, message = self._flows.step(session, programme, member, language, saved, step.event, now=now)
        except TransitionNotAllowed:
            return self._with_menu(language, self._sentences.say(language, "tap.step_over"))
        conversation.flow = after.to_json() if after else None
        return message

    def _over(self, language: Language, key: str = "tap.run_over") -> Message:
        return self._with_menu(language, self._sentences.say(language, key), ("my_vouchers", "list_rewards"))

    def _perform(
        self, session: Session, conversation: Conversation, member: Member, programme: Programme, language: Language,
        answers: tuple[Answer, ...], incoming: Incoming,
    ) -> Message:  # fmt: skip
        words = words_of(incoming.content) or ""
        situation = Situation(
            session, programme, member, conversation, language, incoming.message_id, words, self._clock.now()
        )
        messages = [
            self._commands.run(situation, answer) if isinstance(answer, Command) else answer for answer in answers
        ]
        return fold(messages)

    def _heard(self, session: Session, place: Place, incoming: Incoming) -> Conversation:
        """Lock the conversation and note when the customer wrote: the service window opens there."""
        conversation = conversation_of(session, place.member, lock=True)
        if conversation is None:
            raise Moved
        heard = conversation.last_heard_at
        if heard is None or incoming.sent_at > heard:
            conversation.last_heard_at = incoming.sent_at
        return conversation

    def _send(
        self, session: Session, conversation: Conversation, message: Message, saved: Saved | None, key: str,
        language: Language, page: int = 0,
    ) -> None:  # fmt: skip
        now = self._clock.now()
        parts = make_offer(
            session, conversation, message, saved=saved, page=page, now=now,
            more=self._sentences.say(language, "menu.more"), prompt=self._sentences.say(language, "menu.choose"),
        )  # fmt: skip
        session.flush()
        enqueue(session, conversation, parts, key=f"answer:{key}", now=now)

    # ---- sentences

    def _say(self, place: Place, key: str) -> str:
        return self._sentences.say(place.language, key)

    def _sorry(self, language: Language) -> Message:
        return self._with_menu(language, self._sentences.say(language, "sorry.broken"))

    def _with_menu(
        self, language: Language, text: str, asks: tuple[str, ...] = ("check_points", "list_rewards", "help")
    ) -> Message:
        return Message(text, ask_choices(self._sentences, language, asks), self._sentences.say(language, "menu.choose"))


def fold(messages: list[Message]) -> Message:
    """Several answers as one message, since each sent message is paid for: texts joined, choices together."""
    first, *rest = messages
    for message in rest:
        text = f"{first.text}\n\n{message.text}" if first.text and message.text else first.text or message.text
        first = replace(
            first, text=text, choices=first.choices + message.choices, menu=first.menu or message.menu,
            image=first.image or message.image,
        )  # fmt: skip
    assert units(first.text) <= WHATSAPP.text * 16, "an answer is no book"
    return first


def _language(place: Place, understood: Understood, text: str) -> Language:
    """The language to answer in: the one chosen, else the one just written if that is clear.

    A single word is the same in too many languages to change a conversation by, unless its script tells.
    """
    telling = len(text.split()) > 1 or place.newcomer or understood.language == "ar"
    if place.language_chosen or not telling:
        return place.language
    return next((language for language in LANGUAGES if language == understood.language), place.language)
