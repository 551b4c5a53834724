"""A turn: from a message to the answer, saved together or not at all.

1. Find the member, the programme and where the conversation stands (one read).
2. Decide what the message means (`deciding`).
3. Save (one write): the flow's step or the answers, what they change, the messages to send, "this message is done".
Steps 1 and 2 change nothing, so a turn may be killed anywhere and run again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import structlog
from sqlalchemy.orm import Session
from statemachine.exceptions import TransitionNotAllowed

from conversation.arriving import inbox
from conversation.arriving.incoming import Incoming, Tap
from conversation.caring import handovers
from conversation.choosing.menus import Menus, fold
from conversation.choosing.offers import make_offer
from conversation.errors import AlreadyDone, Moved
from conversation.flowing.part import At
from conversation.flowing.runner import FlowRunner
from conversation.leaving.farewells import Reach, reach_of, say_farewell
from conversation.leaving.outbox import FREE_ENTRY, enqueue
from conversation.messages.contents import words_of
from conversation.messages.layout import WHATSAPP, Limits
from conversation.messages.model import Answer, Command, Message
from conversation.register import conversation_of
from conversation.saying.sentences import Sentences
from conversation.saying.welcome import Invitations
from conversation.tables import Conversation
from conversation.turning.commands import Commands, Situation, saved_flow
from conversation.turning.deciding import Decider, FlowStep, Plan, Silence, TurnPage
from conversation.turning.memory import remember
from conversation.turning.place import Place, introduce, look
from flows.model import Saved
from loyalty.clock import Clock
from loyalty.news import because
from loyalty.programme import Language, Programme
from loyalty.store import Store
from loyalty.store.objects import load_one, write_back
from loyalty.tables import Member

log = structlog.get_logger()


class Turns:
    """Runs turns. One instance serves every conversation of the process."""

    def __init__(
        self, store: Store, programmes: Mapping[str, Programme], decider: Decider, flows: FlowRunner,
        sentences: Sentences, clock: Clock, limits: Limits = WHATSAPP,
    ) -> None:  # fmt: skip
        """`programmes` are by the id of the number their members write to; `limits` are the provider's."""
        self._store = store
        self._programmes = programmes
        self._decider = decider
        self._flows = flows
        self._sentences = sentences
        self._clock = clock
        self._limits = limits
        self._menus = Menus(sentences)
        self._commands = Commands(sentences, flows)
        self._invitations = Invitations(sentences)

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
        plan = await self._decider.plan(place, incoming)
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
            self._drop_flow(conversation, error)
            self._send(session, conversation, self._menus.sorry(place.language), key, place.language)
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

    # ---- 3. save

    def _save(self, session: Session, incoming: Incoming, place: Place, plan: Plan) -> None:
        because(session, place.member, "chat")  # what the answer says is not told once more
        conversation = self._heard(session, place, incoming)
        if isinstance(plan.do, Silence) and not handovers.is_quiet(conversation.quiet_until, incoming.sent_at):
            raise Moved  # she was handed back a moment ago
        inbox.finish(session, incoming, now=self._clock.now())
        if isinstance(plan.do, Silence):
            return
        resumed = handovers.resume(session, conversation, incoming.sent_at, now=self._clock.now())
        if not place.language_chosen and plan.language != place.language:
            load_one(session, Member, place.member).language = plan.language
        if plan.memory is not None:
            remember(session, plan.memory, now=self._clock.now())
        page, language, before = 0, plan.language, saved_flow(conversation)
        match plan.do:
            case FlowStep() as step:
                reach, at = reach_of(conversation), self._at(session, place, language, incoming)
                message = self._step(at, conversation, step)
                if at.member.erased_at is not None:
                    self._farewell(session, reach, message)
                    return
            case TurnPage(offer):
                message, page = offer.message, offer.page + 1
            case answers if any(isinstance(answer, Command) for answer in answers):
                message = self._perform(session, conversation, place, language, answers, incoming)
                language = cast(
                    Language, load_one(session, Member, place.member).language
                )  # perhaps she asked for another
                message = self._remind(session, conversation, place, language, incoming, message)
            case answers:
                message = fold([answer for answer in answers if isinstance(answer, Message)])
                message = self._remind(session, conversation, place, language, incoming, message)
        if plan.invite and load_one(session, Member, place.member).joined_at is None:
            message = self._invitations.under(message, place.programme, language)
            conversation.invited_at = incoming.sent_at
        if resumed:
            message = replace(message, text=f"{self._sentences.say(language, 'handover.resumed')}\n\n{message.text}")
        after = saved_flow(conversation)
        own = after is not None and (before is None or (before.run, before.step) != (after.run, after.step))
        self._send(session, conversation, message, incoming.message_id, language, page, own=own)

    def _step(self, at: At, conversation: Conversation, step: FlowStep) -> Message:
        """Hand an event to its flow, if the flow still stands where the choice was offered."""
        current = saved_flow(conversation)
        saved = _standing(current, step.run)
        if saved is None:
            return self._menus.over(at.language)
        again = self._flows.begins_with(saved)
        if not self._flows.alive(saved, at.now):
            conversation.flow = None
            key = "flow.timed_out" if self._flows.known(saved) else "flow.changed"
            return self._menus.over(at.language, key, again)
        if saved.step != step.step:
            return self._menus.over(at.language, "tap.step_over")
        try:
            flowed = self._flows.step(at, saved, step.event)
        except TransitionNotAllowed:
            return self._menus.over(at.language, "tap.step_over")
        conversation.flow = flowed.saved.to_json() if flowed.saved else None
        return flowed.message

    def _perform(
        self, session: Session, conversation: Conversation, place: Place, language: Language,
        answers: tuple[Answer, ...], incoming: Incoming,
    ) -> Message:  # fmt: skip
        words = _words(incoming)
        member = load_one(session, Member, place.member)
        situation = Situation(
            session, place.programme, member, conversation, language, incoming.message_id, words, self._clock.now()
        )
        messages = [
            self._commands.run(situation, answer) if isinstance(answer, Command) else answer for answer in answers
        ]
        return fold(messages)

    def _remind(
        self, session: Session, conversation: Conversation, place: Place, language: Language, incoming: Incoming,
        message: Message,
    ) -> Message:  # fmt: skip
        """The answer to a question in the middle of a flow, with the way back; one that waits no longer is let go."""
        saved = saved_flow(conversation)
        before = place.flow
        if saved is None or before is None or (saved.run, saved.moved_at) != (before.run, before.moved_at):
            return message  # there is none, or it has spoken for itself: it began just now, or was come back to
        at = self._at(session, place, language, incoming)
        if not self._flows.alive(saved, at.now):
            conversation.flow = None
            return message
        return self._flows.remind(at, saved, message)

    def _farewell(self, session: Session, reach: Reach, message: Message) -> None:
        """The last message to somebody who is erased by now."""
        part = {"style": "plain", "text": message.text, "image": None}
        say_farewell(session, reach, [part], now=self._clock.now())

    def _drop_flow(self, conversation: Conversation, error: str) -> None:
        """Let go of a flow in which a message could not be answered: the next message begins afresh."""
        if (saved := saved_flow(conversation)) is not None:
            log.error("a flow was dropped", flow=saved.flow, state=saved.state, run=saved.run, error=error)
            conversation.flow = None

    def _at(self, session: Session, place: Place, language: Language, incoming: Incoming) -> At:
        member = load_one(session, Member, place.member)
        return At(session, place.programme, member, language, self._clock.now(), incoming.message_id, _words(incoming))

    def _heard(self, session: Session, place: Place, incoming: Incoming) -> Conversation:
        """Lock the conversation and note when the customer wrote: the service window opens there."""
        conversation = conversation_of(session, place.member, lock=True)
        if conversation is None:
            raise Moved
        heard = conversation.last_heard_at
        if heard is None or incoming.sent_at > heard:
            conversation.last_heard_at = incoming.sent_at
        if incoming.referral is not None:  # she came by an advertisement
            conversation.free_entry_until = incoming.sent_at + FREE_ENTRY
        write_back(session, conversation)
        return conversation

    def _send(
        self, session: Session, conversation: Conversation, message: Message, key: str, language: Language,
        page: int = 0, *, own: bool = False,
    ) -> None:  # fmt: skip
        """Put an answer into the outbox. `own` says that its choices are those of the flow's new step."""
        now, saved = self._clock.now(), saved_flow(conversation)
        parts = make_offer(
            session, conversation, message, saved=saved, page=page, now=now,
            more=self._sentences.say(language, "menu.more"), prompt=self._sentences.say(language, "menu.choose"),
            limits=self._limits,
        )  # fmt: skip
        if own and saved is not None:
            conversation.flow = replace(saved, offer=conversation.offer_id if message.choices else None).to_json()
        write_back(session, conversation)
        session.flush()
        enqueue(session, conversation, parts, key=f"answer:{key}", now=now)


def _words(incoming: Incoming) -> str:
    """What she said: her words, or the title she tapped."""
    content = incoming.content
    return content.title if isinstance(content, Tap) else words_of(content) or ""


def _standing(saved: Saved | None, run: str) -> Saved | None:
    """The flow of a run: the one under way, or one that waits under it and now changes places with it."""
    if saved is None or saved.run == run:
        return saved if saved is not None and saved.run == run else None
    waiting = (replace(saved, under=()), *saved.under)
    found = next((one for one in waiting if one.run == run), None)
    return replace(found, under=tuple(one for one in waiting if one.run != run)) if found else None
