"""Who somebody is: identities, references, enrolment, consent."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from loyalty.codes import read_code
from loyalty.errors import Invalid, NotFound, Refused
from loyalty.ids import MemberId, ProgrammeId
from loyalty.merging.merge import merge
from loyalty.people.identities import one_spelling, spellings
from loyalty.people.members import Person, Ref, find_member, get_member, join, meet, set_marketing
from loyalty.programme import Programme
from loyalty.revisions import ensure_programme
from loyalty.rights.erasure import erase
from loyalty.tables import Balance, Consent, Identity, Member
from tests.store.helpers import Shop, points, variant

PHONE = Ref.phone("+393331234567")
USER = Ref.user("IT.1A2B3C")
CARD = Ref.external("shopify", "8891")


async def turns_up(shop: Shop, *refs: Ref, name: str | None = None, language: str | None = None) -> MemberId:
    def work(session: Session) -> MemberId:
        ensure_programme(session, shop.programme, now=shop.now)
        return MemberId(meet(session, shop.programme, Person(refs, name, language), now=shop.now).id)

    return await shop.do(work)


async def row_of(shop: Shop, member: MemberId) -> Member:
    return await shop.ask(lambda session: session.get_one(Member, member))


async def how_many(shop: Shop, table: type[Member | Balance | Identity]) -> int | None:
    return await shop.ask(lambda session: session.scalar(select(func.count()).select_from(table)))


@pytest.mark.parametrize(
    "spelling", ["+393331234567", "393331234567", "00393331234567", "+39 333 123 4567", "+39 (333) 123-4567"]
)
def test_a_phone_is_one_identity_however_it_is_spelt(spelling: str) -> None:
    assert Ref.phone(spelling) == PHONE


@pytest.mark.parametrize(
    ("till", "whatsapp"),
    [
        ("+52 55 1234 5678", "5215512345678"),
        ("+54 11 2345 6789", "5491123456789"),
        ("+55 31 98765-4321", "553187654321"),
        ("+521 55 1234 5678", "525512345678"),
        ("+54 9 11 2345-6789", "541123456789"),
        ("+55 31 8765 4321", "5531987654321"),
    ],
)
def test_a_number_that_is_written_in_two_ways_is_one_phone(till: str, whatsapp: str) -> None:
    assert Ref.phone(till) == Ref.phone(whatsapp)
    assert whatsapp in spellings(Ref.phone(till).value)


@pytest.mark.parametrize(
    "number", ["+551131234567", "+12155512345", "+5511", "+5411234567890", "+521551234567", "+39333"]
)
def test_a_number_that_is_written_in_one_way_stays_as_it_is(number: str) -> None:
    assert one_spelling(number) == number
    assert spellings(number) >= {number, number[1:]}


@given(
    st.integers(10**6, 10**13), st.sampled_from(["+52", "+521", "+54", "+549", "+55", "+5531", "+55319", "+39", "+1"])
)
def test_every_spelling_of_a_phone_is_the_same_phone(digits: int, code: str) -> None:
    number = f"{code}{digits}"
    assert number in spellings(number)
    assert {spellings(spelled) for spelled in spellings(number)} == {spellings(number)}
    assert {one_spelling(f"+{spelled.removeprefix('+')}") for spelled in spellings(number)} == {one_spelling(number)}


@pytest.mark.parametrize("number", ["", "+", "12", "+39", "call me", "+999123456789", "+39333123456789012345"])
def test_what_is_no_phone_is_refused(number: str) -> None:
    with pytest.raises(Invalid, match="international form") as refused:
        Ref.phone(number)
    assert refused.value.field == "member.phone"


@pytest.mark.parametrize("id_", ["", "IT", "IT.", "ITA.1A", "1T.1A", "IT.1A 2B", "IT." + "x" * 129])
def test_what_is_no_user_id_is_refused(id_: str) -> None:
    with pytest.raises(Invalid, match=r"looks like IT\.1A2B3C"):
        Ref.user(id_)


@pytest.mark.parametrize(("source", "id_"), [("", "1"), ("shop", ""), ("sh:op", "1"), ("shop", "x" * 190)])
def test_what_is_no_external_id_is_refused(source: str, id_: str) -> None:
    with pytest.raises(Invalid, match="external id"):
        Ref.external(source, id_)


async def test_somebody_new_gets_an_empty_balance_a_code_and_the_programmes_language(shop: Shop) -> None:
    member = await turns_up(shop, PHONE)
    row = await row_of(shop, member)
    assert (row.language, row.language_chosen, row.joined_at, row.marketing_opt_in) == ("it", False, None, False)
    assert read_code(row.referral_code) == row.referral_code
    assert await shop.points(member) == points(0)


async def test_somebody_is_found_by_any_identity_and_new_ones_are_kept(shop: Shop) -> None:
    member = await turns_up(shop, PHONE)
    assert await turns_up(shop, USER, PHONE) == member  # WhatsApp tells both
    assert await turns_up(shop, USER) == member
    assert await turns_up(shop, CARD, USER) == member
    assert await turns_up(shop, CARD) == member
    assert (await how_many(shop, Member), await how_many(shop, Identity)) == (1, 3)


async def test_an_identity_stays_with_the_member_who_had_it_first(shop: Shop) -> None:
    first, second = await turns_up(shop, PHONE), await turns_up(shop, USER)
    assert await turns_up(shop, USER, PHONE) == second  # the first identity that is known decides
    assert await turns_up(shop, PHONE) == first
    assert await how_many(shop, Identity) == 2


async def test_a_name_is_kept_when_it_was_not_known(shop: Shop) -> None:
    member = await turns_up(shop, PHONE)
    await turns_up(shop, PHONE, name="Giulia")
    await turns_up(shop, PHONE, name="Giulia from the bar")
    assert (await row_of(shop, member)).name == "Giulia"


async def test_somebodys_language_is_taken_from_how_she_turned_up(shop: Shop) -> None:
    assert (await row_of(shop, await turns_up(shop, PHONE, language="fr"))).language == "fr"


async def test_somebody_who_turns_up_many_times_at_once_is_one_member(shop: Shop) -> None:
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))
    met = await asyncio.gather(*(turns_up(shop, PHONE, USER) for _ in range(20)))
    assert len(set(met)) == 1
    assert (await how_many(shop, Member), await how_many(shop, Balance), await how_many(shop, Identity)) == (1, 1, 2)


async def named(shop: Shop, ref: str, programme: str = "cafe") -> str:
    return await shop.ask(lambda session: get_member(session, ProgrammeId(programme), ref).id)


async def test_a_reference_names_a_member(shop: Shop) -> None:
    member = await turns_up(shop, PHONE, USER, CARD, Ref.external("pos", "a:b"))
    for ref in (
        member, "phone:+393331234567", "phone:39 333 1234567", "user:IT.1A2B3C", "external:shopify:8891",
        "external:pos:a:b",
    ):  # fmt: skip
        assert await named(shop, ref) == member


async def test_a_reference_to_nobody_is_not_found(shop: Shop) -> None:
    await turns_up(shop, PHONE, USER, CARD)
    for ref in ("nobody", "", "phone:+393330000000", "user:IT.ZZZ", "external:shopify:1", "external:other:8891"):
        with pytest.raises(NotFound) as missing:
            await named(shop, ref)
        assert missing.value.field == "member"


async def test_a_reference_that_cannot_name_anybody_is_invalid(shop: Shop) -> None:
    for ref in ("phone:", "phone:12", "user:1", "external:shopify", "external::1", "e-mail:a@b.it"):
        with pytest.raises(Invalid):
            await named(shop, ref)


async def test_a_reference_is_written_as_it_is_read() -> None:
    for ref in (PHONE, USER, CARD, Ref.external("pos", "a:b")):
        assert Ref.read(str(ref)) == ref


async def test_a_member_who_was_merged_is_found_as_the_one_she_is_now_and_one_who_was_erased_is_not(shop: Shop) -> None:
    keep, other, gone = await turns_up(shop, PHONE), await turns_up(shop, USER), await turns_up(shop, CARD)

    def work(session: Session) -> None:
        merge(session, shop.programme, keep, other, author="anna", reason="one person", now=shop.now)
        erase(session, shop.programme, gone, shop.now)

    await shop.do(work)
    assert await named(shop, other) == await named(shop, str(USER)) == keep
    with pytest.raises(NotFound):
        await named(shop, gone)
    with pytest.raises(Refused):
        await named(shop, str(CARD))
    assert await shop.ask(lambda session: find_member(session, shop.programme.id, (CARD,))) is None


async def test_a_member_of_another_programme_is_not_found(shop: Shop) -> None:
    member = await turns_up(shop, PHONE)
    for ref in (member, "phone:+393331234567"):
        with pytest.raises(NotFound):
            await named(shop, ref, programme="gym")
    assert await shop.ask(lambda session: find_member(session, ProgrammeId("gym"), (PHONE,))) is None


async def test_a_phone_is_a_member_of_her_own_in_each_programme(shop: Shop) -> None:
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": ProgrammeId("gym")}), shop.clock)
    here, there = await turns_up(shop, PHONE), await turns_up(gym, PHONE)
    assert here != there
    assert await turns_up(shop, PHONE) == here
    assert await turns_up(gym, PHONE) == there


async def enrols(shop: Shop, member: MemberId) -> bool:
    return await shop.do(lambda session: join(session, shop.programme, session.get_one(Member, member), now=shop.now))


async def test_joining_gives_the_promised_points_once(shop: Shop, cafe: Programme) -> None:
    shop.programme = cafe
    member = await shop.member(joined=False)
    assert await enrols(shop, member)
    assert not await enrols(shop, member)
    assert await shop.points(member) == points(10)
    assert (await row_of(shop, member)).joined_at == shop.now
    assert await shop.is_sound()


async def test_joining_many_times_at_once_is_joining_once(shop: Shop, cafe: Programme) -> None:
    shop.programme = cafe
    member = await shop.member(joined=False)
    joined = await asyncio.gather(*(enrols(shop, member) for _ in range(20)))
    assert joined.count(True) == 1
    assert await shop.points(member) == points(10)


async def test_a_programme_may_give_nothing_for_joining(shop: Shop) -> None:
    shop.programme = variant(shop.programme, joining=0)
    member = await shop.member(joined=False)
    assert await enrols(shop, member)
    assert await shop.points(member) == points(0)
    assert (await shop.audit()).transactions == 0


async def agrees(shop: Shop, member: MemberId, *, given: bool, words: str) -> None:
    await shop.do(
        lambda session: set_marketing(
            session, session.get_one(Member, member), given=given, words=words, evidence=f"wamid.{words}", now=shop.now
        )
    )


async def test_every_change_of_mind_is_kept_with_its_words(shop: Shop) -> None:
    member = await shop.member()
    await agrees(shop, member, given=True, words="yes please")
    assert (await row_of(shop, member)).marketing_opt_in
    await agrees(shop, member, given=False, words="STOP")
    assert not (await row_of(shop, member)).marketing_opt_in
    query = select(Consent.given, Consent.words, Consent.evidence, Consent.at).order_by(Consent.id)
    assert await shop.ask(lambda session: [tuple(row) for row in session.execute(query)]) == [
        (True, "yes please", "wamid.yes please", shop.now),
        (False, "STOP", "wamid.STOP", shop.now),
    ]


async def test_the_database_keeps_consent_from_being_changed(shop: Shop) -> None:
    member = await shop.member()
    await agrees(shop, member, given=False, words="STOP")

    def forge(session: Session) -> None:
        session.scalars(select(Consent)).one().given = True

    def rewrite(session: Session) -> None:
        session.scalars(select(Consent)).one().words = "yes"

    def delete(session: Session) -> None:
        session.delete(session.scalars(select(Consent)).one())

    for change in (forge, rewrite, delete):
        with pytest.raises(DBAPIError, match="consent is only ever added to"):
            await shop.do(change)
