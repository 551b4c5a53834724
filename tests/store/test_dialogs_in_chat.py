"""Written dialogs in the store: answered once for each time, whoever asks twice; forgotten with the person."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from loyalty.errors import Refused
from loyalty.games import dialogs
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.rights.dossier import export
from loyalty.rights.erasure import erase
from loyalty.tables import DialogRun, Member
from tests.store.helpers import Shop

ANSWERS = {"favourite": "tea", "wish": "apple cake", "sure": "yes"}


async def takes(shop: Shop, member: MemberId, key: str) -> dialogs.Taken:
    dialog = dialogs.find_dialog(shop.programme, "taste")
    assert dialog is not None
    return await shop.do(
        lambda session: dialogs.take(
            session, shop.programme, session.get_one(Member, member), dialog, ANSWERS, key=key, now=shop.now
        )
    )


async def test_answers_are_kept_and_paid_once_however_often_they_come(shop: Shop) -> None:
    anna = await shop.member()
    taken = await asyncio.gather(*(takes(shop, anna, "chat:run-1") for _ in range(5)))
    assert {one.points for one in taken} == {5}
    assert (await shop.points(anna)).available == 5


async def test_two_runs_at_once_are_one_and_a_refusal(shop: Shop) -> None:
    anna = await shop.member()
    found = await asyncio.gather(
        *(takes(shop, anna, f"chat:run-{number}") for number in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, dialogs.Taken) for one in found) == 1
    assert {one.reason for one in found if isinstance(one, Refused)} == {"limit"}
    assert (await shop.points(anna)).available == 5


async def test_next_year_it_can_be_answered_again(shop: Shop) -> None:
    anna = await shop.member()
    await takes(shop, anna, "chat:run-1")
    shop.clock.forward(timedelta(days=366))
    await takes(shop, anna, "chat:run-2")
    assert len(await shop.ask(lambda session: session.scalars(select(DialogRun)).all())) == 2


async def test_two_members_who_are_one_have_answered_both(shop: Shop) -> None:
    anna, other = await shop.member(), await shop.member()
    await takes(shop, anna, "chat:run-1")
    await takes(shop, other, "chat:run-2")
    await shop.do(
        lambda session: merge(session, shop.programme, anna, other, author="Marta", reason="the same", now=shop.now)
    )
    rows = await shop.ask(lambda session: session.scalars(select(DialogRun).order_by(DialogRun.number)).all())
    assert [(row.member_id, row.number) for row in rows] == [(anna, 1), (anna, 2)]
    with pytest.raises(Refused):
        await takes(shop, anna, "chat:run-3")


async def test_her_answers_are_in_the_export_and_gone_with_her(shop: Shop) -> None:
    anna = await shop.member()
    await takes(shop, anna, "chat:run-1")
    known = await shop.ask(lambda session: export(session, shop.programme, anna, shop.now))
    assert known["dialogs"][0]["answers"] == ANSWERS
    await shop.do(lambda session: erase(session, shop.programme, anna, shop.now))
    rows = await shop.ask(lambda session: session.scalars(select(DialogRun)).all())
    assert [row.answers for row in rows] == [{}]
    assert await shop.is_sound()
