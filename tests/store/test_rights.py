"""Rights: everything that is known of a person is handed out; erased, nothing of it is found anywhere."""

import asyncio
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Text, cast, delete, func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from conversation.arriving import inbox
from conversation.arriving.incoming import Incoming, Sender
from conversation.arriving.incoming import Text as Typed
from conversation.caring import rights
from conversation.choosing.offers import make_offer
from conversation.leaving import outbox
from conversation.messages.model import Choice, Message
from conversation.register import conversation_of
from conversation.tables import Conversation, InboxRow, Offer, OutboxRow, TrackerRow
from conversation.turning import memory
from conversation.turning.place import introduce, look
from flows.model import Ask
from loyalty import idempotency
from loyalty.errors import Invalid, NotFound, Refused
from loyalty.games.fairness import audit_wheel
from loyalty.idempotency import Answered
from loyalty.ids import MemberId, ProgrammeId, new_id
from loyalty.orders import parked
from loyalty.orders.bills import Line
from loyalty.orders.purchases import OrderChange, PurchaseReport
from loyalty.people.consents import consents_of, record_consent
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Person, Ref, get_member, join, meet, set_marketing
from loyalty.people.tombstones import bury
from loyalty.referral import signals
from loyalty.revisions import ensure_programme
from loyalty.rights.dossier import export
from loyalty.rights.erasure import erase
from loyalty.tables import (
    Base,
    Identity,
    Invite,
    Member,
    ParkedEvent,
    Purchase,
    Redemption,
    Referral,
    Score,
    Signal,
    Spin,
    Tombstone,
    Trail,
    Voucher,
)
from tests.store.games import Arcade, a_wheel
from tests.store.helpers import Shop, euros, points, variant

PHONE, USER, CARD = Ref.phone("+393331234567"), Ref.user("IT.9Z8Y7X"), Ref.external("shopify", "cust-889123")
NAME, WORDS, PRODUCT = "Ermenegilda Trovato", "ma certo, scrivetemi!", "Torta Ermenegilda"
NUMBER = "100000000000001"
TELLING = ("3331234567", "9z8y7x", "cust-889123", "ermenegilda", "trovato", "scrivetemi", "wamid.", "19770504")
"""What says who she is, in a text without gaps and in small letters."""
_GAPS = re.compile(r"[\s\-.()/]+")


def everything(session: Session) -> list[tuple[str, str]]:
    """Every value of every column of every table, as text."""
    found = []
    for table in Base.metadata.sorted_tables:
        for row in session.execute(select(*(cast(column, Text) for column in table.columns))):
            found += [(f"{table.name}.{column.name}", value) for column, value in zip(table.columns, row, strict=True)]
    return [(where, value) for where, value in found if value is not None]


def traces(session: Session) -> list[tuple[str, str]]:
    """Where in the database something still says who she is."""
    return [
        (where, value)
        for where, value in everything(session)
        if any(sign in told for told in (value.casefold(), _GAPS.sub("", value.casefold())) for sign in TELLING)
    ]


async def gilda(shop: Shop) -> MemberId:
    """A member about whom every part of the house knows something."""
    return await shop.do(lambda session: _gilda(session, shop))


def _gilda(session: Session, shop: Shop) -> MemberId:
    programme, now = shop.programme, shop.now
    ensure_programme(session, programme, now=now)
    member = meet(session, programme, Person((USER, PHONE, CARD), NAME, "fr"), now=now, herself=True)
    id_ = MemberId(member.id)
    join(session, programme, member, now=now)
    member.birthday, member.board_name, member.language_chosen = date(1977, 5, 4), "la Gilda: trovato", True
    set_marketing(session, member, given=True, words=WORDS, evidence="wamid.HBgMMzkz", now=now)
    signals.remember(session, programme, id_, "address", "Via Trovato 1, Ermenegilda", now=now)
    session.add(Invite(member_id=id_, day=now.date(), programme_id=programme.id, opened=3))
    session.add(Score(programme_id=programme.id, board="top", period="2026-11", member_id=id_, value=5))
    session.add(
        Spin(
            id=new_id(), programme_id=programme.id, member_id=id_, wheel="w", period="2026-11", number=1, key="spin-1",
            revision=programme.revision, commitment="", seed="00", nonce="Ermenegilda!", place=None, drawn="a",
            prize="a", created_at=now, drawn_at=now,
        )
    )  # fmt: skip
    body = {"type": "purchase", "id": "till-9", "member": {"phone": "0039 333 123-4567"}, "amount": "x"}
    parked.park(
        session, programme.id, key="purchase:till-9", member_ref=None, body=body, code="invalid", reason="amount",
        now=now,
    )  # fmt: skip
    waits = {"type": "purchase", "id": "till-8", "member": {"external": "shopify:cust-889123"}}
    parked.park(
        session, programme.id, key="purchase:till-8", member_ref=str(CARD), body=waits, code="not_found", reason="?",
        now=now,
    )  # fmt: skip
    answer = {"id": id_, "phone": PHONE.value, "name": NAME}
    idempotency.reserve(session, "POST /v1/members/phone:+39 333 1234567/x:cafe", "k1", "0" * 64, now=now)
    idempotency.reserve(session, "POST /v1/members:cafe", "k2", "0" * 64, now=now)
    idempotency.keep(session, "POST /v1/members:cafe", "k2", Answered(200, answer))
    _chats(session, shop, id_)
    session.flush()
    return id_


