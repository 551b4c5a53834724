"""A business on each kind of store."""

import pytest

from loyalty.clock import FixedClock
from loyalty.programme import Programme
from loyalty.store import Store
from tests.store.helpers import Shop, variant


@pytest.fixture
def shop(store: Store, cafe: Programme, clock: FixedClock) -> Shop:
    """The café with a point for every euro, no points for joining and a year for points to live."""
    return Shop(store, variant(cafe, joining=0), clock)
