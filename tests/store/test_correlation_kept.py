"""The id of a request is kept with what is written in it, and taken up again by whoever acts on it."""

import asyncio
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from connectors.sending.sender import Sender
from conversation.arriving import inbox
from conversation.arriving.incoming import Receipt
from conversation.arriving.intake import Batch, Intake
from conversation.arriving.receipts import apply_receipts
from conversation.leaving.outbox import Due
from conversation.leaving.refusals import Do
from conversation.tables import InboxRow
from loyalty.clock import FixedClock
from loyalty.correlation import correlated, current
from loyalty.programme import Programme
from loyalty.store import Store
from service.hooks.delivering import Deliverer
from tests.store.helpers import Shop
from tests.store.hook_target import INSECURE, Business, listening
from tests.store.sending import NUMBER, QUICK, empty_post
from tests.store.test_intake import message


async def test_work_in_the_store_knows_its_request(store: Store) -> None:
    async def ask(id_: str) -> tuple[str | None, str | None]:
        with correlated(id_):
            return await store.write(lambda _session: current()), await store.look(lambda _session: current())

    asked = await asyncio.gather(*(ask(f"request-{number}") for number in range(20)))
    assert list(asked) == [(f"request-{number}", f"request-{number}") for number in range(20)]
    assert await store.write(lambda _session: current()) is None


async def test_messages_that_are_stored_together_keep_each_its_own(store: Store, clock: FixedClock) -> None:
    intake = Intake(store, {NUMBER}, partial(apply_receipts), clock)

    async def comes(number: int) -> list[str | None]:
        with correlated(f"request-{number}"):
            fresh = await intake.accept(Batch((message(f"wamid.{number}", clock, contact=f"39333000{number}"),), ()))
        return [one.correlation for one in fresh]

    told = await asyncio.gather(*(comes(number) for number in range(10)))
    assert list(told) == [[f"request-{number}"] for number in range(10)]

    def kept(session: Session) -> dict[str, str | None]:
        return {row.message_id: row.correlation for row in session.scalars(select(InboxRow))}

    assert await store.read(kept) == {f"wamid.{number}": f"request-{number}" for number in range(10)}
    waiting = await store.read(inbox.waiting)
    assert [one.incoming.correlation for one in waiting] == [f"request-{number}" for number in range(10)]


class Postman:
    """A provider that takes everything."""

    name = "test"

    async def send(self, due: Due) -> str:
        return f"wamid.{due.id}"

    def judge(self, code: int | None) -> Do:
        return Do.ASK_HER


async def test_a_message_is_sent_and_its_receipts_come_under_the_id_it_was_written_under(
    store: Store, cafe: Programme, clock: FixedClock
) -> None:
    post = await empty_post(Shop(store, cafe, clock))
    member = await post.member()
    with correlated("request-1"):
        await post.put(member)
    await post.put(member)
    sender = Sender(store, Postman(), clock, QUICK)  # type: ignore[arg-type]  # all that a sender asks of a provider
    with capture_logs() as logged:
        with correlated("of somebody else"):
            sender.start()
        async with asyncio.timeout(10):
            while (await post.states())["sent"] < 2:  # noqa: ASYNC110 -- the sender knows nothing of the test
                await asyncio.sleep(0.01)
        await sender.close()
        rows = await post.rows()
        await post.told([Receipt(f"wamid.{row.id}", "read", clock.now()) for row in rows])
    assert [row.correlation for row in rows] == ["request-1", None]
    sent = [line for line in logged if line["event"] == "message sent"]
    assert [line["outbox_id"] for line in sent] == [row.id for row in rows]
    receipts = {line["outbox_id"]: line["correlation"] for line in logged if line["event"] == "receipt"}
    assert receipts == {rows[0].id: "request-1", rows[1].id: None}
    assert not any("+39" in str(line) for line in logged)


async def test_a_webhook_goes_out_under_the_request_in_which_it_happened(
    store: Store, cafe: Programme, clock: FixedClock
) -> None:
    business = await Business.of(store, cafe, clock, Deliverer(store, clock, INSECURE))
    async with listening() as target:
        await business.subscribes(target.url)
        with correlated("request-7"):
            await business.happens()
        await business.delivers()
    assert [row.correlation for row in await business.rows()] == ["request-7"]
