"""Bringing a customer base in: once, with its points and its consent, without undoing what came later."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, get_member, set_marketing
from loyalty.tables import Consent, Member
from tests.store.helpers import Shop, points, variant

GIULIA = ImportRow(Ref.phone("+393331234567"), "Giulia", "fr", "paper form 2024, no. 17", 120)


async def imports(shop: Shop, row: ImportRow) -> bool:
    return await shop.do(lambda session: import_row(session, shop.programme, row, now=shop.now))


async def giulia(shop: Shop) -> Member:
    return await shop.ask(lambda session: get_member(session, shop.programme.id, "phone:+393331234567"))


async def consents(shop: Shop) -> list[tuple[bool, str]]:
    query = select(Consent.given, Consent.evidence).order_by(Consent.id)
    return await shop.ask(lambda session: [(given, evidence) for given, evidence in session.execute(query)])


async def test_a_customer_becomes_a_member_with_what_the_file_says(shop: Shop) -> None:
    assert await imports(shop, GIULIA)
    member = await giulia(shop)
    assert (member.name, member.language, member.joined_at) == ("Giulia", "fr", shop.now)
    assert member.marketing_opt_in
    assert await consents(shop) == [(True, "paper form 2024, no. 17")]
    assert await shop.points(MemberId(member.id)) == points(120)
    assert await shop.is_sound()


async def test_importing_again_changes_nothing(shop: Shop) -> None:
    shop.programme = variant(shop.programme, joining=10)
    assert await imports(shop, GIULIA)
    assert not await imports(shop, GIULIA)
    assert not await imports(shop, replace(GIULIA, points=500, name="Julia"))
    member = await giulia(shop)
    assert member.name == "Giulia"
    assert await shop.points(MemberId(member.id)) == points(130)
    assert len(await consents(shop)) == 1
    assert await shop.ask(lambda session: session.scalar(select(func.count()).select_from(Member))) == 1


async def test_importing_again_does_not_undo_a_withdrawal(shop: Shop) -> None:
    await imports(shop, GIULIA)

    def stop(session: Session) -> None:
        member = get_member(session, shop.programme.id, "phone:+393331234567")
        set_marketing(session, member, given=False, words="STOP", evidence="wamid.1", now=shop.now)

    await shop.do(stop)
    await imports(shop, GIULIA)
    assert not (await giulia(shop)).marketing_opt_in
    assert await consents(shop) == [(True, "paper form 2024, no. 17"), (False, "wamid.1")]


@pytest.mark.parametrize("given", [0, 40])
async def test_a_customer_without_evidence_or_points_has_no_consent_and_no_points(shop: Shop, given: int) -> None:
    await imports(shop, replace(GIULIA, opt_in_evidence="", points=given))
    member = await giulia(shop)
    assert not member.marketing_opt_in
    assert await consents(shop) == []
    assert await shop.points(MemberId(member.id)) == points(given)


async def test_a_member_who_is_in_the_file_too_gets_its_points_and_is_not_new(shop: Shop) -> None:
    member = await shop.member(phone="+393331234567")
    await shop.buys(member, "10.00")
    assert not await imports(shop, GIULIA)
    assert await shop.points(member) == points(130)
    assert (await giulia(shop)).name == "Giulia"


async def test_imported_points_expire_as_others_do(shop: Shop) -> None:
    await imports(shop, GIULIA)
    shop.clock.instant = shop.now.replace(year=2027, month=12)
    assert (await shop.tick()).expired == 1
    assert await shop.points(MemberId((await giulia(shop)).id)) == points(0, lifetime=120)


async def test_whom_a_file_makes_a_member_was_a_customer_before(shop: Shop) -> None:
    await imports(shop, replace(GIULIA, points=0))
    assert (await giulia(shop)).customer_before


async def test_who_came_by_herself_and_is_in_a_later_file_without_points_was_none(shop: Shop) -> None:
    await shop.member(phone="+393331234567")
    await imports(shop, replace(GIULIA, points=0))
    assert not (await giulia(shop)).customer_before
    await imports(shop, GIULIA)
    assert (await giulia(shop)).customer_before
