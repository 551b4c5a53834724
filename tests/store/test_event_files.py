"""Events from CSV files: each counts once, a bad line costs no other, a file that cannot be read is refused whole."""

from pathlib import Path

import pytest

from loyalty.errors import Invalid
from service.event_files import Taken, read_rows, take
from tests.store.helpers import Shop

HEAD = "type,id,phone,amount,currency,occurred_at,purchase_id,activity"
ANNA, BEA = "+393331234567", "+393337654321"
LINES = (
    f"purchase,till/1,{ANNA},42.50,EUR,2026-11-20T10:15:00+01:00,,",
    "refund,till/1/a,,10.00,EUR,2026-11-20T12:00:00+01:00,till/1,",
    f"activity,review-1,{ANNA},,,,,review",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.csv"


def write(file: Path, *lines: str, head: str = HEAD) -> Path:
    file.write_text("\n".join((head, *lines)) + "\n", "utf-8")
    return file


async def imported(shop: Shop, file: Path) -> Taken:
    rows = list(read_rows(file))
    return await shop.do(lambda session: take(session, shop.programme, rows, shop.now))


async def test_a_file_counts_once_however_often_it_is_imported(shop: Shop, file: Path) -> None:
    anna = await shop.member(phone=ANNA)
    before = (await shop.points(anna)).available
    write(file, *LINES)
    assert await imported(shop, file) == Taken(3, 0, ())
    earned = (await shop.points(anna)).available - before
    assert earned == 32 + 15
    assert await imported(shop, file) == Taken(0, 3, ())
    assert (await shop.points(anna)).available - before == earned
    assert await shop.is_sound()


async def test_a_line_that_cannot_be_taken_costs_no_other(shop: Shop, file: Path) -> None:
    await shop.member(phone=ANNA)
    stranger = f"purchase,till/2,{BEA},10.00,EUR,,,"
    write(file, stranger, *LINES, f"purchase,till/1,{ANNA},99.00,EUR,2026-11-20T10:15:00+01:00,,")
    taken = await imported(shop, file)
    assert (taken.new, taken.repeated) == (3, 0)
    assert [line for line, _ in taken.refused] == [2, 6]  # nobody knows her; the id had another amount
    await shop.member(phone=BEA)
    write(file, stranger, *LINES)
    assert await imported(shop, file) == Taken(1, 3, ())


@pytest.mark.parametrize(
    ("head", "line", "said"),
    [
        ("type,phone", "purchase,1", "events.csv:1: missing column id; the first line names the columns"),
        ("type,id,total", "purchase,1,2", "events.csv:1: no event has total; there is: type, id, phone"),
        (HEAD, f"purchase,x,{ANNA},42,5,EUR", "events.csv:2: currency: "),
        (HEAD, f"purchase,x,{ANNA},forty,EUR", "events.csv:2: amount: is an amount as text with a point"),
        (HEAD, "purchase,x,,42.50,EUR", "events.csv:2: member: Field required"),
        (HEAD, f"puchase,x,{ANNA},42.50,EUR", "events.csv:2: "),
        (HEAD, f"purchase,x,{ANNA},42.50,EUR,2026-11-20", "events.csv:2: occurred_at: "),
        (HEAD, ",".join(["purchase"] * 9), "events.csv:2: has more cells than there are columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(file: Path, head: str, line: str, said: str) -> None:
    write(file, line, head=head)
    with pytest.raises(Invalid) as error:
        list(read_rows(file))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_of_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes(HEAD.encode() + b"\npurchase,caf\xe9,+393331234567,1,EUR\n")
    with pytest.raises(Invalid, match="is not UTF-8 text; save it as CSV UTF-8"):
        list(read_rows(file))