def _chats(session: Session, shop: Shop, member: MemberId) -> None:
    """She wrote, was answered with choices, and something waits to be sent to her."""
    first = written("wamid.IN1", shop)
    inbox.accept(session, [first, written("wamid.IN2", shop, user=None)], now=shop.now)
    assert introduce(session, shop.programme, first, now=shop.now)
    inbox.finish(session, first, now=shop.now)
    conversation = conversation_of(session, member)
    assert conversation is not None
    conversation.last_heard_at = shop.now
    said = Message(f"Ciao {NAME}", (Choice(Ask("help"), "Aiuto"),))
    parts = make_offer(session, conversation, said, saved=None, more="+", prompt="?", now=shop.now)
    outbox.enqueue(session, conversation, parts, key="answer:wamid.IN1", now=shop.now)
    events = ({"text": f"sono {NAME}"},)
    memory.remember(session, memory.Memory(memory.sender_of(shop.programme.id, member), events), now=shop.now)


def written(id_: str, shop: Shop, *, user: str | None = USER.value, after: timedelta = timedelta(0)) -> Incoming:
    sender = Sender(PHONE.value.removeprefix("+"), user, NAME)
    return Incoming(id_, NUMBER, sender, shop.now + after, Typed(f"sono {NAME}"))


async def lives(shop: Shop) -> MemberId:
    """As `gilda`, with a life: orders, a refund, a reward, points on hold, friends."""
    member = await gilda(shop)
    cake = (Line(PRODUCT, 1, Decimal("90.00"), "torte"),)
    await shop.report(member, PurchaseReport("till-1/1", euros("90.00"), shop.now, cake))
    await shop.changes(OrderChange("refund", "till-1/r", "till-1/1", euros("10.00"), shop.now, cake))
    await shop.does(member, "review", key="review-1")
    await shop.redeems(member, "espresso")
    await shop.holds(member, "croissant")
    friend = await shop.member(phone="+393401111111")
    await shop.do(lambda session: session.add(_referral(shop, member, friend)))
    return member


def _referral(shop: Shop, referrer: MemberId, friend: MemberId) -> Referral:
    return Referral(
        id=new_id(), programme_id=shop.programme.id, referrer_id=referrer, referee_id=friend, state="joined",
        source="typed", revision=shop.programme.revision, created_at=shop.now, converted_at=None, unsettled=False,
    )  # fmt: skip


async def erases(shop: Shop, member: MemberId) -> bool:
    def work(session: Session) -> bool:
        rights.erase(session, shop.programme, member, shop.now)
        return erase(session, shop.programme, member, shop.now)

    return await shop.do(work)


async def count(shop: Shop, table: type[Base]) -> int:
    return await shop.ask(lambda session: session.scalar(select(func.count()).select_from(table)) or 0)


async def named(shop: Shop, ref: str) -> str:
    return await shop.ask(lambda session: get_member(session, shop.programme.id, ref).id)


async def test_nothing_in_the_database_says_who_an_erased_person_was(shop: Shop) -> None:
    member = await lives(shop)
    before = await shop.ask(traces)
    assert {where.partition(".")[0] for where, _ in before} >= {
        "member", "identity", "consent", "conversation", "inbox", "outbox", "offer", "tracker", "purchase", "amendment",
        "parked_event", "idempotency_key", "spin",
    }  # fmt: skip
    assert await erases(shop, member)
    assert await shop.ask(traces) == []
    for table in (Identity, Signal, Invite, Score, ParkedEvent, InboxRow, OutboxRow, Offer, TrackerRow, Conversation):
        left = await shop.ask(lambda session, table=table: list(session.scalars(select(table))))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert [row for row in left if getattr(row, "member_id", member) == member] == []


