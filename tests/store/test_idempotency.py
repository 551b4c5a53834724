"""Answers given before: same key and body, same answer; another body, nothing."""

import asyncio

import pytest
from sqlalchemy.orm import Session

from loyalty.errors import Conflict
from loyalty.idempotency import Answered, keep, reserve
from loyalty.tables import Programme
from tests.store.helpers import Shop

SCOPE = "events:cafe"
DONE = Answered(200, {"points": 42, "nested": {"list": [1, "due", None]}})


async def reserves(shop: Shop, key: str, body: str = "hash-1", scope: str = SCOPE) -> Answered | None:
    return await shop.do(lambda session: reserve(session, scope, key, body, now=shop.now))


async def keeps(shop: Shop, key: str, answered: Answered) -> None:
    await shop.do(lambda session: keep(session, SCOPE, key, answered))


async def test_a_new_key_is_to_be_carried_out(shop: Shop) -> None:
    assert await reserves(shop, "k") is None


async def test_a_key_that_was_answered_is_answered_as_before(shop: Shop) -> None:
    await reserves(shop, "k")
    await keeps(shop, "k", DONE)
    assert await reserves(shop, "k") == DONE


async def test_a_key_whose_request_never_ended_is_carried_out_again(shop: Shop) -> None:
    await reserves(shop, "k")
    assert await reserves(shop, "k") is None


async def test_a_key_with_another_body_is_a_conflict_answered_or_not(shop: Shop) -> None:
    await reserves(shop, "k")
    for _ in range(2):
        with pytest.raises(Conflict, match="another body; nothing was changed") as conflict:
            await reserves(shop, "k", "hash-2")
        assert conflict.value.field == "Idempotency-Key"
        await keeps(shop, "k", DONE)
    assert await reserves(shop, "k") == DONE


async def test_a_key_means_something_else_in_another_scope(shop: Shop) -> None:
    await reserves(shop, "k")
    await keeps(shop, "k", DONE)
    assert await reserves(shop, "k", "hash-2", scope="events:gym") is None


async def test_keeping_an_answer_touches_no_other_key(shop: Shop) -> None:
    await reserves(shop, "k")
    await reserves(shop, "other")
    await keeps(shop, "k", DONE)
    assert await reserves(shop, "other") is None


async def test_the_reservation_of_a_request_that_failed_is_gone(shop: Shop) -> None:
    def fails(session: Session) -> None:
        reserve(session, SCOPE, "k", "hash-1", now=shop.now)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await shop.do(fails)
    assert await reserves(shop, "k", "hash-2") is None


async def test_of_many_requests_at_once_one_is_carried_out_and_all_get_its_answer(shop: Shop) -> None:
    carried_out: list[bool] = []

    def request(session: Session) -> Answered:
        if before := reserve(session, SCOPE, "k", "hash-1", now=shop.now):
            return before
        session.add(Programme(id=f"p{len(carried_out)}", created_at=shop.now))
        session.flush()
        carried_out.append(True)
        keep(session, SCOPE, "k", DONE)
        return DONE

    assert await asyncio.gather(*(shop.do(request) for _ in range(20))) == [DONE] * 20
    assert carried_out == [True]
