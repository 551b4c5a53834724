"""Did you mean: what is not clear is asked about, in every language, and the answer is kept for the designers."""

import pytest
from sqlalchemy import select

from conversation.tables import Misunderstanding
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref
from loyalty.programme import Language
from simulator import Customer, Sent, Update
from tests.stack import Stack

pytestmark = pytest.mark.model
PHONE = "+393331234567"
UNCLEAR: dict[Language, str] = {
    "en": "history expiry", "it": "premio", "es": "amigos premio", "fr": "récompense bon", "ar": "مكافأة رمز",
}  # fmt: skip


async def asked(stack: Stack, language: Language) -> tuple[Customer, Sent]:
    """A member who wrote something unclear, and what she was asked."""
    programme = next(iter(stack.house.programmes.values()))
    customer = Customer("Anna", PHONE, None, language)
    row = ImportRow(Ref.phone(PHONE), "Anna", language, "", 500)
    await stack.house.store.write(lambda session: import_row(session, programme, row, now=stack.clock.now()))
    stack.window.wrote(customer.keys, stack.clock.now().timestamp())
    (sent,) = await stack.answers(stack.webhooks.text(customer, UNCLEAR[language]))
    return customer, sent


def tap(stack: Stack, customer: Customer, sent: Sent, place: int) -> Update:
    """She taps one of the buttons."""
    choice = sent.choices[place]
    return stack.webhooks.button_reply(customer, choice.key, choice.title, reply_to=sent.wamid)


async def kept(stack: Stack) -> list[tuple[str, list[str], str | None]]:
    query = select(Misunderstanding.text, Misunderstanding.guesses, Misunderstanding.chosen)
    rows = await stack.house.store.read(lambda session: session.execute(query).all())
    return [(text, guesses, chosen) for text, guesses, chosen in rows]


@pytest.mark.parametrize("language", UNCLEAR)
async def test_what_is_not_clear_is_asked_about_and_the_tap_is_answered(stack: Stack, language: Language) -> None:
    customer, sent = await asked(stack, language)
    sentences = stack.house.sentences
    assert sent.text == sentences.say(language, "understanding.did_you_mean")
    titles = [choice.title for choice in sent.choices]
    assert titles[-1] == sentences.say(language, "button.something_else")
    assert 2 <= len(titles) <= 3
    ((text, guesses, chosen),) = await kept(stack)
    assert (text, chosen) == (UNCLEAR[language], None)
    assert titles[:-1] == [sentences.say(language, f"button.{intent}") for intent in guesses]
    (answer,) = await stack.answers(tap(stack, customer, sent, 0))
    assert answer.text not in {sent.text, sentences.say(language, "sorry.broken")}
    assert [chosen for _, _, chosen in await kept(stack)] == [guesses[0]]


async def test_something_else_leads_to_what_the_bot_can_do(stack: Stack) -> None:
    customer, sent = await asked(stack, "en")
    (answer,) = await stack.answers(tap(stack, customer, sent, -1))
    assert "Something else" not in answer.text
    assert [chosen for _, _, chosen in await kept(stack)] == ["something_else"]


async def test_what_has_nothing_to_do_with_us_is_kept_without_guesses(stack: Stack) -> None:
    customer, _ = await asked(stack, "en")
    await stack.answers(stack.webhooks.text(customer, "anna here, my parcel 123456789 is still not there"))
    assert ("[name] here, my parcel [number] is still not there", [], None) in await kept(stack)