async def test_the_books_of_an_erased_person_stay_and_prove_right(shop: Shop) -> None:
    member = await lives(shop)
    had = await shop.points(member)
    orders = await count(shop, Purchase)
    await erases(shop, member)
    assert await shop.points(member) == points(had.available + had.held, lifetime=had.lifetime)
    assert await count(shop, Purchase) == orders
    assert await shop.is_sound()
    row = await shop.ask(lambda session: session.get_one(Member, member))
    assert (row.erased_at, row.joined_at, row.language, row.marketing_opt_in) == (shop.now, shop.now, "it", False)
    given = await shop.ask(lambda session: consents_of(session, member))
    assert [(word.purpose, word.given, word.words, word.evidence, word.at) for word in given] == [
        ("marketing", True, "", "", shop.now)
    ]


async def test_codes_and_links_of_an_erased_person_are_worth_nothing(shop: Shop) -> None:
    member = await lives(shop)
    code = await shop.ask(lambda session: session.get_one(Member, member).referral_code)
    await erases(shop, member)
    owner = select(Member.id).where(Member.referral_code == code)
    assert await shop.ask(lambda session: session.scalars(owner).all()) == []
    assert await shop.ask(lambda session: list(session.scalars(select(Voucher.status)))) == ["revoked"]
    states = await shop.ask(lambda session: sorted(session.scalars(select(Redemption.state))))
    assert states == ["confirmed", "voided"]


async def test_erasing_twice_or_at_once_is_erasing_once(shop: Shop) -> None:
    member = await lives(shop)
    assert sorted(await asyncio.gather(*(erases(shop, member) for _ in range(5)))) == [False] * 4 + [True]
    noted = await shop.ask(lambda session: session.scalars(select(Trail.action).where(Trail.subject == member)).all())
    assert noted.count("member.erased") == 1


async def test_an_erased_person_is_found_by_nothing(shop: Shop) -> None:
    member = await lives(shop)
    await erases(shop, member)
    with pytest.raises(NotFound):
        await named(shop, member)
    for ref in (PHONE, USER, CARD):
        with pytest.raises(Refused) as refused:
            await named(shop, str(ref))
        assert refused.value.reason == "erased"


@pytest.mark.parametrize("refs", [(PHONE,), (CARD,), (Ref.external("till", "7"), PHONE), (USER, CARD)])
async def test_others_cannot_bring_an_erased_person_back(shop: Shop, refs: tuple[Ref, ...]) -> None:
    await erases(shop, await lives(shop))
    people = await count(shop, Member)
    with pytest.raises(Refused) as refused:
        await shop.do(lambda session: meet(session, shop.programme, Person(refs, NAME), now=shop.now))
    assert refused.value.reason == "erased"
    row = ImportRow(PHONE, NAME, "it", "paper form", 500)
    with pytest.raises(Refused):
        await shop.do(lambda session: import_row(session, shop.programme, row, now=shop.now))
    assert await count(shop, Member) == people
    assert await shop.ask(traces) == []


async def test_another_system_cannot_hang_an_erased_phone_on_somebody_it_knows(shop: Shop) -> None:
    await erases(shop, await lives(shop))
    other = Ref.external("till", "8")
    await shop.do(lambda session: meet(session, shop.programme, Person((other,)), now=shop.now))
    met = await shop.do(lambda session: meet(session, shop.programme, Person((other, PHONE)), now=shop.now).id)
    assert met == await named(shop, str(other))
    assert await shop.ask(traces) == []


async def test_an_erasure_in_one_programme_is_none_in_another(shop: Shop) -> None:
    await erases(shop, await lives(shop))
    gym = Shop(shop.store, shop.programme.model_copy(update={"id": ProgrammeId("gym")}), shop.clock)
    assert await gym.member(phone=PHONE.value) == await named(gym, str(PHONE))


async def comes_back(shop: Shop, *, after: timedelta = timedelta(minutes=1)) -> MemberId:
    incoming = written("wamid.BACK", shop, after=after)

    def work(session: Session) -> MemberId:
        inbox.accept(session, [incoming], now=shop.now)
        assert introduce(session, shop.programme, incoming, now=shop.now)
        member = get_member(session, shop.programme.id, str(PHONE))
        join(session, shop.programme, member, now=shop.now)
        return MemberId(member.id)

    return await shop.do(work)


async def test_she_herself_can_come_back_as_somebody_new_without_a_second_welcome(shop: Shop) -> None:
    shop.programme = variant(shop.programme, joining=10)
    before = await lives(shop)
    await erases(shop, before)
    after = await comes_back(shop)
    assert after != before
    row = await shop.ask(lambda session: session.get_one(Member, after))
    assert (row.customer_before, row.marketing_opt_in) == (True, False)
    assert await shop.points(after) == points(0)
    await shop.buys(after, "5.00")
    assert await shop.points(after) == points(5)
    assert await shop.is_sound()


