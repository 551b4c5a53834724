"""What a command does in the store: the tables are brought up to date before, and the store is closed after it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from loyalty.clock import Clock, SystemClock
from loyalty.store import Store, open_store
from loyalty.store.schema import upgrade
from passaparola.compose import House, build
from passaparola.settings import Settings

T = TypeVar("T")


def in_store(settings: Settings, work: Callable[[Session, Clock], T]) -> T:
    """Do something in one transaction; it needs no programme."""
    clock = SystemClock()
    return with_store(settings, lambda store: store.write(lambda session: work(session, clock)))


def with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the store alone."""
    upgrade(settings.database_url)
    return asyncio.run(_closing(open_store(settings.database_url), work))


def with_house(settings: Settings, work: Callable[[House], Awaitable[T]]) -> T:
    """Do something with everything put together. Raises `LoyaltyError` if the programme cannot be read."""
    upgrade(settings.database_url)
    house = build(settings)
    return asyncio.run(_closing(house.store, lambda _store: work(house)))


async def _closing(store: Store, work: Callable[[Store], Awaitable[T]]) -> T:
    try:
        return await work(store)
    finally:
        await store.close()
