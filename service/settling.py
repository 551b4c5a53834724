"""Bringing referral rewards in line after something happened, in a transaction of its own."""

from loyalty.programme import Programme
from loyalty.referral import referrals
from service.context import Context

BATCH = 50


async def settle_referrals(context: Context, programme: Programme) -> None:
    """Settle what is open. What is left over, or what a crash leaves, the due work does."""
    open_ = await context.store.look(lambda session: referrals.any_unsettled(session, programme.id))
    if open_:
        now = context.clock.now()
        await context.store.write(lambda session: referrals.settle(session, programme, now=now, limit=BATCH))