@pytest.mark.parametrize("said_stop", [True, False])
async def test_a_file_does_not_undo_a_stop_that_outlived_an_erasure(shop: Shop, said_stop: bool) -> None:
    member = await lives(shop)
    if said_stop:
        await shop.do(
            lambda session: set_marketing(
                session, session.get_one(Member, member), given=False, words="STOP", evidence="wamid.S", now=shop.now
            )
        )
    await erases(shop, member)
    stones = await shop.ask(lambda session: set(session.scalars(select(Tombstone.opted_out))))
    assert stones == {said_stop}
    after = await comes_back(shop)
    row = ImportRow(PHONE, NAME, "it", "paper form", 0)
    await shop.do(lambda session: import_row(session, shop.programme, row, now=shop.now))
    assert not (await shop.ask(lambda session: session.get_one(Member, after))).marketing_opt_in
    words = await shop.ask(lambda session: consents_of(session, after))
    assert [word.given for word in words] == ([False] if said_stop else [])
    await shop.do(
        lambda session: set_marketing(
            session, session.get_one(Member, after), given=True, words="sì", evidence="wamid.Y", now=shop.now
        )
    )
    assert (await shop.ask(lambda session: session.get_one(Member, after))).marketing_opt_in


async def test_a_stop_outlives_a_second_erasure(shop: Shop) -> None:
    member = await lives(shop)
    await shop.do(
        lambda session: set_marketing(
            session, session.get_one(Member, member), given=False, words="STOP", evidence="wamid.S", now=shop.now
        )
    )
    await erases(shop, member)
    await erases(shop, await comes_back(shop))
    assert await shop.ask(lambda session: set(session.scalars(select(Tombstone.opted_out)))) == {True}
    assert await shop.ask(traces) == []


async def test_a_message_she_sent_before_she_was_erased_is_not_kept(shop: Shop) -> None:
    await erases(shop, await lives(shop))
    late = written("wamid.LATE", shop, after=timedelta(minutes=-3))

    def arrives(session: Session) -> bool:
        inbox.accept(session, [late], now=shop.now)
        assert look(session, shop.programme, late) is None
        return introduce(session, shop.programme, late, now=shop.now)

    assert not await shop.do(arrives)
    assert await shop.ask(traces) == []


async def test_tombstones_say_nothing_without_the_installations_key(shop: Shop) -> None:
    await shop.do(lambda session: ensure_programme(session, shop.programme, now=shop.now))
    await shop.do(lambda session: bury(session, shop.programme.id, [PHONE], opted_out=False, now=shop.now))
    first = await shop.ask(lambda session: session.scalars(select(Tombstone.hash)).one())
    assert len(first) == 64

    def anew(session: Session) -> None:
        for table in ("tombstone", "secret"):
            session.execute(delete(Base.metadata.tables[table]))
        bury(session, shop.programme.id, [PHONE], opted_out=False, now=shop.now)

    await shop.do(anew)
    assert await shop.ask(lambda session: session.scalars(select(Tombstone.hash)).one()) != first


async def test_a_refused_report_about_somebody_erased_is_not_kept(shop: Shop) -> None:
    await erases(shop, await lives(shop))
    body = {"type": "purchase", "id": "late", "member": {"phone": PHONE.value}, "amount": "much"}
    for code in ("invalid", "refused"):
        await shop.do(
            lambda session, code=code: parked.park(  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                session, shop.programme.id, key="purchase:late", member_ref=str(PHONE), body=body, code=code,
                reason="amount", now=shop.now,
            )
        )  # fmt: skip
    assert await shop.ask(traces) == []


async def test_a_spin_of_somebody_erased_shows_no_word_of_hers_and_the_wheel_proves_right(shop: Shop) -> None:
    arcade = Arcade(shop)
    await arcade.puts_up(wheel=a_wheel(spins={"count": 2, "every": "ever"}))
    member, other = await shop.member(), await shop.member()
    spin = (await arcade.offers(member)).spin
    await arcade.draws(spin, nonce=NAME)
    await arcade.spins(other)
    await erases(shop, member)
    assert (await arcade.proof(spin)).nonce is None
    assert await shop.ask(traces) == []
    assert (await shop.ask(lambda session: audit_wheel(session, shop.programme))).findings == ()


