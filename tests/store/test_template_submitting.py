"""Handing templates in and reading them back, against the stand-in, on each kind of store."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from connectors.whatsapp.graph import GraphConfig
from connectors.whatsapp.templates import api as module
from connectors.whatsapp.templates.api import TemplatesApi
from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.problems import TemplateRefused
from connectors.whatsapp.templates.submitting import Outcome, Submission
from connectors.whatsapp.templates.syncing import Findings, remove, sync
from conversation.saying.template_states import all_templates
from conversation.saying.templating import choose
from conversation.tables import Alarm, TemplateRow
from simulator.graph import StandInGraph, serve
from simulator.template_book import TemplateBook
from tests.store.helpers import Shop
from tests.unit.helpers_templates import declared, sentences

TOKEN = "EAAGsecret"
LANGUAGES = 5


@dataclass
class Desk:
    """An operator with the stand-in's account."""

    shop: Shop
    book: TemplateBook
    api: TemplatesApi

    async def submits(self, *templates: Declared) -> list[Outcome]:
        run = Submission(self.shop.store, self.api, sentences(), self.shop.clock)
        return [outcome async for outcome in run.run(templates)]

    async def counts(self, *templates: Declared) -> Counter[str]:
        return Counter(outcome.done for outcome in await self.submits(*templates))

    async def syncs(self, *templates: Declared) -> Findings:
        return await sync(self.shop.store, self.api, templates, sentences(), self.shop.clock)

    async def rows(self) -> dict[tuple[str, str], TemplateRow]:
        return await self.shop.ask(all_templates)


@pytest.fixture
async def desk(shop: Shop) -> AsyncIterator[Desk]:
    book = TemplateBook(clock=lambda: shop.clock.now().timestamp())
    graph = StandInGraph(TOKEN, templates=book)
    async with serve(graph) as base, TemplatesApi(GraphConfig(base, TOKEN), book.account_id) as api:
        yield Desk(shop, book, api)


async def reworded(desk: Desk, word: str = "Grazie") -> Declared:
    """The template with other words, two days later: Meta takes one edit a day."""
    desk.shop.clock.forward(timedelta(days=2))
    return declared(body=f"Your balance at {{programme}} is now {{points:points}}. {word}!")


# ---- submitting


async def test_what_is_new_is_created_in_all_languages_and_written_down(desk: Desk) -> None:
    outcomes = await desk.submits(declared())
    assert [str(outcome) for outcome in outcomes] == [
        f"balance/{language}: created: pending" for language in ("en", "it", "es", "fr", "ar")
    ]
    row = (await desk.rows())["balance", "it"]
    (remote,) = desk.book.named("balance", "it")
    assert (row.meta_id, row.status, row.declared, row.category) == (remote.id, "pending", "utility", "utility")
    assert (remote.parameter_format, remote.category) == ("NAMED", "UTILITY")


async def test_a_second_run_changes_nothing(desk: Desk) -> None:
    await desk.submits(declared())
    assert await desk.counts(declared()) == {"unchanged": LANGUAGES}
    assert sum("POST" in call for call in desk.book.calls) == LANGUAGES


async def test_a_run_that_was_killed_before_it_could_write_goes_on_from_there(desk: Desk) -> None:
    await desk.submits(declared())
    await desk.shop.do(lambda session: session.execute(TemplateRow.__table__.delete()))  # type: ignore[attr-defined]
    assert await desk.counts(declared()) == {"unchanged": LANGUAGES}
    assert len(await desk.rows()) == LANGUAGES


