"""The check before the network: every documented limit is known, and a refusal names the field."""

import copy
from typing import Any

import pytest

from connectors.errors import Malformed
from connectors.whatsapp.graph import Graph, GraphConfig
from connectors.whatsapp.limits import check
from conversation.leaving.outbox import Due
from simulator import Rejected
from simulator import check as stand_in

Json = dict[str, Any]
HEAD: Json = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+393331234567"}


def interactive(kind: str, action: Json, **more: Any) -> Json:
    return {
        **HEAD,
        "type": "interactive",
        "interactive": {"type": kind, "body": {"text": "?"}, "action": action, **more},
    }


def reply(number: int, title: str | None = None) -> Json:
    return {"type": "reply", "reply": {"id": f"id-{number}", "title": title or f"Title {number}"}}


def row(number: int, **more: Any) -> Json:
    return {"id": f"id-{number}", "title": f"Title {number}", **more}


BUTTONS = interactive("button", {"buttons": [reply(0), reply(1), reply(2)]})
LIST = interactive(
    "list",
    {"button": "Choose", "sections": [{"title": "A", "rows": [row(0), row(1)]}, {"title": "B", "rows": [row(2)]}]},
)
LINK = interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "See", "url": "https://a.example"}})
FLOW = interactive(
    "flow", {"name": "flow", "parameters": {"flow_message_version": "3", "flow_cta": "Open", "flow_id": "1"}}
)
GOODS = interactive(
    "product_list",
    {"catalog_id": "1", "sections": [{"title": "A", "product_items": [{"product_retailer_id": "sku"}]}]},
    header={"type": "text", "text": "Ours"},
)
TEXT: Json = {**HEAD, "type": "text", "text": {"body": "Hi", "preview_url": False}}
IMAGE: Json = {**HEAD, "type": "image", "image": {"link": "https://a.example/1.jpg", "caption": "Mug"}}
TEMPLATE: Json = {
    **HEAD, "type": "template",
    "template": {
        "name": "points_news", "language": {"code": "it"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "5"}]},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "K7"}]},
        ],
    },
}  # fmt: skip
CONTACTS: Json = {**HEAD, "type": "contacts", "contacts": [{"name": {"formatted_name": "Aurora"}}]}
PLACE: Json = {**HEAD, "type": "location", "location": {"latitude": 41.9, "longitude": 12.5}}
REACTION: Json = {**HEAD, "type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}}
GOOD = [BUTTONS, LIST, LINK, FLOW, GOODS, TEXT, IMAGE, TEMPLATE, CONTACTS, PLACE, REACTION]
B, L, P = "interactive.action.buttons", "interactive.action.sections", "interactive.action.parameters"


def changed(body: Json, path: str, value: Any) -> Json:
    """The body with another value at a path such as `a.b.0.c`; None takes it away."""
    body = copy.deepcopy(body)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    holder: Any = body
    for step in way:
        holder = holder[step]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return body


@pytest.mark.parametrize("body", GOOD, ids=lambda body: body.get("interactive", body)["type"])
def test_what_is_within_the_limits_passes(body: Json) -> None:
    check(body)
    stand_in(body)


@pytest.mark.parametrize(
    ("body", "path", "longest"),
    [
        (TEXT, "text.body", 4096), (TEXT, "biz_opaque_callback_data", 512), (IMAGE, "image.caption", 1024),
        (BUTTONS, "interactive.body.text", 1024), (BUTTONS, f"{B}.0.reply.title", 20), (BUTTONS, f"{B}.0.reply.id",
         256),
        (LIST, "interactive.action.button", 20), (LIST, f"{L}.0.title", 24), (LIST, f"{L}.0.rows.0.title", 24),
        (LIST, f"{L}.0.rows.0.description", 72), (LIST, f"{L}.0.rows.0.id", 200), (LIST, "interactive.body.text", 1024),
        (LINK, f"{P}.display_text", 20), (FLOW, f"{P}.flow_cta", 30), (GOODS, "interactive.header.text", 60),
        (TEMPLATE, "template.components.0.parameters.0.text", 1024), (CONTACTS, "contacts.0.name.formatted_name", 1024),
    ],
)  # fmt: skip
def test_a_text_may_be_so_long_and_no_longer(body: Json, path: str, longest: int) -> None:
    check(changed(body, path, "x" * longest))
    check(changed(body, path, "👍" * (longest // 2)))
    for long in ("x" * (longest + 1), "👍" * (longest // 2 + 1)):
        with pytest.raises(Malformed, match=rf"{path.rpartition('.')[2]}: \d+ of at most {longest}"):
            check(changed(body, path, long))
    with pytest.raises(Malformed, match="blank"):
        check(changed(body, path, " "))


@pytest.mark.parametrize(
    ("body", "path", "value", "named"),
    [
        (BUTTONS, B, [reply(number) for number in range(4)], "buttons: 4 items"),
        (BUTTONS, B, [], "buttons: 0 items"),
        (BUTTONS, f"{B}.1.reply.title", "Title 0", "titles: two are equal"),
        (BUTTONS, f"{B}.1.reply.id", "id-0", "ids: two are equal"),
        (BUTTONS, f"{B}.1.reply.id", " id", "begins or ends with a space"),
        (BUTTONS, "interactive.footer", {"text": "x" * 61}, "footer.text: 61 of at most 60"),
        (BUTTONS, "interactive.header", {"type": "audio"}, "header.type"),
        (LIST, "interactive.header", {"type": "image", "image": {"link": "https://a.example"}}, "header.type"),
        (LIST, f"{L}.0.rows", [row(number + 3) for number in range(10)], "11 rows of at most 10"),
        (LIST, f"{L}.0.title", None, "sections\\[0\\].title: a text is missing"),
        (LIST, f"{L}.0.rows.0.id", "id-2", "ids of rows: two are equal"),
        (LIST, f"{L}.0.rows.0.title", "Title 2", "titles of rows: two are equal"),
        (LINK, f"{P}.url", "ftp://a.example", "no http"), (LINK, f"{P}.url", "https://a b", "no http"),
        (FLOW, f"{P}.flow_name", "x", "one of the two"), (FLOW, f"{P}.flow_message_version", "4",
         "flow_message_version"),
        (GOODS, "interactive.header", None, "headline"),
        (GOODS, f"{L}.0.product_items", [{"product_retailer_id": "x"}] * 31, "31 items"),
        (IMAGE, "image.id", "7", "one of the two"), (IMAGE, "image.link", None, "one of the two"),
        (CONTACTS, "contacts", [{"name": {"formatted_name": "x"}}] * 258, "258 items"),
        (PLACE, "location.latitude", 90.1, "latitude"), (PLACE, "location.longitude", float("nan"), "longitude"),
        (PLACE, "location.latitude", "41.9", "latitude"), (REACTION, "reaction.emoji", "x" * 17, "emoji"),
        (TEMPLATE, "template.name", "Points", "name"), (TEMPLATE, "template.language.code", "italian", "language.code"),
        (TEMPLATE, "template.components.0.parameters.0.text", "a\nb", "line break"),
        (TEMPLATE, "template.components.1.index", "10", "index"),
        (TEXT, "to", None, "to: nobody"), (TEXT, "type", "fax", "type: 'fax'"), (TEXT, "type", ["text"], "type"),
        (TEXT, "text", "Hi", "text: an object"), (BUTTONS, "interactive.type", "carousel_of_ours", "interactive.type"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(body: Json, path: str, value: Any, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        check(changed(body, path, value))


async def test_nothing_beyond_a_limit_reaches_the_network() -> None:
    part = {"style": "plain", "text": "x" * 4097, "image": None}
    closed = Graph(GraphConfig("http://127.0.0.1:9", "token"))  # it was never opened: a send would fail otherwise
    with pytest.raises(Malformed, match=r"text.body: 4097 of at most 4096"):
        await closed.send(Due(7, "1", "+393331234567", None, part, 1))


def test_the_stand_in_knows_the_limits_on_its_own() -> None:
    for body, path in ((BUTTONS, f"{B}.0.reply.title"), (LIST, f"{L}.0.rows.0.title"), (TEXT, "text.body")):
        with pytest.raises(Rejected):
            stand_in(changed(body, path, "x" * 5000))
