"""Programmes with levels, goals and leaderboards, and short words for what comes of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.levels import progress, recount
from loyalty.levels.progress import Reachment, Status
from loyalty.orders import subscriptions
from loyalty.programme import LANGUAGES, Programme
from loyalty.revisions import ensure_programme
from loyalty.tables import Award, Score, Standing, Voucher
from tests.store.helpers import Shop

DAY = timedelta(days=1)
_NONE: dict[str, Any] = {
    "tiers": None, "badges": [], "milestones": [], "challenges": [], "streaks": [], "leaderboards": [],
}  # fmt: skip


async def asked(shop: Shop, work: Callable[[Session], object]) -> list[tuple[str, tuple[Any, ...]]]:
    """What some work asks of the database, with what it fills in. (Work is done twice: the first time is different.)"""
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def listened_to(session: Session) -> None:
        driver: Any = session.connection().connection.driver_connection
        if session.get_bind().dialect.name == "sqlite":  # it has filled in everything by then
            driver.set_trace_callback(lambda statement: seen.append((statement, ())))
            work(session)
            driver.set_trace_callback(None)
            return

        def note(one: Any) -> None:
            seen.append((one.query, tuple(one.args)))

        driver.add_query_logger(note)
        work(session)
        driver.remove_query_logger(note)

    await shop.ask(work)
    await shop.ask(listened_to)
    return seen


def a_goal(id_: str, measure: str = "orders", **more: object) -> dict[str, object]:
    """A goal or leaderboard as a programme file says it."""
    return {"id": id_, "name": dict.fromkeys(LANGUAGES, id_.title()), "measure": measure, **more}


def levels(measure: str, *, gifts: dict[str, int] | None = None, starts: dict[str, int], **more: object) -> Any:
    """Levels by where they begin, and the points that some of them give."""
    named = [
        {
            "id": id_, "name": dict.fromkeys(LANGUAGES, id_.title()), "from": start,
            "gift": {"points": gifts[id_]} if gifts and id_ in gifts else None,
        }
        for id_, start in starts.items()
    ]  # fmt: skip
    return {"measure": measure, "levels": named, **more}


def aiming(programme: Programme, **parts: object) -> Programme:
    """The programme with these levels, goals and leaderboards and no others."""
    return Programme.model_validate({**programme.document(), **_NONE, **parts})


async def aims(shop: Shop, **parts: object) -> None:
    """From now on the shop has these levels, goals and leaderboards and no others."""
    shop.programme = aiming(shop.programme, **parts)
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))


async def looks(shop: Shop, member: MemberId, *, since: datetime | None = None) -> tuple[Reachment, ...]:
    """Look at a member's progress now."""
    return await shop.in_books(member, lambda books: progress.update(books, shop.programme, since=since))


async def held(shop: Shop, member: MemberId) -> set[tuple[str, str]]:
    """The awards a member holds."""
    query = select(Award.goal, Award.period).where(Award.member_id == member, Award.state == "held")
    return {(goal, period) for goal, period in await shop.ask(lambda session: session.execute(query).all())}


async def level(shop: Shop, member: MemberId) -> tuple[str | None, int] | None:
    """The level that is kept for a member, and the value."""

    def read(session: Session) -> tuple[str | None, int] | None:
        row = session.get(Standing, member)
        return (row.tier, row.value) if row is not None else None

    return await shop.ask(read)


async def status(shop: Shop, member: MemberId) -> Status:
    return await shop.ask(lambda session: progress.status(session, shop.programme, member, now=shop.now))


async def scores(shop: Shop, member: MemberId) -> dict[tuple[str, str], int]:
    query = select(Score.board, Score.period, Score.value).where(Score.member_id == member)
    found = await shop.ask(lambda session: session.execute(query).all())
    return {(board, period): value for board, period, value in found}


async def vouchers(shop: Shop, member: MemberId) -> list[str]:
    """The status of each of a member's vouchers, oldest first."""
    query = select(Voucher.status).where(Voucher.member_id == member).order_by(Voucher.id)
    return list(await shop.ask(lambda session: session.scalars(query).all()))


async def subscribes(
    shop: Shop, member: MemberId, key: str, started_at: datetime, ended_at: datetime | None = None,
    *, told_at: datetime | None = None,
) -> bool:  # fmt: skip
    return await shop.do(
        lambda session: subscriptions.record_subscription(
            session, shop.programme, member, key=key, started_at=started_at, ended_at=ended_at,
            told_at=told_at or shop.now, now=shop.now,
        )
    )  # fmt: skip


async def nothing_differs(shop: Shop) -> bool:
    """Whether all that is kept equals a recomputation, and nothing is wrong with the ledger."""
    found = await shop.ask(lambda session: list(recount.differences(session, shop.programme, now=shop.now)))
    assert found == []
    assert (await shop.audit()).findings == ()
    return True
