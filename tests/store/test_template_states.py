"""What WhatsApp says of templates: the store follows it, alarms are raised, what waits is held up or becomes marketing.

The events are Meta's bodies, read as they come in.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.whatsapp.updates import read_batch
from conversation.arriving import channel_events
from conversation.arriving.channel_events import Registry
from conversation.saying.template_states import News, TemplateWatch, find_template, hear
from conversation.saying.templating import TemplateMessage, choose, counts_as
from conversation.tables import TemplateRow
from tests.store.helpers import Shop
from tests.store.sending import Post, empty_post

CONTENT = {"body": "You have {points:points} with us."}
NAME, META_ID = "points_earned", "1689556908129832"


@dataclass
class Account:
    """The templates of an account, and what WhatsApp says of them."""

    shop: Shop
    post: Post

    async def has(self, name: str = NAME, language: str = "it", **values: Any) -> None:
        """A template that was handed in and approved."""
        now = self.shop.now
        given = {
            "meta_id": META_ID, "declared": "utility", "category": "utility", "status": "approved", "content": CONTENT,
            "digest": None, "created_at": now, "status_at": now, "category_at": now, "updated_at": now, **values,
        }  # fmt: skip
        await self.shop.do(lambda session: session.add(TemplateRow(name=name, language=language, **given)))

    async def says(self, field: str, *, at: datetime | None = None, **told: Any) -> None:
        """A webhook comes in and is handled."""
        identity = {
            "message_template_id": int(META_ID), "message_template_name": NAME, "message_template_language": "it",
        }  # fmt: skip
        time = int((at or self.shop.now).timestamp())
        change = {"field": field, "value": identity | told}
        body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "time": time, "changes": [change]}]}
        events = read_batch(json.dumps(body).encode()).events
        assert events
        registry, now = Registry.empty(), self.shop.now
        registry.on("template", TemplateWatch())

        def work(session: Session) -> None:
            channel_events.accept(session, events, now=now)
            session.flush()
            for id_ in channel_events.waiting(session):
                channel_events.handle(session, id_, registry, now=now)

        await self.shop.do(work)

    async def status(self, event: str, **told: Any) -> None:
        await self.says("message_template_status_update", event=event, **told)

    async def hears(self, news: News, *, asked: bool = False, at: datetime | None = None) -> None:
        def work(session: Session) -> None:
            row = find_template(session, NAME, "it", None)
            assert row is not None
            hear(session, row, news, at=at or self.shop.now, now=self.shop.now, asked=asked)

        await self.shop.do(work)

    async def row(self, language: str = "it") -> TemplateRow:
        query = select(TemplateRow).where(TemplateRow.language == language)
        return await self.shop.ask(lambda session: session.scalars(query).one())

    async def chooses(self, language: str = "it", **options: Any) -> TemplateMessage | None:
        return await self.shop.ask(lambda session: choose(session, NAME, language, **options))


@pytest.fixture
async def account(shop: Shop) -> Account:
    return Account(shop, await empty_post(shop))


def a_message(language: str = "it", category: str | None = "utility") -> dict[str, Any]:
    template = {"name": NAME, "language": language, "parameters": {"points": "5"}, "category": category}
    return {"style": "template", "text": "", "template": template}


# ---- status


async def test_a_template_under_review_is_used_once_it_is_approved(account: Account) -> None:
    await account.has(status="pending")
    assert await account.chooses() is None
    await account.status("APPROVED", reason="NONE", message_template_category="UTILITY")
    chosen = await account.chooses()
    assert chosen == TemplateMessage(NAME, "it", "utility", CONTENT)
    assert await account.post.alarms() == []


@pytest.mark.parametrize("event", ["PAUSED", "DISABLED", "REJECTED", "DELETED", "PENDING_DELETION", "ARCHIVED"])
async def test_what_cannot_be_sent_is_not_chosen_and_somebody_is_told(account: Account, event: str) -> None:
    await account.has()
    await account.status(
        event, reason="INVALID_FORMAT", other_info={"title": "FIRST_PAUSE", "description": "low quality"}
    )
    assert await account.chooses() is None
    row = await account.row()
    assert (row.status, row.reason) == (event.lower(), "FIRST_PAUSE. low quality")
    assert await account.post.alarms() == [("template", f"{NAME}/it", 1)]


async def test_a_rejection_is_kept_with_what_meta_recommends(account: Account) -> None:
    await account.has(status="pending")
    info = {"reason": "Gaps touch.", "recommendation": "Separate them."}
    await account.status("REJECTED", reason="INVALID_FORMAT", rejection_info=info)
    assert (await account.row()).reason == "Gaps touch. Separate them"


async def test_messages_of_a_paused_template_wait_until_it_is_approved_again(account: Account) -> None:
    await account.has()
    await account.has(language="en", meta_id="7")
    ann, ben = [await account.post.member(heard=timedelta(days=3)) for _ in range(2)]
    await account.status("PAUSED")
    await account.post.put(ann, a_message())
    await account.post.put(ben, a_message("en"))
    assert await account.post.take() == [2]
    await account.status("APPROVED", reason="NONE")
    assert await account.post.alarms() == []
    account.shop.clock.forward(timedelta(minutes=15))
    assert await account.post.take() == [1]


@pytest.mark.parametrize("event", ["REINSTATED", "UNPAUSED"])
async def test_a_template_comes_back(account: Account, event: str) -> None:
    await account.has(status="disabled")
    await account.status(event)
    assert await account.chooses() is not None


@pytest.mark.parametrize("event", ["FLAGGED", "LIMIT_EXCEEDED", "LOCKED"])
async def test_a_warning_is_told_and_the_template_goes_on(account: Account, event: str) -> None:
    await account.has()
    await account.status(event)
    assert await account.chooses() is not None
    assert await account.post.alarms() == [("template", f"{NAME}/it", 1)]


async def test_old_news_is_passed_over(account: Account) -> None:
    await account.has()
    await account.status("PAUSED", at=account.shop.now - timedelta(hours=1))
    assert (await account.row()).status == "approved"


async def test_what_meta_answers_counts_though_its_clock_is_behind_ours(account: Account) -> None:
    await account.has(status_at=account.shop.now - timedelta(hours=1))
    await account.hears(News("pending"), asked=True)
    await account.status("APPROVED", at=account.shop.now - timedelta(seconds=20))
    assert (await account.row()).status == "approved"


async def test_an_answer_counts_though_an_event_of_later_came_first(account: Account) -> None:
    await account.has()
    await account.status("PAUSED", at=account.shop.now + timedelta(seconds=1))
    await account.hears(News("approved"), asked=True, at=account.shop.now)
    assert (await account.row()).status == "approved"


async def test_a_template_nobody_handed_in_is_passed_over(account: Account) -> None:
    await account.status("PAUSED")
    await account.says("template_category_update", new_category="MARKETING")
    assert await account.post.alarms() == []


async def test_a_template_is_found_by_name_and_language_where_its_id_is_not_known(account: Account) -> None:
    await account.has(meta_id=None, language="en_US")
    await account.status("PAUSED", message_template_language="en-US")
    assert (await account.row("en_US")).status == "paused"


async def test_quality_is_kept(account: Account) -> None:
    await account.has()
    await account.says("message_template_quality_update", previous_quality_score="GREEN", new_quality_score="RED")
    assert (await account.row()).quality == "red"
    assert await account.chooses() is not None


async def test_changed_words_of_a_template_change_nothing_here(account: Account) -> None:
    await account.has()
    await account.says("message_template_components_update", message_template_title="x", message_template_element="y")
    assert (await account.row()).content == CONTENT


# ---- category


async def test_what_was_turned_into_marketing_goes_only_to_those_who_want_it(account: Account) -> None:
    await account.has()
    await account.says("template_category_update", previous_category="UTILITY", new_category="MARKETING")
    assert await account.chooses() is None
    chosen = await account.chooses(wants_marketing=True)
    assert chosen is not None
    assert chosen.category == "marketing"
    assert await account.post.alarms() == [("template_category", f"{NAME}/it", 1)]


async def test_what_is_to_become_marketing_tomorrow_is_marketing_today(account: Account) -> None:
    await account.has()
    await account.says("template_category_update", new_category="UTILITY", correct_category="MARKETING")
    row = await account.row()
    assert (row.category, row.due, counts_as(row)) == ("utility", "marketing", "marketing")
    await account.status("APPROVED", message_template_category="UTILITY")  # says nothing of tomorrow
    assert await account.chooses() is None
    account.shop.clock.forward(timedelta(days=1))
    await account.says("template_category_update", previous_category="UTILITY", new_category="MARKETING")
    row = await account.row()
    assert (row.category, row.due) == ("marketing", None)
    assert await account.post.alarms() == [("template_category", f"{NAME}/it", 1)]


async def test_a_review_that_gives_the_category_back_closes_the_alarm(account: Account) -> None:
    await account.has(category="marketing")
    await account.says("template_category_update", previous_category="MARKETING", new_category="UTILITY")
    assert await account.chooses() is not None
    assert await account.post.alarms() == []


async def test_what_was_declared_as_marketing_stays_it_whatever_whatsapp_bills(account: Account) -> None:
    await account.has(declared="marketing")
    assert await account.chooses() is None
    assert await account.chooses(wants_marketing=True) is not None


async def test_what_waits_of_a_template_is_marketing_when_the_template_is(account: Account) -> None:
    """Else it would go to people who have stopped offers (frappe_whatsapp#254)."""
    await account.has()
    ann, ben, cid, dan = [await account.post.member(heard=timedelta(days=3)) for _ in range(4)]
    eve = await account.post.member(heard=timedelta(days=3), wants=True)
    await account.post.put(ann, a_message())
    await account.post.put(ben, fallback=a_message())
    await account.post.put(cid, a_message("en"))
    await account.post.put(eve, a_message())
    await account.post.put(
        dan, {"style": "template", "template": {"name": "other", "language": "it"}}, category="utility"
    )
    await account.says("template_category_update", previous_category="UTILITY", new_category="MARKETING")
    assert await account.post.take() == [3, 5, 4]  # a campaign's message goes last
    assert {number: await account.post.state(number) for number in (1, 2)} == {1: "withheld", 2: "withheld"}
    rows = {row.id: row for row in await account.post.rows()}
    assert (rows[4].category, rows[4].bulk, rows[3].category) == ("marketing", True, "utility")


# ---- choosing


async def test_the_programmes_language_stands_in(account: Account) -> None:
    await account.has(language="en")
    assert await account.chooses("ar") is None
    chosen = await account.chooses("ar", instead="en")
    assert chosen is not None
    assert chosen.language == "en"


async def test_her_own_language_comes_first_unless_it_is_not_approved(account: Account) -> None:
    await account.has(language="en", meta_id="7")
    await account.has()
    chosen = await account.chooses(instead="en")
    assert chosen is not None
    assert chosen.language == "it"
    await account.status("PAUSED")
    chosen = await account.chooses(instead="en")
    assert chosen is not None
    assert chosen.language == "en"
