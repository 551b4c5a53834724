"""People in a campaign who are erased, merged, or ask what is known of them; and how bulk makes way."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from conversation.caring import rights
from conversation.leaving.outbox import enqueue
from conversation.register import conversation_of
from conversation.tables import OutboxRow
from loyalty.merging.merge import merge
from loyalty.rights.dossier import export
from loyalty.tables import Recipient
from tests.store.campaigning import Crowd, a_design
from tests.store.helpers import Shop
from tests.store.sending import text


@pytest.fixture
async def crowd(shop: Shop) -> Crowd:
    crowd = Crowd(shop)
    await crowd.template()
    return crowd


async def outbox(crowd: Crowd) -> list[OutboxRow]:
    return await crowd.shop.ask(lambda session: list(session.scalars(select(OutboxRow).order_by(OutboxRow.id))))


async def test_of_who_is_erased_nothing_is_sent_and_what_her_message_said_is_gone(crowd: Crowd) -> None:
    await crowd.template("hello", "Dear {name}, come by.")
    early = await crowd.fan(name="Ermenegilda")
    await crowd.starts(a_design(message={"template": "hello"}, rate_per_second=10))
    await crowd.feeds()
    await crowd.sends(state="read")
    late = await crowd.fan(name="Ermenegilda")
    await crowd.plans(a_design(id="second", message={"template": "hello"}))
    for member in (early, late):
        await crowd.erases(member)
    [row] = await crowd.recipients()
    assert (row.state, row.outcome, row.params) == ("queued", "read", {})
    assert await crowd.recipients("second") == []
    assert await outbox(crowd) == []


@pytest.mark.parametrize("fed", [(), ("keep",), ("other",), ("keep", "other")])
async def test_two_who_turn_out_to_be_one_get_it_once(crowd: Crowd, fed: tuple[str, ...]) -> None:
    pair = dict(zip(("keep", "other"), await crowd.fans(2), strict=True))
    await crowd.starts()

    def waits(session: Session) -> None:
        later = crowd.shop.now + timedelta(hours=1)
        others = [member for name, member in pair.items() if name not in fed]
        session.execute(update(Recipient).where(Recipient.member_id.in_(others)).values(at=later))

    await crowd.shop.do(waits)
    await crowd.feeds()

    def one(session: Session) -> None:
        keep, other, now = pair["keep"], pair["other"], crowd.shop.now
        assert merge(session, crowd.shop.programme, keep, other, author="a", reason="r", now=now)
        rights.follow(session, crowd.shop.programme, keep, other)

    await crowd.shop.do(one)
    await crowd.runs(timedelta(hours=2))
    assert [(row.member_id, row.state) for row in await crowd.recipients()] == [(pair["keep"], "queued")]
    assert Counter(row.state for row in await outbox(crowd))["waiting"] == 1


async def test_a_member_is_told_in_which_campaigns_she_was(crowd: Crowd) -> None:
    member = await crowd.fan()
    await crowd.starts()
    await crowd.feeds()
    told = await crowd.shop.ask(lambda session: export(session, crowd.shop.programme, member, crowd.shop.now))
    assert [one["state"] for one in told["campaigns"]] == ["queued"]


async def test_the_utility_of_bulk_lets_answers_pass(crowd: Crowd) -> None:
    member = await crowd.fan(heard=timedelta(0))

    def work(session: Session) -> None:
        conversation = conversation_of(session, member, lock=True)
        assert conversation is not None
        enqueue(session, conversation, [text("a")], key="a", now=crowd.shop.now, category="utility", bulk=True)
        enqueue(session, conversation, [text("b")], key="b", now=crowd.shop.now)

    await crowd.shop.do(work)
    assert [one.due.message["text"] for one in await crowd.claim(1)] == ["b"]
