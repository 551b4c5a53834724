"""What receipts and refusals do to a message and beyond it: once, in whatever order they come."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.whatsapp.codes import kind_of
from conversation.arriving.incoming import Pricing, Receipt, State
from conversation.leaving.costs import BadRates, Price, Rate, RateCard, costs, read_rates
from conversation.leaving.refusals import Do
from loyalty.people.consents import consents_of
from loyalty.tables import Member
from tests.store.helpers import Shop
from tests.store.sending import NUMBER, OFFER, TEMPLATE, Post, empty_post, text

RATES = RateCard(
    (
        Rate("39", "service", Price(Decimal("0.03"), "EUR"), date(2026, 10, 1)),
        Rate("39", "service", Price(Decimal("0.02"), "EUR"), date(2025, 1, 1)),
        Rate("3933", "marketing", Price(Decimal("0.06"), "EUR"), date(2025, 1, 1)),
    )
)


def judge(code: int | None) -> Do:
    return kind_of(code).do


@pytest.fixture
async def post(shop: Shop) -> Post:
    return await empty_post(shop)


def receipt(post: Post, state: State, number: int = 1, *, name: str | None = None, code: int | None = None,
            pricing: Pricing | None = None) -> Receipt:  # fmt: skip
    return Receipt(
        name or f"wamid.{number}", state, post.shop.now, outbox_id=number, error_code=code,
        error="it failed" if code else None, pricing=pricing,
    )  # fmt: skip


async def sent_one(post: Post, message: dict[str, Any] | None = None, **options: Any) -> None:
    member = await post.member(wants=True)
    await post.put(member, message or text("hi"), **options)
    await post.sent(*await post.take())


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])))
async def test_receipts_in_any_order_lead_to_the_furthest_state(post: Post, order: Sequence[State]) -> None:
    await sent_one(post)
    for state in order:
        await post.told([receipt(post, state)] * 2)
    assert await post.state(1) == "read"


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "played"])
async def test_a_receipt_settles_what_was_unsure_and_the_late_answer_changes_nothing(post: Post, state: State) -> None:
    await post.put(await post.member())
    await post.take()
    await post.refused(1, Do.LEAVE)
    assert await post.state(1) == "unsure"
    await post.told([receipt(post, state)])
    row = await post.row(1)
    assert (row.state, row.wamid) == ("read" if state == "played" else state, "wamid.1")
    await post.sent(1)
    assert await post.state(1) == row.state


async def test_a_receipt_that_is_faster_than_the_answer_keeps_its_place(post: Post) -> None:
    await post.put(await post.member())
    await post.take()
    await post.told([receipt(post, "delivered")])
    await post.sent(1)
    assert await post.state(1) == "delivered"


@pytest.mark.parametrize("both", [False, True])
async def test_an_error_in_the_answer_a_receipt_or_both_is_handled_once(post: Post, both: bool) -> None:
    await post.put(await post.member())
    await post.take()
    if both:
        await post.refused(1, Do.SLOW_DOWN, 130429)
    else:
        await post.sent(1)
    for _ in range(3):
        await post.told([receipt(post, "failed", code=130429)], judge=judge)
    row = await post.row(1)
    assert (row.state, row.attempts, row.error_code) == ("waiting", 1, 130429)
    await post.told([receipt(post, "sent")])
    assert await post.state(1) == "waiting", "news of the try that failed"
    post.shop.clock.forward(timedelta(minutes=1))
    assert await post.take() == [1]
    await post.told([Receipt("wamid.1", "failed", row.updated_at, 1, 130429, "no")], judge=judge)
    assert await post.state(1) == "sending", "as before"
    await post.shop.do(lambda session: None)
    await post.sent(1)
    assert await post.state(1) == "sent"


async def test_a_failure_that_is_told_before_the_answer_is_not_undone_by_it(post: Post) -> None:
    await post.put(await post.member())
    await post.take()
    await post.told([receipt(post, "failed", code=131000)], judge=judge)
    assert await post.state(1) == "waiting"
    await post.sent(1)
    assert await post.state(1) == "waiting"


async def test_a_window_that_was_closed_after_all_is_told_by_a_receipt(post: Post) -> None:
    await sent_one(post)
    await post.told([receipt(post, "failed", code=131047)], judge=judge)
    assert await post.state(1) == "withheld"
    await post.put(await post.member(), text("news"), fallback=TEMPLATE)
    await post.sent(*await post.take())
    await post.told([receipt(post, "failed", 2, code=131047)], judge=judge)
    claimed = await post.claim()
    assert [one.due.message for one in claimed] == [TEMPLATE]


async def test_who_stopped_marketing_gets_no_more_of_it_and_the_ledger_of_consent_says_why(post: Post) -> None:
    await sent_one(post, OFFER)
    for _ in range(2):
        await post.told([receipt(post, "failed", code=131050)], judge=judge)
    row = await post.row(1)
    words = await post.shop.ask(lambda session: consents_of(session, row.member_id))  # type: ignore[arg-type]  # its id
    assert [word.given for word in words] == [True, False]
    assert "131050" in words[-1].evidence
    member = await post.shop.ask(lambda session: session.get_one(Member, row.member_id))
    assert not member.marketing_opt_in
    assert row.state == "failed"


async def test_who_cannot_be_reached_is_marked_by_a_receipt(post: Post) -> None:
    await sent_one(post)
    await post.told([receipt(post, "failed", code=131026)], judge=judge)
    row = await post.row(1)
    found = await post.shop.ask(lambda session: session.get_one(Member, row.member_id))
    conversation = await post.conversation(found.id)  # type: ignore[arg-type]  # its id
    assert conversation.unreachable_at == post.shop.now


async def test_a_receipt_of_another_systems_message_changes_nothing(post: Post) -> None:
    await sent_one(post)
    await post.told([receipt(post, "failed", 1, name="wamid.theirs", code=131047)], judge=judge)
    await post.told([receipt(post, "read", 77, name="wamid.theirs")], judge=judge)
    assert await post.state(1) == "sent"


async def test_alarms_of_a_receipt_pause_the_number(post: Post) -> None:
    await sent_one(post)
    await post.told([receipt(post, "failed", code=131042)], judge=judge)
    await post.put(await post.member())
    assert await post.take() == []
    assert await post.alarms() == [("number", NUMBER, 1)]


async def test_what_a_message_costs_is_written_down_once_and_added_up(post: Post) -> None:
    service, free = Pricing("service", "regular", "PMP"), Pricing("service", "free_entry_point", "PMP")
    for number, pricing in enumerate([service, service, free, Pricing("utility", "regular", "PMP")], 1):
        await post.put(await post.member())
        await post.sent(*await post.take())
        for state in ("sent", "delivered", "read"):
            await post.told([receipt(post, state, number, pricing=pricing)], rates=RATES)
    day = post.shop.now.date()
    lines = await post.shop.ask(
        lambda session: costs(session, post.shop.programme.id, since=day, until=day + timedelta(days=1))
    )
    assert [(line.category, line.currency, line.amount, line.messages, line.unknown) for line in lines] == [
        ("service", "EUR", Decimal("0.06"), 3, 0),
        ("utility", None, Decimal(0), 1, 1),
    ]


async def test_what_failed_in_the_end_costs_nothing(post: Post) -> None:
    await sent_one(post)
    await post.told([receipt(post, "sent", pricing=Pricing("service", "regular"))], rates=RATES)
    assert (await post.row(1)).cost == Decimal("0.03")
    await post.told([receipt(post, "failed", code=131026)], judge=judge)
    assert (await post.row(1)).billed_on is None


def test_a_rate_is_found_by_country_category_and_day(shop: Shop, tmp_path: Path) -> None:
    at = shop.now
    assert RATES.price("service", "regular", "+39333", None, at) == Price(Decimal("0.03"), "EUR")
    assert RATES.price("service", None, "39333", None, at - timedelta(days=100)) == Price(Decimal("0.02"), "EUR")
    assert RATES.price("service", None, None, "IT.1A2B", at) == Price(Decimal("0.03"), "EUR")
    assert RATES.price("service", None, "+49333", None, at) is None
    assert RATES.price("service", None, None, "??", at) is None
    assert read_rates(tmp_path / "none.yml").price("service", None, "+39", None, at) is None
    read_rates(Path("data/rates.yml"))
    negative = "rates: [{prefix: 39, category: x, price: -1, currency: EUR, from: 2026-01-01}]"
    for wrong in ("rates: [{prefix: 39}]", "rates: 7", "- x", "rates: [", negative):
        (tmp_path / "rates.yml").write_text(wrong)
        with pytest.raises(BadRates, match="rates"):
            read_rates(tmp_path / "rates.yml")
