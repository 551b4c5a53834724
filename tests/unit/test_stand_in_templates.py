"""The stand-in's templates: what Meta refuses it refuses too, with Meta's codes; its webhooks can be read."""

import json
from typing import Any

import aiohttp
import pytest

from connectors.whatsapp.updates import read_batch
from conversation.arriving.happenings import TemplateChanged
from simulator.errors import Rejected
from simulator.graph import StandInGraph, serve
from simulator.template_book import DAY, TemplateBook
from simulator.template_rules import TemplateRejected, check_creation

NAMED = {"body_text_named_params": [{"param_name": "points", "example": "40"}]}
BODY = {"type": "BODY", "text": "You have {{points}} with us.", "example": NAMED}


class Clock:
    """A clock that is moved by hand, in seconds."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def request(*components: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "balance", "language": "it", "category": "UTILITY", "parameter_format": "NAMED",
        "components": list(components or (BODY,)), **changes,
    }  # fmt: skip


def buttons(*rows: dict[str, Any]) -> dict[str, Any]:
    return request(BODY, {"type": "BUTTONS", "buttons": list(rows)})


def body(text: str, **example: Any) -> dict[str, Any]:
    return {"type": "BODY", "text": text, "example": example or NAMED}


QUICK, URL = {"type": "QUICK_REPLY", "text": "A"}, {"type": "URL", "text": "B", "url": "https://x.it/"}
REFUSED: dict[str, tuple[dict[str, Any], int | None]] = {
    "a capital in the name": (request(name="Balance"), None),
    "another category": (request(category="NEWS"), None),
    "no language": (request(language=""), None),
    "no components": (request(components="x"), None),
    "no body": (request({"type": "FOOTER", "text": "x"}), 2388072),
    "two bodies": (request(BODY, BODY), 2388072),
    "an empty body": (request({"type": "BODY", "text": " "}), 2388072),
    "a body that is too long": (request({"type": "BODY", "text": "x" * 1025}), 2388040),
    "a header that is too long": (request(BODY, {"type": "HEADER", "format": "TEXT", "text": "x" * 61}), 2388040),
    "a picture without an example": (request(BODY, {"type": "HEADER", "format": "IMAGE"}), 2388047),
    "a footer with a gap": (request(BODY, {"type": "FOOTER", "text": "x {{points}}"}), 2388073),
    "a gap first": (request(body("{{points}} are yours with us")), 2388299),
    "a gap last": (request(body("With us you now have {{points}}.")), 2388299),
    "too few words": (request(body("Now {{points}} yours.")), 2388293),
    "no example": (request({"type": "BODY", "text": "You have {{points}} with us."}), 2388043),
    "an example of another gap": (request(body("You have {{coins}} with us.")), 2388043),
    "a gap with a number": (request(body("You have {{1}} with us.")), 2388072),
    "too few positional examples": (
        request(body("You have {{1}} with us.", body_text=[[]]), parameter_format="POSITIONAL"), 2388043,
    ),
    "eleven buttons": (buttons(*[{**QUICK, "text": str(n)} for n in range(11)]), None),
    "a button nobody knows": (buttons({"type": "DANCE", "text": "A"}), None),
    "groups that mix": (buttons(QUICK, URL, QUICK), None),
    "a title that is too long": (buttons({**QUICK, "text": "x" * 26}), 2388040),
    "a gap inside an address": (buttons({**URL, "url": "https://x.it/{{1}}/y", "example": ["x"]}), None),
    "an address without an example": (buttons({**URL, "url": "https://x.it/{{1}}"}), 2388043),
    "an address that is too long": (buttons({**URL, "url": "https://x.it/" + "x" * 2000}), 2388040),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_meta_refuses_is_refused_with_its_code(name: str) -> None:
    asked, subcode = REFUSED[name]
    with pytest.raises(TemplateRejected) as refused:
        check_creation(asked)
    assert refused.value.code == 100
    assert refused.value.body()["error"].get("error_subcode") == subcode


def test_both_formats_of_parameters_are_taken() -> None:
    check_creation(request())
    check_creation(request(body("You have {{1}} with us.", body_text=[["40"]]), parameter_format="POSITIONAL"))


# ---- sending


def message(*components: dict[str, Any], name: str = "balance", language: str = "it") -> dict[str, Any]:
    return {"name": name, "language": {"code": language}, "components": list(components)}


def values(**given: str) -> dict[str, Any]:
    return {"type": "body", "parameters": [{"type": "text", "parameter_name": n, "text": v} for n, v in given.items()]}


def button(kind: str, index: int) -> dict[str, Any]:
    return {"type": "button", "sub_type": kind, "index": str(index), "parameters": [{"type": "text", "text": "x"}]}


def test_only_what_is_approved_and_filled_is_sent() -> None:
    book = TemplateBook()
    link = {"type": "URL", "text": "B", "url": "https://x.it/{{1}}", "example": ["https://x.it/1"]}
    book.create(buttons(QUICK, link))
    good = message(values(points="40"), button("quick_reply", 0), button("url", 1))

    def code(sent: dict[str, Any]) -> int | None:
        try:
            book.check_sending(sent)
        except Rejected as error:
            return error.code
        return None

    assert code(good) == 132001  # under review
    book.review("balance")
    assert code(good) is None
    assert code(message(values(points="40"), button("url", 1))) is None  # Meta makes up a payload
    assert code(message(*good["components"], name="other")) == 132001
    assert code(message(*good["components"], language="en")) == 132001
    assert code(message(values(), button("url", 1))) == 132000
    assert code(message(values(points="40", more="1"), button("url", 1))) == 132000
    assert code(message(values(coins="40"), button("url", 1))) == 132012
    assert code(message(values(points="40"))) == 132012
    assert code(message(values(points="40"), button("url", 0))) == 132012
    assert code(message(values(points="40"), button("url", 7))) == 132012
    for status, expected in (("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001)):
        book.review("balance", status)
        assert code(good) == expected


def test_without_a_book_any_template_is_taken() -> None:
    graph = StandInGraph("t")
    sent = {"messaging_product": "whatsapp", "to": "+393331234567", "type": "template", "template": message(name="any")}
    graph.accept(sent)
    with pytest.raises(Rejected):
        StandInGraph("t", templates=TemplateBook()).accept(sent)


# ---- limits of time


def test_an_approved_template_is_edited_once_a_day_and_ten_times_a_month() -> None:
    clock = Clock()
    book = TemplateBook(auto_review=True, clock=clock)
    id_ = book.create(request())["id"]
    book.edit(id_, {"components": [BODY]})
    with pytest.raises(TemplateRejected, match="one edit in 24 hours"):
        book.edit(id_, {"components": [BODY]})
    for _ in range(9):
        clock.now += DAY + 1
        book.edit(id_, {"components": [BODY]})
    clock.now += DAY + 1
    with pytest.raises(TemplateRejected, match="10 in 30 days"):
        book.edit(id_, {"components": [BODY]})
    with pytest.raises(TemplateRejected, match="category of an approved"):
        book.edit(id_, {"category": "MARKETING"})


def test_a_deleted_name_is_blocked_for_30_days() -> None:
    clock = Clock()
    book = TemplateBook(auto_review=True, clock=clock)
    id_ = book.create(request())["id"]
    book.create(request(language="en"))
    book.delete("balance", id_)
    assert [row["language"] for row in book.rows()] == ["en"]
    with pytest.raises(TemplateRejected, match="being deleted"):
        book.create(request())
    clock.now += 30 * DAY
    book.create(request())


def test_a_disabled_template_stays() -> None:
    book = TemplateBook()
    book.create(request())
    book.review("balance", "DISABLED")
    with pytest.raises(TemplateRejected, match="cannot be deleted"):
        book.delete("balance", None)


# ---- HTTP and webhooks


async def test_errors_can_be_asked_for_and_have_metas_shape() -> None:
    book = TemplateBook()
    book.fail_next(100, 2388040, http_status=400)
    graph = StandInGraph("t", templates=book)
    async with serve(graph) as base, aiohttp.ClientSession(headers={"Authorization": "Bearer t"}) as session:
        address = f"{base}/{book.account_id}/message_templates"
        async with session.get(address) as response:
            error = (await response.json())["error"]
            assert (response.status, error["code"], error["error_subcode"]) == (400, 100, 2388040)
            assert error["error_user_msg"] == "Asked for by the test."
        async with session.post(address, data=b"no JSON") as response:
            assert (await response.json())["error"]["code"] == 100
        async with session.get(address) as response:
            assert await response.json() == {"data": []}
        book.add("a")
        book.add("b")
        async with session.get(address, params={"limit": "1", "fields": "name"}) as response:
            page = await response.json()
        assert [row["name"] for row in page["data"]] == ["a"]
        async with session.get(page["paging"]["next"]) as response:
            last = await response.json()
        assert [sorted(row) for row in last["data"]] == [["id", "name"]]
        assert "next" not in last["paging"]


def test_its_webhooks_are_read_as_metas() -> None:
    book = TemplateBook()
    book.create(request())
    told = [
        book.review_all(), book.review("balance", "PAUSED"), book.rate("balance", "RED"),
        book.recategorise("balance", "MARKETING", announce=True), book.recategorise("balance", "MARKETING"),
    ]  # fmt: skip
    events = [event for each in told for event in read_batch(json.dumps(each).encode()).events]
    assert all(isinstance(event, TemplateChanged) for event in events)
    assert [event.value for event in events if isinstance(event, TemplateChanged)] == [
        "APPROVED", "PAUSED", "RED", "UTILITY", "MARKETING",
    ]  # fmt: skip
