"""Every intent gets an answer in the member's language, whatever is built of it yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import regex
from ruamel.yaml import YAML

from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref
from loyalty.programme import LANGUAGES, Language
from passaparola.check import DOMAIN, NLU
from passaparola.examples import Example, read_examples
from simulator import Customer
from tests.stack import Stack

_LEAKS = regex.compile(r"utter_|action_|\{|\}|/\w+\{|None|\bnull\b")
_PHONE: dict[Language, str] = {
    "en": "+447700900123", "it": "+393331234567", "es": "+34612345678", "fr": "+33612345678", "ar": "+201001234567",
}  # fmt: skip


def firsts(language: Language) -> Iterator[Example]:
    """The first example of every intent in a language."""
    seen: set[str] = set()
    for example in read_examples(Path(NLU)):
        if example.language == language and example.intent not in seen:
            seen.add(example.intent)
            yield example


@pytest.mark.model
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_intent_is_answered_with_one_message_in_the_members_language(
    stack: Stack, language: Language
) -> None:
    programme = next(iter(stack.house.programmes.values()))
    customer = Customer("Anna", _PHONE[language], None, language)
    row = ImportRow(Ref.phone(_PHONE[language]), "Anna", language, "", 500)
    await stack.house.store.write(lambda session: import_row(session, programme, row, now=stack.clock.now()))
    asked = list(firsts(language))
    assert len(asked) == len(YAML(typ="safe").load(DOMAIN)["intents"])
    stack.window.wrote(customer.keys, stack.clock.now().timestamp())
    sentences = stack.house.sentences
    for example in asked:
        (sent,) = await stack.answers(stack.webhooks.text(customer, example.text))
        assert sent.failure is None
        assert not _LEAKS.search(sent.text), f"{example.intent}: {sent.text}"
        assert sent.text != sentences.say(language, "sorry.broken"), f"{example.intent} broke"
        if language == "ar" and example.intent != "change_language":
            assert regex.search(r"\p{Arabic}", sent.text), f"{example.intent}: {sent.text}"
        if example.intent == "change_language":  # back to where we were
            await stack.answers(stack.webhooks.text(customer, sentences.say(language, "language.name")))