async def test_nothing_that_is_logged_says_who_she_is(
    shop: Shop, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged, caplog.at_level("DEBUG"):
        member = await lives(shop)
        await exported(shop, member)
        await erases(shop, member)
        with pytest.raises(Refused) as refused:
            await named(shop, str(PHONE))
    told = "".join((*map(str, logged), caplog.text, *capfd.readouterr(), str(refused.value))).casefold()
    assert [sign for sign in TELLING if sign in _GAPS.sub("", told)] == []


async def exported(shop: Shop, member: MemberId) -> dict[str, Any]:
    def work(session: Session) -> dict[str, Any]:
        return {
            "loyalty": export(session, shop.programme, member, shop.now),
            "conversation": rights.export(session, shop.programme, member, shop.now),
        }

    found: dict[str, Any] = json.loads(json.dumps(await shop.ask(work)))  # it is JSON
    return found


async def test_an_export_holds_all_that_is_known(shop: Shop) -> None:
    member = await lives(shop)
    found = await exported(shop, member)
    loyalty, chat = found["loyalty"], found["conversation"]
    assert loyalty["profile"]["name"] == NAME
    assert loyalty["profile"]["birthday"] == "1977-05-04"
    assert {(one["kind"], one["value"]) for one in loyalty["identities"]} == {
        (str(ref.kind), ref.value) for ref in (PHONE, USER, CARD)
    }
    assert [(word["words"], word["evidence"]) for word in loyalty["consents"]] == [(WORDS, "wamid.HBgMMzkz")]
    had = await shop.points(member)
    assert (loyalty["points"]["available"], loyalty["points"]["held"]) == (had.available, had.held)
    assert sum(one["points"] for one in loyalty["movements"]) == had.available + had.held
    (order,) = loyalty["purchases"]
    assert (order["amount"], order["lines"][0]["product"]) == ("90.00", PRODUCT)
    assert [change["amount"] for change in order["changes"]] == ["10.00"]
    assert [one["name"] for one in loyalty["activities"]] == ["review"]
    assert sorted(one["state"] for one in loyalty["redemptions"]) == ["confirmed", "held"]
    assert [one["reward_id"] for one in loyalty["vouchers"]] == ["espresso"]
    assert (loyalty["referrals"]["friends"], loyalty["referrals"]["link_opened"]) == (1, 3)
    assert [one["nonce"] for one in loyalty["spins"]] == ["Ermenegilda!"]
    assert [one["kind"] for one in loyalty["signals"]] == ["address"]
    assert [one["event"]["id"] for one in loyalty["waiting_events"]] == ["till-8"]
    assert [one["message_id"] for one in chat["received"]] == ["wamid.IN1", "wamid.IN2"]
    assert chat["received"][0]["content"]["text"] == f"sono {NAME}"
    assert [one["message"]["text"] for one in chat["sent"]] == [f"Ciao {NAME}"]
    assert chat["reached_by"]["phone"] == PHONE.value


async def test_an_export_tells_nothing_of_others(shop: Shop) -> None:
    member = await lives(shop)
    stranger = await shop.member(phone="+393402222222")
    await shop.buys(stranger, "77.00")
    friend = await named(shop, "phone:+393401111111")
    text = json.dumps(await exported(shop, member))
    for telling in (friend, stranger, "3401111111", "3402222222", "77.00"):
        assert telling not in text


async def test_an_export_of_an_erased_person_says_nothing_about_her(shop: Shop) -> None:
    member = await lives(shop)
    await erases(shop, member)
    text = json.dumps(await exported(shop, member)).casefold()
    assert [sign for sign in TELLING if sign in text] == []


async def test_consents_are_kept_for_any_purpose_and_only_marketing_changes_the_flag(shop: Shop) -> None:
    member = await shop.member()

    async def says(purpose: str, *, given: bool) -> bool:
        def work(session: Session) -> bool:
            row = session.get_one(Member, member)
            record_consent(session, row, purpose=purpose, given=given, words="so", evidence="form", now=shop.now)
            return row.marketing_opt_in

        return await shop.do(work)

    assert not await says("profiling", given=True)
    assert await says("marketing", given=True)
    assert await says("profiling", given=False)
    words = await shop.ask(lambda session: consents_of(session, member, purpose="profiling"))
    assert [word.given for word in words] == [True, False]


async def test_a_purpose_without_a_name_and_evidence_that_does_not_fit_are_refused(shop: Shop) -> None:
    member = await shop.member()
    for purpose, evidence in (("", "form"), ("x" * 33, "form"), ("profiling", "x" * 201)):
        with pytest.raises(Invalid):
            await shop.do(
                lambda session, purpose=purpose, evidence=evidence: record_consent(  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                    session, session.get_one(Member, member), purpose=purpose, given=True, words="", evidence=evidence,
                    now=shop.now,
                )
            )  # fmt: skip
