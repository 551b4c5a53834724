"""Deciding what a message means: a token of ours, an answer to what was offered, something for the flow, or words.

Nothing is changed here, so a turn may be killed anywhere and decided again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from conversation.arriving.incoming import Incoming, Tap, Text
from conversation.caring.handovers import flow_in, is_quiet
from conversation.choosing.menus import Menus
from conversation.choosing.offers import Offered, find_offer, read_token, turns_page
from conversation.choosing.opting import OptWords
from conversation.flowing.dialoguing import dialog_called
from conversation.flowing.redeeming import reward_called
from conversation.flowing.runner import FlowRunner
from conversation.messages.contents import Media, Other, words_of
from conversation.messages.model import Answer, Command, Inquiry, Understood
from conversation.saying.welcome import first_words, may_invite
from conversation.turning import clarifying
from conversation.turning.memory import Memory
from conversation.turning.place import Place
from flows.model import Ask, Event, Heard, Saved
from loyalty.people.consents import gets_offers, has_withdrawn
from loyalty.programme import LANGUAGES, Language
from loyalty.store import Store

UNCLEAR = frozenset({"nlu_fallback", "out_of_scope"})
DIRECT: Mapping[str, str] = {"my_profile": "profile"}
"""Flows that begin without the dialogue: by a button, or by words that say nothing else."""
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
class Silence:
    """The decision to say nothing: a person talks to her, and this is for that person."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn will do when it is saved."""

    language: Language
    do: FlowStep | TurnPage | Silence | tuple[Answer, ...]
    memory: Memory | None = None
    invite: bool = False
    """Whether the answer invites her to join."""