async def test_what_has_changed_is_edited_and_looked_at_again(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    await desk.syncs(declared())
    assert await desk.counts(await reworded(desk)) == {"edited": LANGUAGES}
    assert {row.status for row in (await desk.rows()).values()} == {"pending"}
    assert await desk.counts(await reworded(desk)) == {"unchanged": LANGUAGES}
    (remote,) = desk.book.named("balance", "fr")
    assert "Grazie" in remote.components[0]["text"]


async def test_what_is_under_review_has_to_wait(desk: Desk) -> None:
    await desk.submits(declared())
    outcomes = await desk.submits(await reworded(desk))
    assert {outcome.done for outcome in outcomes} == {"waits"}
    assert outcomes[0].told == "it is pending; WhatsApp takes changes when that is decided"


async def test_an_approved_template_is_edited_once_a_day(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    await desk.submits(await reworded(desk))
    desk.book.review_all()
    again = declared(body="Your balance at {programme} has come to {points:points}. Thank you!")
    outcomes = await desk.submits(again)
    assert {outcome.done for outcome in outcomes} == {"refused"}
    assert outcomes[0].told == "Approved: one edit in 24 hours, 10 in 30 days. [2388095]"


async def test_a_rejected_template_can_get_another_category(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review("balance", "REJECTED", reason="INCORRECT_CATEGORY")
    await desk.syncs(declared())
    assert await desk.counts(declared(category="marketing")) == {"edited": LANGUAGES}
    assert {known.category for known in desk.book.named("balance")} == {"MARKETING"}


async def test_100_are_created_in_an_hour_and_the_rest_later(desk: Desk) -> None:
    many = [declared(f"t{number}", footer=f"Number {number}") for number in range(21)]
    assert await desk.counts(*many) == {"created": 100, "waits": LANGUAGES}
    assert await desk.counts(*many) == {"unchanged": 100, "waits": LANGUAGES}
    desk.shop.clock.forward(timedelta(hours=1, seconds=1))
    assert await desk.counts(*many) == {"unchanged": 100, "created": LANGUAGES}


async def test_one_that_meta_refuses_does_not_keep_the_others(desk: Desk) -> None:
    desk.book.fail_next(2)
    with pytest.raises(TemplateRefused, match="does not work at the moment"):
        await desk.submits(declared())
    outcomes = await desk.submits(declared(body="{points:points} and nothing else"), declared("other"))
    assert Counter(outcome.done for outcome in outcomes) == {"refused": LANGUAGES, "created": LANGUAGES}
    assert outcomes[0].told.startswith("its body begins or ends with a gap; put words around it (Meta: Variables")


async def test_too_many_calls_end_the_run_and_the_next_goes_on(desk: Desk) -> None:
    desk.book.per_hour = 2
    outcomes = await desk.submits(declared())
    assert [outcome.done for outcome in outcomes] == ["created", "created", "refused"]
    assert "too many calls; what is left goes with the next" in outcomes[-1].told
    desk.book.per_hour = 100
    assert await desk.counts(declared()) == {"unchanged": 2, "created": 3}


async def test_a_wrong_token_ends_the_run_at_once(desk: Desk) -> None:
    config = GraphConfig(desk.api._url, "wrong")
    async with TemplatesApi(config, desk.book.account_id) as api:
        with pytest.raises(TemplateRefused, match="renew WHATSAPP_ACCESS_TOKEN"):
            await api.all()
    async with TemplatesApi(GraphConfig(desk.api._url, TOKEN), "12345") as api:
        with pytest.raises(TemplateRefused, match="WHATSAPP_BUSINESS_ACCOUNT_ID is no account"):
            await api.all()


async def test_a_name_that_was_deleted_is_said_to_be_blocked(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    await remove(desk.shop.store, desk.api, "balance", desk.shop.clock)
    assert await desk.rows() == {}
    outcomes = await desk.submits(declared())
    assert "free again after 30 days" in outcomes[0].told


async def test_deleting_what_is_not_there_is_one_line(desk: Desk) -> None:
    with pytest.raises(TemplateRefused, match="was not found"):
        await remove(desk.shop.store, desk.api, "nobody", desk.shop.clock)


# ---- reading back


async def test_after_approval_nothing_differs_and_the_template_is_used(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    desk.book.rate("balance", "GREEN")
    found = await desk.syncs(declared())
    assert found == Findings(LANGUAGES, (), (), ())
    assert {row.quality for row in (await desk.rows()).values()} == {"green"}
    assert await desk.shop.ask(lambda session: choose(session, "balance", "it")) is not None


async def test_a_category_that_meta_changed_is_drift(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    desk.book.recategorise("balance", "MARKETING", language="it")
    desk.book.recategorise("balance", "MARKETING", language="es", announce=True)
    found = await desk.syncs(declared())
    assert found.drift == (
        "balance/es: becomes marketing at WhatsApp within a day, declared as utility",
        "balance/it: is marketing at WhatsApp, declared as utility, and goes only to those who want offers",
    )
    assert await desk.shop.ask(lambda session: choose(session, "balance", "it")) is None
    assert await desk.syncs(declared()) == found
    alarms = await desk.shop.ask(lambda session: [(one.subject, one.count) for one in session.query(Alarm)])
    assert sorted(alarms) == [("balance/es", 1), ("balance/it", 1)]


async def test_a_category_that_meta_gives_at_creation_is_told_at_once(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.recategorise("balance", "MARKETING")
    desk.book.review_all()
    assert len((await desk.syncs(declared())).drift) == LANGUAGES


async def test_rejected_paused_and_deleted_templates_are_drift(desk: Desk) -> None:
    await desk.submits(declared(), declared("other", footer="Other"))
    desk.book.review("balance", "REJECTED", language="en", reason="PROMOTIONAL")
    desk.book.review("balance", "PAUSED", language="it")
    desk.book.delete("other", None)
    found = await desk.syncs(declared(), declared("other", footer="Other"))
    assert found.drift[:2] == ("balance/en: is rejected: PROMOTIONAL", "balance/it: is paused")
    assert found.drift[2].startswith("other/ar: is not at WhatsApp any more; `passaparola templates submit` hands")
    assert len(found.drift) == 2 + LANGUAGES
    assert await desk.counts(declared("other", footer="Other")) == {"created": LANGUAGES}


async def test_words_that_were_changed_in_whatsapp_manager_are_drift_and_put_right(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    (remote,) = desk.book.named("balance", "it")
    remote.components[0]["text"] = "Something else."
    found = await desk.syncs(declared())
    assert found.drift == ("balance/it: says something else at WhatsApp; `passaparola templates submit` puts it right",)
    assert await desk.counts(declared()) == {"unchanged": 4, "edited": 1}


async def test_what_is_not_handed_in_and_what_is_not_ours_is_listed(desk: Desk) -> None:
    desk.book.add("hello_world", "en_US", category="MARKETING")
    found = await desk.syncs(declared())
    assert found.drift == ()
    assert found.missing == tuple(f"balance/{language}" for language in ("ar", "en", "es", "fr", "it"))
    assert found.foreign == ("hello_world/en_US (marketing, approved)",)


async def test_what_was_made_by_hand_under_a_declared_name_is_taken_over(desk: Desk) -> None:
    desk.book.add("balance", "it", body="Made by hand.")
    found = await desk.syncs(declared())
    assert found.drift == ("balance/it: says something else at WhatsApp; `passaparola templates submit` puts it right",)
    assert (await desk.rows())["balance", "it"].status == "changed"
    assert await desk.shop.ask(lambda session: choose(session, "balance", "it")) is None
    assert await desk.counts(declared()) == {"edited": 1, "created": 4}
    desk.book.review_all()
    await desk.syncs(declared())
    assert await desk.shop.ask(lambda session: choose(session, "balance", "it")) is not None


async def test_other_words_with_the_same_gaps_are_sent_until_they_are_put_right(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review_all()
    for known in desk.book.named("balance"):
        known.components[0]["text"] += " See you!"
    assert len((await desk.syncs(declared())).drift) == LANGUAGES
    assert await desk.shop.ask(lambda session: choose(session, "balance", "it")) is not None


async def test_all_pages_are_read(desk: Desk) -> None:
    for number in range(module.PAGE * 2 + 1):
        desk.book.add(f"t{number}")
    assert len((await desk.syncs()).foreign) == module.PAGE * 2 + 1
    assert len(desk.book.calls) == 3


async def test_a_template_whose_file_is_gone_is_known_still(desk: Desk) -> None:
    await desk.submits(declared())
    found = await desk.syncs()
    assert found.ours == 0
    assert len(found.foreign) == LANGUAGES
    assert len(await desk.rows()) == LANGUAGES


async def test_a_picture_needs_an_app_and_its_file(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("templates")
    template = replace(declared(image="cup.jpg"), file=folder / "balance.yml")
    outcomes = await desk.submits(template)
    assert outcomes[0].told == "WHATSAPP_APP_ID is not set: a template with a picture needs it for its example"
    desk.api = TemplatesApi(GraphConfig(desk.api._url, TOKEN), desk.book.account_id, "670843887433847")
    async with desk.api:
        outcomes = await desk.submits(template)
        assert "cup.jpg: cannot be read" in outcomes[0].told
        (folder / "cup.jpg").write_bytes(b"\xff\xd8\xff")
        assert await desk.counts(template) == {"created": LANGUAGES}
    assert desk.book.named("balance", "it")[0].components[0]["example"]["header_handle"][0].startswith("4::")


async def test_two_runs_at_a_time_hand_each_in_once(desk: Desk) -> None:
    first = Submission(desk.shop.store, desk.api, sentences(), desk.shop.clock).run([declared()])
    await anext(first)
    assert await desk.counts(declared()) == {"unchanged": 1, "created": 4}
    rest: Sequence[Outcome] = [outcome async for outcome in first]
    assert {outcome.done for outcome in rest} == {"refused"}
    assert "it is there already; `passaparola templates sync` finds it" in rest[0].told
    assert await desk.counts(declared()) == {"unchanged": LANGUAGES}


async def test_a_status_that_is_news_to_us_is_no_reason_to_stumble(desk: Desk) -> None:
    await desk.submits(declared())
    desk.book.review("balance", "SOMETHING_NEW", language="it")
    assert (await desk.syncs(declared())).drift == ()

    def forget(session: Session) -> None:
        session.execute(update(TemplateRow).values(status="approved"))

    await desk.shop.do(forget)
    await desk.syncs(declared())
    assert (await desk.rows())["balance", "it"].status == "something_new"
