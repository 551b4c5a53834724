"""Short answers with questions as buttons under them: what is said when there is nothing else to say."""

from dataclasses import replace

from conversation.choosing.spelling import normalise
from conversation.messages.layout import WHATSAPP, units
from conversation.messages.model import Choice, Command, Message, Understood
from conversation.saying.sentences import Sentences
from conversation.turning import clarifying
from flows.model import Ask
from loyalty.programme import LANGUAGES, Language

USUAL = ("check_points", "list_rewards", "help")


class Menus:
    """Says sentences with questions under them."""

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def say(self, language: Language, key: str, asks: tuple[str, ...] = USUAL) -> Message:
        """A sentence of the catalogue."""
        menu = self._sentences.say(language, "menu.choose")
        return Message(self._sentences.say(language, key), ask_choices(self._sentences, language, asks), menu)

    def more(self, language: Language) -> str:
        """The title of the row that turns the page."""
        return self._sentences.say(language, "menu.more")

    def sorry(self, language: Language) -> Message:
        """Something is broken."""
        return self.say(language, "sorry.broken")

    def over(self, language: Language, key: str = "tap.run_over", again: tuple[str, ...] = ()) -> Message:
        """A choice that has no effect any more."""
        return self.say(language, key, again or ("my_vouchers", "list_rewards"))

    def means(self, text: str, *keys: str) -> bool:
        """Whether a whole message is one of some lists of words, in any language."""
        typed = normalise(text)
        return any(
            normalise(word) == typed
            for key in keys for language in LANGUAGES for word in self._sentences.words(language, key)
        )  # fmt: skip

    def asking(self, understood: Understood) -> Command | None:
        """The command that asks what was meant, where it is not clear."""
        return clarifying.asking(self._sentences, understood)

    def attachment(self, language: Language, kind: str) -> Message:
        """Something was sent that is no text. A picture may be a receipt whose points are missing."""
        key = f"attachment.{kind}"
        asks = ("missing_points", "check_points", "help") if kind == "image" else USUAL
        return self.say(language, key if self._sentences.knows(key) else "attachment.other", asks)


def ask_choices(sentences: Sentences, language: Language, intents: tuple[str, ...]) -> tuple[Choice, ...]:
    """Buttons that ask a question each."""
    return tuple(Choice(Ask(intent), sentences.say(language, f"button.{intent}")) for intent in intents)


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
