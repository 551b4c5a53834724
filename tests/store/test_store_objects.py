"""Objects that are loaded and written back past the ORM are objects of their session like any other."""

import pytest
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.people.members import Person, Ref, meet
from loyalty.revisions import ensure_programme
from loyalty.store.objects import load, load_one, write_back
from loyalty.tables import Member
from tests.store.helpers import Shop


async def somebody(shop: Shop) -> MemberId:
    def work(session: Session) -> MemberId:
        ensure_programme(session, shop.programme, now=shop.now)
        return MemberId(meet(session, shop.programme, Person((Ref.phone("+393331234567"),), "Ada"), now=shop.now).id)

    return await shop.do(work)


async def test_it_is_the_same_as_the_orm_would_load(shop: Shop) -> None:
    who = await somebody(shop)

    def columns(found: Member) -> dict[str, object]:
        return {column.key: getattr(found, column.key) for column in Member.__table__.columns}

    mine = await shop.ask(lambda session: columns(load_one(session, Member, who)))
    assert mine == await shop.ask(lambda session: columns(session.get_one(Member, who)))


async def test_a_session_has_one_object_of_a_row(shop: Shop) -> None:
    who = await somebody(shop)
    assert await shop.ask(lambda session: load(session, Member, who) is session.get_one(Member, who))
    assert await shop.ask(lambda session: session.get_one(Member, who) is load(session, Member, who))


async def test_what_is_changed_is_flushed_as_ever(shop: Shop) -> None:
    who = await somebody(shop)

    def change(session: Session) -> None:
        load_one(session, Member, who).name = "Grace"

    await shop.do(change)
    assert await shop.ask(lambda session: session.get_one(Member, who).name) == "Grace"


async def test_what_is_written_back_is_there_and_leaves_nothing_to_flush(shop: Shop) -> None:
    who = await somebody(shop)

    def change(session: Session) -> tuple[bool, bool]:
        found = load_one(session, Member, who, lock=True)
        found.name = "Grace"
        write_back(session, found)
        clean = not session.dirty
        found.language = "it"
        return clean, found in session.dirty

    assert await shop.do(change) == (True, True)
    found = await shop.ask(lambda session: session.get_one(Member, who))
    assert (found.name, found.language) == ("Grace", "it")


async def test_a_lock_reads_anew_what_the_session_knows(shop: Shop) -> None:
    who = await somebody(shop)

    def change(session: Session) -> str | None:
        found = load_one(session, Member, who)
        found.name = "not to be kept"
        return load_one(session, Member, who, lock=True).name

    assert await shop.do(change) == "Ada"


async def test_nobody_is_none_or_an_error(shop: Shop) -> None:
    assert await shop.ask(lambda session: load(session, Member, "nobody")) is None
    with pytest.raises(NoResultFound, match="no Member nobody"):
        await shop.ask(lambda session: load_one(session, Member, "nobody"))
