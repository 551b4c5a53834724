"""A referral code with a slip leads to the one that exists."""

from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.referral.near import near_code
from loyalty.tables import Member
from tests.store.helpers import Shop
from tests.store.referring import Club


async def near(shop: Shop, member: MemberId, typed: str) -> str | None:
    def look(session: Session) -> str | None:
        return near_code(session, shop.programme, session.get_one(Member, member), typed)

    return await shop.ask(look)


async def test_a_slip_leads_to_the_friends_code(shop: Shop) -> None:
    anna, bruno = await shop.member(), await shop.member()
    code = await Club(shop).code_of(anna)
    assert await near(shop, bruno, "O" + code[1:]) == code
    assert await near(shop, bruno, code[:3] + code[4:]) == code


async def test_nobodys_code_her_own_and_nonsense_lead_nowhere(shop: Shop) -> None:
    anna = await shop.member()
    code = await Club(shop).code_of(anna)
    assert await near(shop, anna, "O" + code[1:]) is None
    assert await near(shop, await shop.member(), "hello") is None
    assert await near(shop, await shop.member(), "") is None