class Decider:
    """Decides. One instance serves every conversation of the process."""

    def __init__(self, store: Store, dialogue: Dialogue, flows: FlowRunner, opt_words: OptWords, menus: Menus) -> None:
        self._store = store
        self._dialogue = dialogue
        self._flows = flows
        self._opt_words = opt_words
        self._menus = menus

    async def plan(self, place: Place, incoming: Incoming) -> Plan:
        """What the turn of a message will do."""
        quiet = is_quiet(place.quiet_until, incoming.sent_at) and not isinstance(incoming.content, Tap)
        if quiet:  # a tap is a question to the bot, and does not disturb
            return await self._quiet(place, incoming)
        match incoming.content:
            case Tap(token, title):
                return await self._tap(place, token, title, incoming)
            case Text(text):
                return await self._text(place, text, incoming)
            case other:
                return await self._other(place, other, incoming)

    async def _quiet(self, place: Place, incoming: Incoming) -> Plan:
        """While a person talks to her, only the words that stop offers and those that call the bot are for it."""
        words = words_of(incoming.content) or ""
        if (opting := await self._opting(place, words)) is not None:
            return opting
        if not self._menus.means(words, "words.back_to_bot"):
            return Plan(place.language, Silence())
        flow = flow_in(place.flow)
        if flow is None:
            return Plan(place.language, (Command("hand_back"),))
        return Plan(place.language, FlowStep(flow.run, flow.step, Event("to_bot")))

    async def _other(self, place: Place, content: Other, incoming: Incoming) -> Plan:
        flow = self._flow(place, incoming)
        if flow is not None and isinstance(content, Media) and content.id:
            event = self._flows.receive(flow, content.kind, content.id)
            if event is not None:
                return Plan(place.language, FlowStep(flow.run, flow.step, event))
        if (caption := words_of(content)) is not None:
            return await self._text(place, caption, incoming)
        answer = self._menus.attachment(place.language, content.kind)
        return Plan(place.language, (answer,), invite=may_invite(place, "attachment", incoming.sent_at))

    async def _tap(self, place: Place, token: str, title: str, incoming: Incoming) -> Plan:
        named = read_token(token)
        offer = place.tapped
        if named is None or offer is None or offer.member != place.member:
            if (opting := await self._opting(place, title)) is not None:  # the quick reply of a template
                return opting
            return Plan(place.language, (self._menus.say(place.language, "tap.unknown"),))
        return await self._choose(place, offer, named[1], incoming)

    async def _choose(self, place: Place, offer: Offered, number: int, incoming: Incoming) -> Plan:
        if turns_page(number):
            return Plan(place.language, TurnPage(offer))
        if number >= len(offer.message.choices):
            return Plan(place.language, (self._menus.say(place.language, "tap.unknown"),))
        match offer.message.choices[number].action:
            case Event() as event:
                if offer.outlived(incoming.sent_at):
                    return Plan(place.language, (self._menus.over(place.language),))
                return Plan(place.language, FlowStep(offer.run or "", offer.step, event))
            case Ask(intent, entities) if clarifying.ASKED in entities:
                said = Understood(intent, 1.0, clarifying.without_marks(entities), None, {})
                plan = await self._answer(place, place.language, said, incoming, "")
                assert isinstance(plan.do, tuple)
                return replace(plan, do=(clarifying.meant(intent, entities), *plan.do))
            case Ask(intent) if intent in DIRECT:
                return Plan(place.language, (Command("start", {"flow": DIRECT[intent]}),))
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

    async def _stops_only_the_flow(self, place: Place, text: str) -> bool:
        """Whether a word that stops offers comes from somebody who gets none: then it stops what she is in."""
        if self._opt_words.meaning(text) != "stop":
            return False
        return not await self._store.look(lambda session: gets_offers(session, place.member))

    async def _text(self, place: Place, text: str, incoming: Incoming) -> Plan:
        flow = self._flow(place, incoming)
        if flow is not None and await self._stops_only_the_flow(place, text):
            left = self._flows.hear(flow, Heard(text, "cancel", 1.0))
            assert left is not None  # every flow can be left
            return Plan(place.language, FlowStep(flow.run, flow.step, left))
        if (opting := await self._opting(place, text)) is not None:
            return opting
        if (dialog := dialog_called(place.programme, text)) is not None:
            return Plan(place.language, (Command("start", {"flow": "dialog", "dialog": dialog}),))
        told = flow.run if flow is not None and text.strip().isdecimal() and not self._flows.counts(flow) else None
        for offer in await self._on_offer(place, flow, incoming):
            if told is not None and offer.run == told:
                continue  # a number is what the flow asked for
            number = offer.typed(text, more=self._menus.more(place.language))
            if number is not None:
                return await self._choose(place, offer, number, incoming)
        if self._menus.means(text, "words.my_profile"):
            return Plan(place.language, (Command("start", {"flow": DIRECT["my_profile"]}),))
        understood = await self._dialogue.parse(text)
        language = _language(place, understood, text)
        if understood.intent in UNCLEAR and len(text.split()) <= 3 and reward_called(place.programme, text):
            understood = replace(understood, intent="redeem_reward", alternatives=())
        if flow is not None:
            event = self._flows.hear(flow, Heard(text, understood.intent, understood.confidence))
            if event is not None:
                return Plan(language, FlowStep(flow.run, flow.step, event))
        return await self._answer(place, language, understood, incoming, text)

    def _flow(self, place: Place, incoming: Incoming) -> Saved | None:
        """The flow that waits for her, if one does."""
        return place.flow if self._flows.alive(place.flow, incoming.sent_at) else None

    async def _on_offer(self, place: Place, flow: Saved | None, incoming: Incoming) -> list[Offered]:
        """The choices that typed words may refer to: what she quotes, the newest, those of the flow under way."""
        found = [place.quoted] if place.quoted is not None else []
        if place.offer is not None and incoming.sent_at <= place.offer.created_at + FRESH:
            found.append(place.offer)
        if flow is not None and flow.offer is not None and all(flow.offer != offer.id for offer in found):
            id_ = flow.offer
            own = await self._store.look(lambda session: find_offer(session, id_))
            if own is not None:
                found.append(own)
        return found

    async def _answer(
        self, place: Place, language: Language, understood: Understood, incoming: Incoming, text: str
    ) -> Plan:
        invite = may_invite(place, understood.intent, incoming.sent_at)
        if text and (first := first_words(place, understood, text, incoming.sent_at)):
            return Plan(language, first, invite=True)
        if text and (asking := self._menus.asking(understood)):
            return Plan(language, (asking,))
        inquiry = Inquiry(
            place.programme, place.member, language, understood.intent, understood.entities, incoming.message_id, text
        )
        response = await self._dialogue.respond(inquiry, understood, place.remembered)
        answers = response.answers or (self._menus.sorry(language),)
        if text and understood.intent in UNCLEAR:
            answers = (Command("unclear"), *answers)
        return Plan(language, answers, response.memory, invite)


def _language(place: Place, understood: Understood, text: str) -> Language:
    """The language to answer in: the one chosen, else the one just written if that is clear.

    A single word is the same in too many languages to change a conversation by, unless its script tells.
    """
    telling = len(text.split()) > 1 or place.newcomer or understood.language == "ar"
    if place.language_chosen or not telling:
        return place.language
    return next((language for language in LANGUAGES if language == understood.language), place.language)
