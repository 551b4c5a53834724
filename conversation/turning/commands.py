"""What a customer asked to be changed, carried out inside the transaction of her turn. Each may run again safely."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from conversation.caring import handovers
from conversation.choosing.menus import ask_choices
from conversation.flowing.part import At
from conversation.flowing.runner import FlowRunner
from conversation.messages.model import Choice, Command, Message
from conversation.saying.sentences import Sentences
from conversation.tables import Conversation
from conversation.turning import clarifying
from flows.model import Ask, Saved
from loyalty.codes import read_code, show_code
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.people import members
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.referral import referrals
from loyalty.referral.near import near_code
from loyalty.tables import Member


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a command may need to know."""

    session: Session
    programme: Programme
    member: Member
    conversation: Conversation
    language: Language
    message_id: str
    words: str
    now: datetime


class Commands:
    """Carries out commands by name."""

    def __init__(self, sentences: Sentences, flows: FlowRunner) -> None:
        self._sentences = sentences
        self._flows = flows
        self._by_name: dict[str, Callable[[Situation, Command], Message]] = {
            "start": self._start,
            "hand_back": self._hand_back,
            "language": self._language,
            "marketing": self._marketing,
            "referral_code": self._referral_code,
            "did_you_mean": self._did_you_mean,
            "unclear": self._unclear,
            "meant": self._meant,
        }

    def run(self, situation: Situation, command: Command) -> Message:
        """Carry out a command and say what became of it. Raises `KeyError` for a name that is no command."""
        return self._by_name[command.name](situation, command)

    def _start(self, at: Situation, command: Command) -> Message:
        """Begin the flow that `flow` names; the other arguments are what it begins with."""
        args = {name: value for name, value in command.args.items() if name != "flow"}
        here = At(at.session, at.programme, at.member, at.language, at.now, at.message_id, at.words)
        flowed = self._flows.start(command.args["flow"], here, args, saved_flow(at.conversation))
        at.conversation.flow = flowed.saved.to_json() if flowed.saved else None
        return flowed.message

    def _language(self, at: Situation, command: Command) -> Message:
        wanted = command.args.get("language")
        chosen = next((language for language in LANGUAGES if language == wanted), None)
        if chosen is None:
            return self._say(at, "language.which", languages=True)
        at.member.language, at.member.language_chosen = chosen, True
        return Message(
            self._sentences.say(chosen, "language.done"),
            self._asks(chosen, ("check_points", "list_rewards")),
        )

    def _hand_back(self, at: Situation, command: Command) -> Message:
        handovers.hand_back(at.session, MemberId(at.member.id), by=handovers.CUSTOMER, now=at.now)
        return self._say(at, "handover.back", asks=("check_points", "list_rewards"))

    def _marketing(self, at: Situation, command: Command) -> Message:
        given = command.args["given"] == "yes"
        if at.member.marketing_opt_in == given:
            return self._say(at, "marketing.already_on" if given else "marketing.already_off")
        members.set_marketing(at.session, at.member, given=given, words=at.words, evidence=at.message_id, now=at.now)
        return self._say(at, "marketing.on" if given else "marketing.off")

    def _referral_code(self, at: Situation, command: Command) -> Message:
        code = command.args.get("code", "")
        try:
            source: referrals.Source = "link" if self._came_by_link(at.words, code) else "typed"
            referrals.enter_code(at.session, at.programme, at.member, code, source=source, now=at.now)
        except Refused as refusal:
            if refusal.reason in {"code_misspelt", "code_unknown"} and (near := self._near_code(at, code)):
                return near
            asks = () if "first" in command.args else ("how_referral_works",)
            return self._say(at, f"referral.{refusal.reason}", asks=asks)
        if "first" in command.args:  # what she is invited to is said right after
            return Message(self._sentences.say(at.language, "referral.noted"))
        if at.member.joined_at is None:
            return self._say(at, "referral.noted_join", asks=("join_program",), programme=at.programme.name)
        return self._say(at, "referral.noted", asks=("check_points", "list_rewards"))

    def _near_code(self, at: Situation, typed: str) -> Message | None:
        """Whether she meant a code that differs by one slip from what she typed."""
        code = near_code(at.session, at.programme, at.member, typed)
        if code is None:
            return None
        text = self._sentences.say(at.language, "understanding.code_near", code=code)
        choice = Choice(Ask("enter_referral_code", {"referral_code": code}), show_code(code))
        return Message(text, (choice,))

    def _did_you_mean(self, at: Situation, command: Command) -> Message:
        self._note(at, clarifying.guesses(command))
        return clarifying.question(self._sentences, at.language, command, at.message_id)

    def _unclear(self, at: Situation, command: Command) -> Message:
        self._note(at, ())
        return Message("")  # the answer stands beside it

    def _note(self, at: Situation, offered: tuple[str, ...]) -> None:
        clarifying.note(
            at.session, at.programme.id, at.message_id, at.words, name=at.member.name, language=at.language,
            offered=offered, now=at.now,
        )  # fmt: skip

    def _meant(self, at: Situation, command: Command) -> Message:
        clarifying.note_choice(at.session, at.programme.id, command.args["message"], command.args["chosen"])
        return Message("")  # the answer stands beside it

    def _came_by_link(self, words: str, typed: str) -> bool:
        """Whether a message is the one that a referral link fills in, sent as it was."""
        code = read_code(typed)
        return code is not None and any(
            words.strip() == self._sentences.say(language, "referral.prefill", code=show_code(code))
            for language in LANGUAGES
        )

    def _say(
        self, at: Situation, key: str, *, asks: tuple[str, ...] = (), languages: bool = False, **values: object
    ) -> Message:
        choices = self._asks(at.language, asks)
        if languages:
            choices = language_choices(self._sentences)
        return Message(self._sentences.say(at.language, key, **values), choices, self._menu(at.language))

    def _asks(self, language: Language, intents: tuple[str, ...]) -> tuple[Choice, ...]:
        return ask_choices(self._sentences, language, intents)

    def _menu(self, language: Language) -> str:
        return self._sentences.say(language, "menu.choose")


def language_choices(sentences: Sentences) -> tuple[Choice, ...]:
    """The languages, each by its own name."""
    return tuple(
        Choice(Ask("change_language", {"language": language}), sentences.say(language, "language.name"))
        for language in LANGUAGES
    )


def saved_flow(conversation: Conversation) -> Saved | None:
    """The flow a conversation is in."""
    return Saved.from_json(conversation.flow) if conversation.flow else None
