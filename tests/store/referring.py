"""Short words for what tests of referrals do: codes are entered, news comes in, referrals are settled."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from loyalty.books.overview import Points
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.orders.purchases import Outcome
from loyalty.programme import Programme
from loyalty.referral.giving import Settled
from loyalty.referral.referrals import Source, any_unsettled, enter_code, settle, touch
from loyalty.revisions import ensure_programme
from loyalty.rules.parts import Gift
from loyalty.rules.referral import ReferralRule
from loyalty.tables import Member, Purchase, Referral, Voucher
from tests.store.helpers import Shop, a_key

FOR_REFERRER, FOR_FRIEND = Gift(points=100), Gift(points=40)


def rewarding(programme: Programme, **rule: object) -> Programme:
    """The programme with a hundred points for who brings a friend and forty for the friend, and such a rule."""
    document = {
        "terms": programme.referral.terms, "referrer": FOR_REFERRER, "friend": FOR_FRIEND, "pending_days": 0, **rule,
    }  # fmt: skip
    return programme.model_copy(update={"referral": ReferralRule.model_validate(document)})


class Club:
    """A business whose members bring friends."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def has_rule(self, **rule: object) -> None:
        """From now on: another rule for referrals."""
        programme = self.shop.programme = rewarding(self.shop.programme, **rule)
        await self.shop.do(lambda session: ensure_programme(session, programme, now=self.shop.now))

    async def code_of(self, member: MemberId) -> str:
        return await self.shop.ask(lambda session: session.get_one(Member, member).referral_code)

    async def enters(
        self, friend: MemberId, typed: str, *, source: Source = "typed", at: datetime | None = None
    ) -> None:  # fmt: skip
        await self.shop.do(
            lambda session: enter_code(
                session, self.shop.programme, session.get_one(Member, friend), typed, source=source, now=self.shop.now,
                at=at,
            )
        )  # fmt: skip

    async def refusal(self, friend: MemberId, typed: str) -> str:
        """Why a code is refused."""
        try:
            await self.enters(friend, typed)
        except Refused as refused:
            return refused.reason
        return "it was taken"

    async def brings(self, referrer: MemberId, friend: MemberId) -> str:
        """A friend enters the referrer's code. Returns the referral."""
        await self.enters(friend, await self.code_of(referrer))
        return (await self.referral(friend)).id

    async def a_friend_of(self, referrer: MemberId, *, joined: bool = True) -> MemberId:
        """Somebody new who enters the referrer's code."""
        friend = await self.shop.member(joined=joined)
        await self.brings(referrer, friend)
        return friend

    async def buys(
        self, member: MemberId, amount: str | Decimal, *, key: str | None = None, at: datetime | None = None
    ) -> Outcome:
        """An order is reported, as the service does it; nothing is settled yet."""
        outcome = await self.shop.buys(member, amount, key=key, at=at)
        await self.shop.do(lambda session: touch(session, member, at=at or self.shop.now))
        return outcome

    async def refunds(self, order: str, amount: str | Decimal, *, key: str | None = None) -> Outcome:
        outcome = await self.shop.refunds(order, amount, key=key or a_key())
        if outcome.member is not None:
            member = outcome.member

            def work(session: Session) -> None:
                at = session.scalar(select(Purchase.occurred_at).where(Purchase.key == order))
                touch(session, member, at=at)

            await self.shop.do(work)
        return outcome

    async def settles(self, *, limit: int = 50) -> list[Settled]:
        return await self.shop.do(
            lambda session: settle(session, self.shop.programme, now=self.shop.now, limit=limit)
        )  # fmt: skip

    async def is_settled(self) -> bool:
        return not await self.shop.ask(lambda session: any_unsettled(session, self.shop.programme.id))

    async def referral(self, friend: MemberId) -> Referral:
        """The referral of a friend, as it is kept."""
        return await self.shop.ask(
            lambda session: session.scalars(select(Referral).where(Referral.referee_id == friend)).one()
        )

    async def state(self, friend: MemberId) -> str:
        """Where a friend's referral stands once everything is settled."""
        await self.settles()
        return (await self.referral(friend)).state

    async def points(self, *members: MemberId) -> list[Points]:
        return [await self.shop.points(member) for member in members]

    async def available(self, *members: MemberId) -> list[int]:
        """Available points of members, less the debt."""
        return [found.available - found.debt for found in await self.points(*members)]

    async def vouchers(self, member: MemberId) -> Mapping[str, int]:
        """How many vouchers of each status a member has."""
        query = select(Voucher.status, func.count()).where(Voucher.member_id == member).group_by(Voucher.status)
        return await self.shop.ask(lambda session: {status: count for status, count in session.execute(query)})  # noqa: C416 -- rows are no tuples to the type checker
