"""What a customer asked to be changed, carried out inside the transaction of her turn. Each may run again safely."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from conversation.flow_runner import FlowRunner
from conversation.model import Choice, Command, Message
from conversation.sentences import Sentences
from conversation.tables import Conversation
from flows.model import Ask, Saved
from loyalty.books.overview import points_of
from loyalty.codes import read_code, show_code
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.people import members
from loyalty.programme import LANGUAGES, Language, Programme
from loyalty.referral import referrals
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
            "redeem": self._redeem,
            "join": self._join,
            "language": self._language,
            "marketing": self._marketing,
            "referral_code": self._referral_code,
        }

    def run(self, situation: Situation, command: Command) -> Message:
        """Carry out a command and say what became of it. Raises `KeyError` for a name that is no command."""
        return self._by_name[command.name](situation, command)

    def _redeem(self, at: Situation, command: Command) -> Message:
        if at.member.joined_at is None:
            return self._say(at, "join.first", asks=("join_program", "list_rewards"))
        saved, message = self._flows.start(at.session, at.programme, at.member, at.language, command.args, now=at.now)
        at.conversation.flow = saved.to_json() if saved else None
        return message

    def _join(self, at: Situation, command: Command) -> Message:
        new = members.join(at.session, at.programme, at.member, now=at.now)
        available = points_of(at.session, MemberId(at.member.id)).available
        key = "join.done" if new and at.programme.earning.joining else "join.done_plain" if new else "join.already"
        return self._say(
            at, key, asks=("list_rewards", "how_to_earn", "get_referral_link"), programme=at.programme.name,
            bonus=at.programme.earning.joining, available=available,
        )  # fmt: skip

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

    def _marketing(self, at: Situation, command: Command) -> Message:
        given = command.args["given"] == "yes"
        if at.member.marketing_opt_in == given:
            return self._say(at, "marketing.already_on" if given else "marketing.already_off")
        members.set_marketing(at.session, at.member, given=given, words=at.words, evidence=at.message_id, now=at.now)
        return self._say(at, "marketing.on" if given else "marketing.off")

    def _referral_code(self, at: Situation, command: Command) -> Message:
        try:
            code = command.args.get("code", "")
            source: referrals.Source = "link" if self._came_by_link(at.words, code) else "typed"
            referrals.enter_code(at.session, at.programme, at.member, code, source=source, now=at.now)
        except Refused as refusal:
            return self._say(at, f"referral.{refusal.reason}", asks=("how_referral_works",))
        if at.member.joined_at is None:
            return self._say(at, "referral.noted_join", asks=("join_program",), programme=at.programme.name)
        return self._say(at, "referral.noted", asks=("check_points", "list_rewards"))

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


def ask_choices(sentences: Sentences, language: Language, intents: tuple[str, ...]) -> tuple[Choice, ...]:
    """Buttons that ask a question each."""
    return tuple(Choice(Ask(intent), sentences.say(language, f"button.{intent}")) for intent in intents)


def language_choices(sentences: Sentences) -> tuple[Choice, ...]:
    """The languages, each by its own name."""
    return tuple(
        Choice(Ask("change_language", {"language": language}), sentences.say(language, "language.name"))
        for language in LANGUAGES
    )


def saved_flow(conversation: Conversation) -> Saved | None:
    """The flow a conversation is in."""
    return Saved.from_json(conversation.flow) if conversation.flow else None
