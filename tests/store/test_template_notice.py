"""The whole way of a template: a purchase while she was away, the outbox, the Graph client, the stand-in as judge."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from connectors.errors import Malformed, PauseTemplate, SendError
from connectors.whatsapp.graph import Graph, GraphConfig
from connectors.whatsapp.templates.api import TemplatesApi
from connectors.whatsapp.templates.submitting import Submission
from connectors.whatsapp.templates.syncing import sync
from conversation.choosing.offers import find_offer, read_token
from conversation.leaving.outbox import Outcome, settle
from conversation.leaving.refusals import Refusal
from conversation.saying.notices import Notices
from conversation.tables import TemplateRow
from flows.model import Ask
from loyalty.ids import MemberId
from loyalty.people.members import set_marketing
from loyalty.tables import Member
from simulator.graph import StandInGraph, serve
from simulator.template_book import TemplateBook
from tests.store.helpers import Shop, euros
from tests.store.sending import Post, empty_post
from tests.unit.helpers_templates import sentences, shipped

TOKEN = "EAAGsecret"


@dataclass
class Cafe:
    """The café with its templates approved, and a sender."""

    shop: Shop
    post: Post
    book: TemplateBook
    graph: StandInGraph
    client: Graph
    api: TemplatesApi

    async def buys(self, member: MemberId, cause: str = "order 1") -> bool:
        """She buys something and is told of her points."""
        telling, now = Notices(sentences()), self.shop.now

        def work(session: Session) -> bool:
            return telling.points(
                session, self.shop.programme, member, "points.earned", cause=cause, now=now, points=40,
                amount=euros("40.00"),
            )  # fmt: skip

        return await self.shop.do(work)

    async def sends(self) -> list[SendError | str]:
        """What is due goes out; its ids, or what was wrong."""
        told: list[SendError | str] = []
        for one in await self.post.claim():
            try:
                told.append(await self.client.send(one.due))
                outcome = Outcome(one.due.id, str(told[-1]))
            except SendError as error:
                told.append(error)
                outcome = Outcome(one.due.id, None, Refusal(error.do, error.code, str(error)))
            await self._settled(outcome)
        return told

    async def _settled(self, outcome: Outcome) -> None:
        await self.shop.do(lambda session: settle(session, [outcome], now=self.shop.now))

    async def syncs(self) -> None:
        await sync(self.shop.store, self.api, shipped(), sentences(), self.shop.clock)


@pytest.fixture
async def cafe_with_templates(shop: Shop) -> AsyncIterator[Cafe]:
    book = TemplateBook(auto_review=True, clock=lambda: shop.clock.now().timestamp())
    graph = StandInGraph(TOKEN, templates=book)
    async with serve(graph) as base:
        config = GraphConfig(base, TOKEN)
        async with TemplatesApi(config, book.account_id) as api, Graph(config) as client:
            earned = [template for template in shipped() if template.name == "points_earned"]
            outcomes = [one async for one in Submission(shop.store, api, sentences(), shop.clock).run(earned)]
            assert {one.done for one in outcomes} == {"created"}
            yield Cafe(shop, await empty_post(shop), book, graph, client, api)


async def away(cafe: Cafe) -> MemberId:
    """A member who wrote three days ago."""
    return await cafe.post.member(heard=timedelta(days=3))


async def test_who_was_away_gets_the_template_with_her_points_and_a_button_of_ours(cafe_with_templates: Cafe) -> None:
    cafe = cafe_with_templates
    member = await away(cafe)
    assert await cafe.buys(member)
    (wamid,) = await cafe.sends()
    assert isinstance(wamid, str)
    body = cafe.graph.messages[0].body
    language = (await cafe.shop.ask(lambda session: session.get_one(Member, member))).language
    assert body["template"]["name"] == "points_earned"
    assert body["template"]["language"] == {"code": language}
    told, button = body["template"]["components"]
    values = {one["parameter_name"]: one["text"] for one in told["parameters"]}
    assert values["programme"] == cafe.shop.programme.name
    assert values["points"].startswith("40 ")
    token = read_token(button["parameters"][0]["payload"])
    assert token is not None
    offer = await cafe.shop.ask(lambda session: find_offer(session, token[0]))
    assert offer is not None
    assert offer.message.choices[token[1]].action == Ask("check_points")
    conversation = await cafe.post.conversation(member)
    assert conversation.offer_id != token[0]  # typed words still answer what she saw before


async def test_who_wrote_today_gets_the_free_message(cafe_with_templates: Cafe) -> None:
    cafe = cafe_with_templates
    await cafe.buys(await cafe.post.member())
    await cafe.sends()
    assert cafe.graph.messages[0].kind == "interactive"


async def test_without_an_approved_template_nothing_goes_out(cafe_with_templates: Cafe) -> None:
    cafe = cafe_with_templates
    cafe.book.review("points_earned", "PAUSED")
    await cafe.syncs()
    assert not await cafe.buys(await away(cafe))
    assert await cafe.post.states() == {"withheld": 1}


async def test_what_meta_turned_into_marketing_goes_only_to_those_who_want_it(cafe_with_templates: Cafe) -> None:
    cafe = cafe_with_templates
    cafe.book.recategorise("points_earned", "MARKETING")
    await cafe.syncs()
    ann, ben = await away(cafe), await away(cafe)

    def agree(session: Session) -> None:
        row = session.get_one(Member, ben)
        set_marketing(session, row, given=True, words="yes", evidence="form", now=cafe.shop.now)

    await cafe.shop.do(agree)
    assert not await cafe.buys(ann, "order 1")
    assert await cafe.buys(ben, "order 2")
    await cafe.sends()
    rows = {row.member_id: row for row in await cafe.post.rows()}
    assert (rows[ann].state, rows[ben].state, rows[ben].category) == ("withheld", "sent", "marketing")


async def test_a_template_that_is_paused_meanwhile_waits_with_an_alarm(cafe_with_templates: Cafe) -> None:
    cafe = cafe_with_templates
    await cafe.buys(await away(cafe))
    cafe.book.review("points_earned", "PAUSED")
    (error,) = await cafe.sends()
    assert isinstance(error, PauseTemplate)
    assert error.code == 132015
    assert [alarm[0] for alarm in await cafe.post.alarms()] == ["template"]
    assert await cafe.post.states() == {"waiting": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda book: book.review("points_earned", "PENDING"), 132001),
        (lambda book: book.delete("points_earned", None), 132001),
        (lambda book: _reworded(book, "Only {{points}} for you now."), 132000),
        (lambda book: _reworded(book, "Now {{a}} and {{b}} and {{c}} for you."), 132012),
    ],
)
async def test_what_does_not_fit_is_refused_as_meta_refuses_it(cafe_with_templates: Cafe, change, code: int) -> None:  # type: ignore[no-untyped-def]
    cafe = cafe_with_templates
    await cafe.buys(await away(cafe))
    change(cafe.book)
    (error,) = await cafe.sends()
    assert isinstance(error, Malformed)
    assert error.code == code
    assert await cafe.post.states() == {"failed": 1}


def _reworded(book: TemplateBook, text: str) -> None:
    for known in book.named("points_earned"):
        known.components[0]["text"] = text


async def test_a_template_that_cannot_be_filled_does_not_fail_the_purchase(cafe_with_templates: Cafe) -> None:
    cafe = cafe_with_templates

    def spoil(session: Session) -> None:
        for row in session.query(TemplateRow):
            row.content = {"body": "Hello {nobody} there"}

    await cafe.shop.do(spoil)
    assert not await cafe.buys(await away(cafe))
    assert await cafe.post.states() == {"withheld": 1}
