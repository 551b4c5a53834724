"""A history of an order, delivered in any order and as often as one likes, ends where its last state says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.context import Context
from tests.service.shops import Desk, connected
from tests.shop_fixtures import Posted, line, order, refund, shopify, woo, woo_line, woo_order

BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)
PATIENTLY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
_ids = count(1)
STATES = ["processing", "completed", "on-hold", "cancelled", "refunded", "failed"]
cents = st.integers(0, 20_000)


@dataclass(frozen=True)
class History:
    """What a shop delivered of one order, and what its goods come to in the end."""

    told: tuple[Posted, ...]
    worth: Decimal


def _back(told: dict[str, Any]) -> Decimal:
    """What a refund gives back."""
    return Decimal(told["refund_line_items"][0]["subtotal_set"]["shop_money"]["amount"])


@st.composite
def shopify_histories(draw: st.DrawFn) -> History:
    """Created, perhaps paid, edited and refunded again and again, perhaps cancelled."""
    id_, at, told, refunds = next(_ids), BEGIN, list[Posted](), list[dict[str, Any]]()
    lines, status, cancelled = [draw(cents)], "pending", False

    def tell(topic: str) -> None:
        goods = [line(f"{Decimal(price) / 100:.2f}", sku=f"S{number}") for number, price in enumerate(lines)]
        body = order(
            id_, financial_status=status, line_items=goods, refunds=list(refunds), updated_at=at.isoformat(),
            cancelled_at=at.isoformat() if cancelled else None,
        )  # fmt: skip
        told.append(shopify(topic, body))

    tell("orders/create")
    for _ in range(draw(st.integers(0, 6))):
        at += timedelta(seconds=draw(st.integers(1, 90)))
        match draw(st.sampled_from(["pay", "pay", "edit", "refund", "cancel", "nothing"])):
            case "pay" if status == "pending":
                status = "paid"
                tell("orders/paid")
            case "edit" if status in {"paid", "pending"}:
                lines.append(draw(cents))
            case "refund" if status in {"paid", "partially_refunded"}:
                left = sum(lines) - sum(
                    int(Decimal(str(one["refund_line_items"][0]["subtotal"])) * 100) for one in refunds
                )
                if left > 0:
                    back = draw(st.integers(1, left))
                    refunds.append(refund(next(_ids), f"{Decimal(back) / 100:.2f}", of=id_, at=at.isoformat()))
                    status = "refunded" if back == left else "partially_refunded"
                    told.append(shopify("refunds/create", refunds[-1]))
            case "cancel":
                cancelled = True
        tell("orders/updated")
    returned = sum((_back(one) for one in refunds), Decimal(0))
    counts = status in {"paid", "partially_refunded", "refunded"} and not cancelled
    return History(tuple(told), Decimal(sum(lines)) / 100 - returned if counts else Decimal(0))


@st.composite
def woo_histories(draw: st.DrawFn) -> History:
    """States that come and go, refunds that add up and are taken back, lines that change."""
    id_, at, told = next(_ids), BEGIN, list[Posted]()
    status, price, refunds = draw(st.sampled_from(["pending", "processing"])), draw(cents), list[dict[str, Any]]()
    for number in range(draw(st.integers(1, 7))):
        at += timedelta(seconds=draw(st.integers(1, 90)))
        match draw(st.sampled_from(["state", "state", "edit", "refund", "undo"])):
            case "state":
                status = draw(
                    st.sampled_from(["processing", "completed", "on-hold", "cancelled", "refunded", "failed"])
                )
            case "edit":
                price = draw(cents)
            case "refund":
                refunds.append({"id": 800 + number, "total": f"-{Decimal(draw(cents)) / 100:.2f}"})
            case "undo" if refunds:
                refunds.pop()
        body = woo_order(
            id_, status=status, line_items=[woo_line(f"{Decimal(price) / 100:.2f}")], refunds=list(refunds),
            date_modified_gmt=at.replace(tzinfo=None).isoformat(),
        )  # fmt: skip
        told.append(woo("order.updated" if number else "order.created", body))
    back = sum((-Decimal(one["total"]) for one in refunds), Decimal(0))
    left = max(Decimal(price) / 100 - back, Decimal(0)) if status in {"processing", "completed"} else Decimal(0)
    return History(tuple(told), left)


@given(data=st.data())
@PATIENTLY
async def test_any_order_of_deliveries_ends_at_the_last_state(context: Context, data: st.DataObject) -> None:
    """Everything is delivered at least once; some of it again, with the same id and with another."""
    async with Desk(connected(context)) as desk:
        history = data.draw(st.one_of(shopify_histories(), woo_histories()))
        again = data.draw(st.lists(st.sampled_from(history.told), max_size=4))
        mixed = data.draw(st.permutations([*history.told, *again]))
        cut = data.draw(st.integers(0, len(mixed)))
        await desk.delivers(*mixed[:cut])
        assert await desk.delivers(*mixed[cut:]) == int(history.worth)
        assert {state for state, _ in await desk.states()} <= {"done", "ignored"}
        assert await desk.parked() == []
        assert await desk.is_sound()
