"""A process that works off what shops delivered until it is killed; forked from one that has all imported."""

import asyncio
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from conversation.saying.notices import Notices
from conversation.saying.sentences import Sentences
from loyalty.clock import SystemClock
from loyalty.files.reading import read_programme
from loyalty.programme import Programme
from loyalty.store import Store, open_store
from service.context import Context
from service.shops.worker import work_off
from tests.forked import forked

ROOT = Path(__file__).parents[2]


def plain_programme() -> Programme:
    """The sample programme, without what is given for more than an order."""
    programme = read_programme(ROOT / "programmes" / "cafe.yml")
    return programme.model_copy(update={"badges": (), "milestones": (), "challenges": (), "streaks": ()})


def context_of(store: Store) -> Context:
    """The service of that business, on the real clock."""
    plain, sentences = plain_programme(), Sentences.load(ROOT / "data" / "responses")
    return Context(store, {plain.id: plain}, sentences, Notices(sentences), SystemClock(), None, "", "")


def shop_worker(database: str) -> ForkServerProcess:
    """A process that works off what is due, again and again; kill it."""
    return forked(_work, database)


def _work(database: str) -> None:
    asyncio.run(_forever(database))


async def _forever(database: str) -> None:
    context = context_of(open_store(database))
    while True:
        await work_off(context, context.clock.now())
        await asyncio.sleep(0.005)
