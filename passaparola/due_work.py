"""Everything that falls due in an installation, as jobs: the service does them, and so does `passaparola tick`."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from campaigns.feeding import Feeder
from conversation.choosing.offers import forget_old
from conversation.leaving.handouts import forget_old_files
from conversation.upkeep import drop_old
from jobs.runner import Job
from loyalty.due import run_due
from loyalty.news import tell_rest
from loyalty.programme import Programme
from loyalty.reminders import remind
from passaparola.compose import House
from passaparola.crm_jobs import crm_jobs
from passaparola.shop_jobs import code_jobs, polling_jobs
from service.context import Context
from service.hooks.letters import end_left_alone, forget_deliveries, forget_news
from service.parking import claim_parked
from service.settling import settle_referrals
from service.shops import worker as shops

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def jobs_of(house: House, context: Context) -> list[Job]:
    """The jobs, in the order in which a `tick` does them: what may lead to something else comes first."""
    return [
        *polling_jobs(house),
        Job(shops.JOB, 2 * SECOND, lambda now: _shops(house, context, now), alone=False),
        Job("parked", MINUTE, _each(house, lambda programme, _now: _parked(context, programme))),
        Job("due", MINUTE, _each(house, lambda programme, now: _due(house, programme, now))),
        Job("referrals", 2 * SECOND, _each(house, lambda programme, _now: _settled(context, programme)), alone=False),
        Job("reminders", HOUR, _each(house, lambda programme, now: _reminded(house, programme, now))),
        Job("news", 10 * SECOND, lambda now: _news(house, now)),
        *crm_jobs(house, context),
        *code_jobs(house),
        Job("hooks", SECOND, house.deliverer().work, alone=False),
        Job("campaigns", SECOND / 2, feeder_of(house).run, alone=False),
        Job("forget", HOUR, lambda now: _forget(house, now)),
        Job("shops-forget", HOUR, lambda now: shops.forget(context, now)),
    ]


def feeder_of(house: House) -> Feeder:
    """Who puts the messages of campaigns in the outbox."""
    return Feeder(
        house.store, house.programmes, house.sentences, house.settings.number_id, house.provider().limits
    )  # fmt: skip


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


async def _shops(house: House, context: Context, now: datetime) -> str:
    await house.programmes.refresh()
    return await shops.work_off(context, now)


async def _reminded(house: House, programme: Programme, now: datetime) -> str:
    told = await remind(house.store, programme, now=now)
    return f"{told} reminders" if told else ""


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
    await house.store.write(lambda session: end_left_alone(session, now=now))
    for batch in (forget_deliveries, forget_news):
        while await house.store.write(lambda session, batch=batch: batch(session, now=now)):  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            pass
    for work in (forget_old, forget_old_files, drop_old):
        await house.store.write(lambda session, work=work: work(session, now=now))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return ""
