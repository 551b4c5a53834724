"""Rewards that run out, are limited or belong to a level; what happens to vouchers; and whether the stock adds up."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.books.points import Books
from loyalty.ids import Cause, MemberId, RedemptionId
from loyalty.programme import LANGUAGES, Programme
from loyalty.revisions import ensure_programme
from loyalty.rewards import gifts, redemptions, vouchers
from loyalty.rewards.stock import UNITS, Taken
from loyalty.rewards.vouchers import Use, Validity
from loyalty.rules.parts import Gift
from loyalty.tables import Base, Redemption, Standing, Stock, Voucher
from tests.store.helpers import Shop, a_key

LEVELS = {
    "measure": "points",
    "levels": [
        {"id": id_, "name": dict.fromkeys(LANGUAGES, id_.title()), "from": from_}
        for id_, from_ in (("silver", 1000), ("gold", 2000), ("platinum", 3000))
    ],
}


def a_reward(id_: str, points: int = 20, **more: object) -> dict[str, object]:
    """A reward as a programme file says it."""
    return {"id": id_, "points": points, "name": dict.fromkeys(LANGUAGES, id_.title()), **more}


def offering(programme: Programme, *rewards: dict[str, object], **more: object) -> Programme:
    """The programme with these rewards and nothing that gives others."""
    document: dict[str, Any] = programme.document()
    referral = {**document["referral"], "referrer": {"points": 10}, "friend": {"points": 10}}
    bare = {"referral": referral, "badges": [], "milestones": [], "challenges": [], "streaks": [], "games": {}}
    return Programme.model_validate({**document, **bare, "rewards": list(rewards), **more})


async def offers(shop: Shop, *rewards: dict[str, object], **more: object) -> None:
    """From now on the shop has these rewards."""
    shop.programme = offering(shop.programme, *rewards, **more)
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))


async def with_points(shop: Shop, amount: int) -> MemberId:
    member = await shop.member()
    await shop.buys(member, f"{amount}.00")
    return member


async def promotes(shop: Shop, member: MemberId, tier: str) -> None:
    """Give a member a level, whatever she did for it."""

    def promote(session: Session) -> None:
        row = session.get(Standing, member)
        if row is None:
            row = Standing(
                member_id=member, programme_id=shop.programme.id, value=0, since=None, due_at=None, rules=""
            )  # fmt: skip
            session.add(row)
        row.tier = tier

    await shop.do(promote)


async def reverses(shop: Shop, redemption: RedemptionId, *, allow_used: bool = False) -> bool:
    return await shop.do(
        lambda session: redemptions.reverse(
            session, shop.programme, redemption, author="key:till", reason="the machine was broken",
            allow_used=allow_used, now=shop.now,
        )
    )  # fmt: skip


async def gives(
    shop: Shop, member: MemberId, gift: Gift, *, origin: str = "goal:1", cause: str | None = None,
    activates_at: datetime | None = None,
) -> gifts.Given:  # fmt: skip
    return await shop.in_books(member, giving(shop, gift, origin=origin, cause=cause, activates_at=activates_at))


def giving(
    shop: Shop, gift: Gift, *, origin: str, cause: str | None = None, activates_at: datetime | None = None
) -> Callable[[Books], gifts.Given]:
    return lambda books: gifts.give(
        books, shop.programme, gift, origin=origin, cause=Cause(cause or origin), kind="goal", occurred_at=shop.now,
        activates_at=activates_at, memo={"goal": "ten visits"},
    )  # fmt: skip


async def takes_away(shop: Shop, member: MemberId, *, origin: str = "goal:1", cause: str | None = None) -> None:
    await shop.in_books(
        member,
        lambda books: gifts.take_away(
            books, shop.programme, origin=origin, cause=Cause(cause or f"{origin}:undone"), kind="goal",
            memo={"goal": "ten visits"},
        ),
    )  # fmt: skip


async def consumes(
    shop: Shop, code: str, *, key: str | None = None, amount: str | None = None, at: datetime | None = None
) -> Use:
    return await shop.do(
        lambda session: vouchers.consume(
            session, shop.programme, code, key=key or a_key(), place="till 1",
            amount=None if amount is None else Decimal(amount), now=at or shop.now,
        )
    )  # fmt: skip


async def undoes(shop: Shop, key: str) -> str:
    return await shop.do(
        lambda session: vouchers.undo_use(
            session, shop.programme, key=key, author="key:till", reason="the sale was cancelled", now=shop.now
        )
    )


async def validity(shop: Shop, code: str, amount: str | None = None) -> Validity:
    total = None if amount is None else Decimal(amount)
    return await shop.ask(lambda session: vouchers.validate(session, shop.programme, code, amount=total, now=shop.now))


async def voucher_of(shop: Shop, origin: str) -> Voucher | None:
    return await shop.ask(lambda session: session.scalar(select(Voucher).where(Voucher.origin == origin)))


async def vouchers_of(shop: Shop, member: MemberId) -> list[Voucher]:
    """What a member can use now."""
    return list(await shop.ask(lambda session: vouchers.usable(session, member, shop.now)))


async def state_of(shop: Shop, redemption: RedemptionId) -> str:
    return await shop.ask(lambda session: session.get_one(Redemption, redemption).state)


async def taken(shop: Shop, reward: str) -> Taken:
    """What was taken of a reward."""
    row = await shop.ask(lambda session: session.get(Stock, (shop.programme.id, f"reward:{reward}")))
    return Taken(row.taken, row.spent) if row is not None else Taken()


async def stock_adds_up(shop: Shop) -> bool:
    """Whether what was taken is what was given out, by all that the database says."""
    return await shop.ask(lambda session: counted(session) == given_out(session))


def counted(session: Session) -> dict[str, Taken]:
    """What the stock says that was taken."""
    return {row.item: Taken(row.taken, row.spent) for row in session.scalars(select(Stock)) if row.taken}


def given_out(session: Session) -> dict[str, Taken]:
    """What was given out: redemptions that are held or confirmed, and vouchers of gifts that were not revoked."""
    number: Counter[str] = Counter()
    cost: Counter[str] = Counter()
    held = select(Redemption).where(Redemption.state.in_(("held", "confirmed")))
    gifts_ = select(Voucher).where(Voucher.redemption_id.is_(None), Voucher.status != "revoked")
    for row in (*session.scalars(held), *session.scalars(gifts_)):
        number[f"reward:{row.reward_id}"] += 1
        cost[f"reward:{row.reward_id}"] += int(row.cost * UNITS)
    return {item: Taken(count, cost[item]) for item, count in number.items()}


async def everything(shop: Shop) -> dict[str, list[Any]]:
    """All rows of all tables, to see whether something changed."""

    def read(session: Session) -> dict[str, list[Any]]:
        tables = Base.metadata.sorted_tables
        return {table.name: sorted(map(repr, session.execute(select(table)).all())) for table in tables}

    return await shop.ask(read)
