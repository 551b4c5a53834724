"""What was not clear is written down once, without who said it, and what she meant beside it."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.tables import Misunderstanding
from conversation.turning import clarifying
from conversation.turning.misunderstood import forget, misunderstood
from tests.store.helpers import Shop


def noted(
    shop: Shop, session: Session, message: str = "wamid.1", words: str = "points of anna, +39 333 1234567"
) -> None:
    clarifying.note(
        session, shop.programme.id, message, words, name="Anna Rossi", language="en",
        offered=("check_points", "points_history"), now=shop.now,
    )  # fmt: skip


async def rows(shop: Shop) -> list[tuple[str, list[str], str | None]]:
    query = select(Misunderstanding.text, Misunderstanding.guesses, Misunderstanding.chosen)
    return [(text, guesses, chosen) for text, guesses, chosen in await shop.ask(lambda s: s.execute(query).all())]


async def test_it_is_written_down_once_without_who_said_it(shop: Shop) -> None:
    await shop.member()
    for _ in range(2):
        await shop.do(lambda session: noted(shop, session))
    assert await rows(shop) == [("points of [name], [number]", ["check_points", "points_history"], None)]


async def test_what_she_meant_is_written_beside_it(shop: Shop) -> None:
    await shop.member()
    await shop.do(lambda session: noted(shop, session))
    await shop.do(lambda session: clarifying.note_choice(session, shop.programme.id, "wamid.1", "check_points"))
    await shop.do(lambda session: clarifying.note_choice(session, shop.programme.id, "wamid.of.another", "help"))
    assert [chosen for _, _, chosen in await rows(shop)] == ["check_points"]


async def test_it_is_dropped_after_some_months(shop: Shop) -> None:
    await shop.member()
    await shop.do(lambda session: noted(shop, session))
    shop.clock.forward(clarifying.KEPT - timedelta(days=1))
    assert await shop.do(lambda session: clarifying.drop_old(session, now=shop.now)) == 0
    shop.clock.forward(timedelta(days=2))
    assert await shop.do(lambda session: clarifying.drop_old(session, now=shop.now)) == 1
    assert await rows(shop) == []


async def test_designers_see_what_was_rejected_or_answered_the_most_frequent_first(shop: Shop) -> None:
    await shop.member()

    def say(session: Session, number: int, words: str, language: str, offered: tuple[str, ...], chosen: str) -> None:
        clarifying.note(
            session, shop.programme.id, f"wamid.{number}", words, name=None, language=language, offered=offered,
            now=shop.now + timedelta(minutes=number),
        )  # fmt: skip
        if chosen:
            clarifying.note_choice(session, shop.programme.id, f"wamid.{number}", chosen)

    said: list[tuple[str, str, tuple[str, ...], str]] = [
        ("once", "en", (), ""),
        ("Saldo?", "it", (), ""),
        ("saldo", "it", ("check_points",), "check_points"),
        ("saldo", "es", (), ""),
        ("unanswered", "en", ("check_points",), ""),
        ("no", "en", ("check_points", "opt_out"), clarifying.SOMETHING_ELSE),
    ]
    for number, one in enumerate(said):
        await shop.do(lambda session, number=number, one=one: say(session, number, *one))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    found = await shop.ask(misunderstood)
    assert [(one.text, one.language, one.times) for one in found] == [
        ("saldo", "it", 2), ("no", "en", 1), ("saldo", "es", 1), ("once", "en", 1)
    ]  # fmt: skip
    assert [one.meant for one in found] == ["check_points", None, None, None]
    assert found[1].refused == {"check_points", "opt_out"}
    assert [one.language for one in await shop.ask(lambda session: misunderstood(session, "es"))] == ["es"]
    await shop.do(lambda session: forget(session, found[0].ids))
    assert [one.text for one in await shop.ask(misunderstood)] == ["no", "saldo", "once"]
