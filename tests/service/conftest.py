"""The service on each kind of store, with two members."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from conversation.noticing.listener import Noticing
from conversation.saying.notices import Notices
from conversation.saying.sentences import Sentences
from loyalty.clock import FixedClock
from loyalty.news import TellingStore
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref
from loyalty.programme import Programme
from loyalty.store import Store
from service.app import build_app
from service.context import Context

Client = TestClient[Any, Any]
ANNA = "+393331234567"
KEY = {"Authorization": "Bearer secret-key"}


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path("data/responses"))


@pytest.fixture
def context(store: Store, cafe: Programme, clock: FixedClock, sentences: Sentences) -> Context:
    programmes = {cafe.id: cafe}
    return Context(
        TellingStore(store, [Noticing(programmes, sentences)]), programmes, sentences, Notices(sentences), clock,
        "secret-key", "https://aurora.example", "https://wa.me",
    )  # fmt: skip


@pytest.fixture
async def client(context: Context, cafe: Programme, clock: FixedClock) -> AsyncIterator[Client]:
    row = ImportRow(Ref.phone(ANNA), "Anna", "it", "", 100)
    await context.store.write(lambda session: import_row(session, cafe, row, now=clock.now()))
    async with TestClient(TestServer(build_app(context, version="test"))) as client:
        yield client
