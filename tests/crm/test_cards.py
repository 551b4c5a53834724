"""A card says what `/v1` says of a member, however many are asked for at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from crm.card import FIELDS, GONE, Card, blank
from crm.changes import SOURCES
from crm.gathering import cards_of
from loyalty.clock import FixedClock
from loyalty.files.reading import read_programme
from loyalty.ids import MemberId
from loyalty.people.members import set_marketing
from loyalty.referral.referrals import enter_code
from loyalty.store import Store
from loyalty.tables import Member
from service.views import view_of
from tests.store.helpers import Shop, variant

PUBLIC = "https://aurora.example"


@pytest.fixture
def shop(store: Store, clock: FixedClock) -> Shop:
    """A shop with levels and badges, whose points come at once."""
    fashion = read_programme(Path("programmes/fashion.yml"))
    purchase = fashion.earning.purchase.model_copy(update={"pending_days": 0})
    here = fashion.model_copy(update={"currency": "EUR", "timezone": "Europe/Rome"})
    return Shop(store, variant(here, purchase=purchase), clock)


async def cards(shop: Shop, *members: MemberId) -> dict[MemberId, Card | None]:
    programmes = {shop.programme.id: shop.programme}
    return await shop.ask(lambda session: cards_of(session, programmes, members, PUBLIC))


async def test_a_card_agrees_with_what_v1_says(shop: Shop) -> None:
    members = [await shop.member() for _ in range(4)]
    for number, member in enumerate(members[1:], 1):
        await shop.buys(member, f"{number * 400}.00")
    code = await shop.ask(lambda session: session.get_one(Member, members[3]).referral_code)

    def more(session: Session) -> None:
        friend = session.get_one(Member, members[0])
        enter_code(session, shop.programme, friend, code, source="typed", now=shop.now)
        row = session.get_one(Member, members[1])
        row.name = "Bea"
        set_marketing(session, row, given=True, words="yes", evidence="till", now=shop.now)

    await shop.do(more)
    reward = min((one for one in shop.programme.rewards if not one.gift_only), key=lambda one: one.points)
    await shop.redeems(members[3], reward.id)
    found = await cards(shop, *members)
    tiers = set()
    for member in members:
        view = await shop.ask(
            lambda session, member=member: view_of(  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                session, shop.programme, session.get_one(Member, member), PUBLIC, shop.now
            )
        )
        card = found[member]
        assert card is not None
        assert (card.member, card.phone, card.name, card.language) == (view.id, view.phone, view.name, view.language)
        assert (card.points, card.pending, card.lifetime) == (
            view.points.available, view.points.pending, view.points.lifetime,
        )  # fmt: skip
        assert (card.referral_code, card.referral_link) == (view.referral.code, view.referral.link)
        assert (card.friends_joined, card.friends_converted) == (view.referral.joined, view.referral.converted)
        assert (card.tier, card.badges, card.marketing) == (view.tier.id, len(view.badges), view.marketing_opt_in)
        tiers.add(card.tier_name)
    assert len(tiers) > 1  # else the comparison says nothing
    last = found[members[3]]
    assert last is not None
    assert last.last_reward
    assert last.last_reward_on == shop.now.astimezone(shop.programme.zone).date()
    assert last.friends_joined == 1


async def test_days_are_those_of_the_programmes_zone(shop: Shop) -> None:
    shop.clock.instant = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    member = await shop.member()
    card = (await cards(shop, member))[member]
    assert card is not None
    assert card.joined_on == (shop.now.astimezone(shop.programme.zone)).date()
    assert card.joined_on.day == 22


async def test_a_thousand_cards_take_a_few_statements(shop: Shop) -> None:
    members = [await shop.member() for _ in range(3)]
    found = await cards(shop, *(MemberId(f"{number:032x}") for number in range(1200)), *members)
    assert list(found) == members


async def test_who_is_no_member_has_no_card(shop: Shop) -> None:
    member = await shop.member(joined=False)
    assert await cards(shop, member) == {member: None}


async def test_of_a_programme_that_is_not_in_force_nothing_is_told(shop: Shop) -> None:
    member = await shop.member()
    assert await shop.ask(lambda session: cards_of(session, {}, [member], PUBLIC)) == {}


async def test_a_fingerprint_changes_with_each_value_and_with_nothing_else(shop: Shop) -> None:
    member = await shop.member()
    first = (await cards(shop, member))[member]
    shop.clock.forward(timedelta(days=3))
    second = (await cards(shop, member))[member]
    assert first is not None
    assert second is not None
    assert first.fingerprint() == second.fingerprint() != GONE
    await shop.buys(member, "1.00")
    third = (await cards(shop, member))[member]
    assert third is not None
    assert third.fingerprint() != first.fingerprint()
    assert member in repr(first)
    assert str(first.phone) not in repr(first)


def test_fields_have_names_that_every_system_takes() -> None:
    keys = [field.key for field in FIELDS]
    assert len(set(keys)) == len(keys) == len(blank())
    assert all(key == key.lower() and key.startswith("loyalty_") and len(key) <= 40 for key in keys)


def test_reading_goes_back_a_little_but_not_before_the_beginning() -> None:
    by_id = next(source for source in SOURCES if not source.numbered)
    seen = "0199" + "a" * 28
    assert str(by_id.back(seen)) < seen
    assert by_id.back("0") == "0" * 32
    by_number = next(source for source in SOURCES if source.numbered)
    assert (by_number.back("5000"), by_number.back("10")) == (4000, 0)
