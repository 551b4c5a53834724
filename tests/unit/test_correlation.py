"""One id from what came in to what goes out: who may name it, and how it is handed over."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from loyalty.correlation import carried, correlated, correlation_of, current


@pytest.mark.parametrize(
    "given",
    ["4bf92f3577b34da6a3ce929d0e0e4736", "550e8400-e29b-41d4-a716-446655440000", "req:7f-shop_1.2"],
)
def test_a_sane_id_is_kept(given: str) -> None:
    assert correlation_of(given) == given


@pytest.mark.parametrize(
    "given",
    [
        None, "", "short", "x" * 65, "with a space in it", "line\nbreak-line", "{json-injection}", "393331234567",
        "till:393331234567", "+393331234567", "id.393331234567.x", "è" * 12, "-leading-dash",
    ],
)  # fmt: skip
def test_another_is_replaced(given: str | None) -> None:
    made = correlation_of(given)
    assert made != given
    assert len(made) == 32
    assert made != correlation_of(given)


def test_work_is_carried_to_another_thread_and_nothing_stays_there() -> None:
    seen: list[str | None] = []

    def elsewhere(*work: Callable[[], Any]) -> None:
        thread = threading.Thread(target=lambda: [one() for one in work])
        thread.start()
        thread.join()

    def look() -> None:
        seen.append(current())

    with correlated("request-1"):
        one = carried(look)
    with correlated("request-2"):
        two = carried(look)
    elsewhere(one, two, look)
    assert seen == ["request-1", "request-2", None]


def test_without_an_id_the_work_is_itself() -> None:
    def work() -> None:
        return None

    assert carried(work) is work


async def test_tasks_side_by_side_have_their_own() -> None:
    async def look(id_: str) -> str | None:
        with correlated(id_):
            await asyncio.sleep(0)
            return current()

    assert [*await asyncio.gather(look("request-1"), look("request-2"))] == ["request-1", "request-2"]
    assert current() is None
