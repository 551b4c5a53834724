"""Everything that falls due in an installation, as jobs: the service does them, and so does `passaparola tick`."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from conversation.handouts import forget_old_files
from conversation.offers import forget_old
from conversation.upkeep import drop_old
from jobs.runner import Job
from loyalty.due import run_due
from loyalty.news import tell_rest
from loyalty.programme import Programme
from passaparola.compose import House
from service.context import Context
from service.parking import claim_parked
from service.settling import settle_referrals

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def jobs_of(house: House, context: Context) -> list[Job]:
    """The jobs, in the order in which a `tick` does them: what may lead to something else comes first."""
    return [
        Job("parked", MINUTE, _each(house, lambda programme, _now: _parked(context, programme))),
        Job("due", MINUTE, _each(house, lambda programme, now: _due(house, programme, now))),
        Job("referrals", 2 * SECOND, _each(house, lambda programme, _now: _settled(context, programme)), alone=False),
        Job("news", 10 * SECOND, lambda now: _news(house, now)),
        Job("forget", HOUR, lambda now: _forget(house, now)),
    ]


def _each(house: House, work: Callable[[Programme, datetime], Awaitable[str]]) -> Callable[[datetime], Awaitable[str]]:
    """The work for every programme, by the rules as they are in force."""

    async def all_of_them(now: datetime) -> str:
        await house.programmes.refresh()
        reports = {id_: await work(programme, now) for id_, programme in house.programmes.items()}
        return "; ".join(f"{id_}: {report}" for id_, report in reports.items() if report)

    return all_of_them


async def _due(house: House, programme: Programme, now: datetime) -> str:
    done = await run_due(house.store, programme, now=now)
    return str(done) if done else ""


async def _parked(context: Context, programme: Programme) -> str:
    taken = await claim_parked(context, programme)
    return f"{taken} events taken that had waited for somebody" if taken else ""


async def _settled(context: Context, programme: Programme) -> str:
    await settle_referrals(context, programme)
    return ""


async def _news(house: House, now: datetime) -> str:
    told = await tell_rest(house.store, house.listeners(), now=now)
    return f"{told} pieces of news told late" if told else ""


async def _forget(house: House, now: datetime) -> str:
    for work in (forget_old, forget_old_files, drop_old):
        await house.store.write(lambda session, work=work: work(session, now=now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return ""
