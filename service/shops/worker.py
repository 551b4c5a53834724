"""Works off what shops delivered: each in one transaction with the note that it is done, so a kill costs nothing."""

import asyncio
import random
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.errors import LoyaltyError, Refused, StoreUnavailable
from loyalty.ids import ProgrammeId
from loyalty.people.members import is_erased
from loyalty.programme import Programme
from service.context import Context
from service.ingest import Ingest
from service.settling import settle_referrals
from service.shops import inbox, privacy
from service.shops.errors import Unreadable
from service.shops.inbox import KINDS, Delivery
from service.shops.news import CustomerNews, DataRequest, NoNews, Order, Redaction, Refund, ShopGone
from service.shops.people import names_of, remember
from service.shops.posting import DONE, Posting, Worked
from service.shops.reading import read_object
from service.shops.routing import route
from service.shops.tables import ShopDelivery

log = structlog.get_logger()

JOB = "shops"
"""The name of the queue."""
AT_ONCE = 64
SIDE_BY_SIDE = 3
"""So few, so that accepting goes on meanwhile, and other work finds a connection."""
UNEXPECTED = "something unexpected happened here; the log has the details"


async def work_off(context: Context, now: datetime) -> str:
    """Work off all that is due, and settle the referrals it touched. Returns what was done, in a few words."""
    done, side_by_side = 0, asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(id_: int, at: datetime) -> ProgrammeId | None:
        async with side_by_side:
            return await _one(context, id_, at)

    while True:
        at = max(now, context.clock.now())
        ids = await context.store.look(partial(inbox.due, now=at, most=AT_ONCE))
        if not ids:
            break
        touched = set(await asyncio.gather(*(one(id_, at) for id_ in ids)))
        done += len(ids)
        for id_ in sorted(programme for programme in touched if programme is not None):
            if (programme := context.programmes.get(id_)) is not None:
                await settle_referrals(context, programme)
    return f"{done} deliveries of shops worked off" if done else ""


async def _one(context: Context, id_: int, now: datetime) -> ProgrammeId | None:
    """Work one delivery off, or note why not. Returns the programme it belongs to."""
    try:
        return await context.store.write(partial(_work, context=context, id_=id_, now=now))
    except StoreUnavailable:
        raise
    except LoyaltyError as problem:  # its words are wrong, or a file of ours: coming again changes nothing
        reason = str(problem)
        await context.store.write(partial(_park, id_=id_, reason=reason, now=now))
        log.warning("a delivery of a shop is parked", delivery=id_, reason=reason)
    except Exception as problem:
        log.exception("a delivery of a shop could not be worked off", delivery=id_)
        reason, dice = f"{UNEXPECTED}: {type(problem).__name__}", random.random()
        await context.store.write(partial(_fail, id_=id_, reason=reason, now=now, dice=dice))
    return None


def _work(session: Session, context: Context, id_: int, now: datetime) -> ProgrammeId | None:
    delivery = inbox.take(session, id_)
    if delivery is None:
        return None
    programme, worked = understand(session, context, delivery, now)
    inbox.finish(session, id_, worked.state, worked.reason, now)
    return programme.id


def understand(session: Session, context: Context, delivery: Delivery, now: datetime) -> tuple[Programme, Worked]:
    """Do what a delivery says, within the session's transaction. Raises `Unreadable`."""
    programme, shop = route(context.programmes.values(), delivery.source, delivery.shop)
    news = KINDS[delivery.source].read(delivery.topic, read_object(delivery.body), programme.currency)
    at = Posting(session, programme, shop, Ingest(), now)
    match news:
        case Order():
            worked = at.order(news, delivery.received_at)
        case Refund():
            worked = at.refund(news)
        case CustomerNews():
            new = remember(session, programme, shop, names_of(programme, shop, news.customer), now)
            worked = DONE if new else Worked("ignored", "it says nothing new of a member for certain")
        case DataRequest():
            worked = privacy.data_request(at, news)
        case Redaction():
            worked = privacy.redact(at, news)
        case ShopGone():
            worked = privacy.gone(at, news)
        case NoNews():
            worked = Worked("ignored", news.why)
    return programme, worked


def _park(session: Session, id_: int, reason: str, now: datetime) -> None:
    if inbox.take(session, id_) is not None:
        inbox.finish(session, id_, inbox.PARKED, reason, now)


def _fail(session: Session, id_: int, reason: str, now: datetime, dice: float) -> None:
    delivery = inbox.take(session, id_)
    if delivery is not None and inbox.fail(session, id_, delivery.attempts + 1, reason, now, dice):
        log.error("a delivery of a shop failed too often and is parked", delivery=id_)


async def forget(context: Context, now: datetime) -> str:
    """Drop old deliveries, and the words of parked ones that are about somebody who was erased since."""
    dropped = await context.store.write(partial(inbox.forget_old, now=now))
    erased = await context.store.write(partial(_forget_erased, context=context, now=now))
    return f"{dropped} old deliveries of shops dropped, {erased} of erased people" if dropped or erased else ""


def _forget_erased(session: Session, context: Context, now: datetime) -> int:
    """Only what can be read says whom it is about; what cannot goes with its age."""
    count = 0
    query = select(ShopDelivery).where(ShopDelivery.state == inbox.PARKED).order_by(ShopDelivery.id)
    for row in session.scalars(query.limit(inbox.AT_ONCE)):
        try:
            programme, shop = route(context.programmes.values(), row.source, row.shop)
            news = KINDS[row.source].read(row.topic, read_object(bytes(row.body)), programme.currency)
        except (Unreadable, Refused):
            continue
        if isinstance(news, Order | CustomerNews | DataRequest | Redaction):
            refs = names_of(programme, shop, news.customer).all
            if any(is_erased(session, programme.id, ref) for ref in refs):
                row.state, row.body, row.settled_at = inbox.IGNORED, b"", now
                count += 1
    session.flush()
    return count
