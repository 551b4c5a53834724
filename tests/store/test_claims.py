"""Points that are missing: told in the chat, decided by a person, posted once; found again in rights and merges."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.arriving import inbox
from conversation.arriving.incoming import Incoming, Sender
from conversation.messages.contents import Media
from conversation.saying.sentences import Sentences
from conversation.turning.place import introduce
from loyalty.errors import Conflict, NotFound, Refused
from loyalty.ids import MemberId
from loyalty.merging.merge import merge
from loyalty.orders import claims
from loyalty.orders.claims import Decided, Order, Receipt, Told
from loyalty.people.members import identities_of
from loyalty.rights.dossier import export
from loyalty.rights.erasure import erase
from loyalty.tables import Claim, Trail
from tests.store.chatting import Chat
from tests.store.helpers import Shop, a_key, euros, reasons

NUMBER = "100000000000001"
RECEIPT = Receipt("m1", "image/jpeg", "sha-1")


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


async def files(
    shop: Shop,
    member: MemberId,
    *,
    key: str | None = None,
    amount: str | None = "12.50",
    receipt: Receipt | None = None,
) -> str:
    told = Told("yesterday", "in Via Roma", Decimal(amount) if amount else None, receipt)
    return await shop.do(
        lambda session: claims.file_claim(session, shop.programme, member, told, key=key or a_key(), now=shop.now).id
    )


async def accepts(shop: Shop, claim: str, credit: Order | int) -> Decided:
    return await shop.do(
        lambda session: claims.accept(
            session, shop.programme, claim, credit, author="Mara", reason="seen", actor="key:till", now=shop.now
        )
    )


async def rejects(shop: Shop, claim: str) -> Decided:
    return await shop.do(
        lambda session: claims.reject(
            session, shop.programme, claim, "not_found", author="Mara", reason="none", actor="key:till", now=shop.now
        )
    )


async def claim_of(shop: Shop, member: MemberId) -> Claim:
    return await shop.ask(lambda session: session.scalars(select(Claim).where(Claim.member_id == member)).one())


# ---- in the chat


async def sends_a_picture(shop: Shop, member: MemberId, message_id: str, media: Media) -> None:
    """A picture comes in and is kept as the inbox keeps it."""

    def arrive(session: Session) -> None:
        phone = next(ref.value for ref in identities_of(session, member))
        incoming = Incoming(message_id, NUMBER, Sender(phone.removeprefix("+"), None, "Anna"), shop.now, media)
        introduce(session, shop.programme, incoming, now=shop.now)
        inbox.accept(session, [incoming], now=shop.now)

    await shop.do(arrive)


async def test_what_she_tells_becomes_a_claim_with_the_picture_of_the_message(shop: Shop, sentences: Sentences) -> None:
    member = await shop.member()
    await sends_a_picture(shop, member, "wamid.9", Media("image", "m9", "image/jpeg", "sha-9"))
    chat = Chat(shop, sentences, member)
    assert (await chat.begins("claim")).text.startswith("Let's find your points.")
    await chat.does("tell", text="on Monday")
    await chat.does("tell", text="Via Roma")
    await chat.does("tell", text="12,50")
    said = await chat.does("picture", "wamid.9", media="m9")
    assert said.text.startswith("Thank you")
    assert chat.saved is None
    row = await claim_of(shop, member)
    assert (row.told_when, row.told_where, row.amount) == ("on Monday", "Via Roma", Decimal("12.5"))
    assert (row.media_id, row.media_type, row.media_sha256) == ("m9", "image/jpeg", "sha-9")
    assert (row.state, row.points) == ("open", 0)
    again = Chat(shop, sentences, member)
    assert (await again.begins("claim")).text.startswith("One purchase you told us about is still being looked at")
    assert (await again.does("picture", "wamid.9", media="m9")).text.startswith("You've sent me this receipt before")


async def test_a_step_that_is_repeated_after_a_crash_files_once(shop: Shop, sentences: Sentences) -> None:
    member = await shop.member()
    chat = Chat(shop, sentences, member)
    await chat.begins("claim")
    stood = chat.saved
    for _ in range(2):
        chat.saved = stood
        assert (await chat.does("picture", media="m1")).text.startswith("Thank you")
    assert await shop.ask(lambda session: claims.open_claims(session, member)) == 1


async def test_only_members_claim_and_only_some_at_a_time(shop: Shop, sentences: Sentences) -> None:
    stranger = await shop.member(joined=False)
    said = await Chat(shop, sentences, stranger).begins("claim")
    assert said.text.startswith("Points are collected by members")
    member = await shop.member()
    for _ in range(claims.MOST_OPEN):
        await files(shop, member)
    said = await Chat(shop, sentences, member).begins("claim")
    assert said.text.startswith("Several purchases of yours are still being looked at")
    with pytest.raises(Refused, match="wait already"):
        await files(shop, member)


async def test_of_many_filed_at_once_no_more_are_taken_than_may_wait(shop: Shop) -> None:
    member = await shop.member()
    results = await asyncio.gather(*(files(shop, member) for _ in range(6)), return_exceptions=True)
    assert reasons(list(results)) == ["too_many"] * 3
    assert await shop.ask(lambda session: claims.open_claims(session, member)) == claims.MOST_OPEN


# ---- deciding


async def test_an_accepted_order_earns_what_any_order_does_once(shop: Shop) -> None:
    member = await shop.member()
    claim = await files(shop, member)
    credit = Order(euros("12.50"), shop.now - timedelta(days=1))
    first, second = await asyncio.gather(accepts(shop, claim, credit), accepts(shop, claim, credit))
    assert sorted((first.new, second.new)) == [False, True]
    assert (await shop.points(member)).available == 12
    row = await claim_of(shop, member)
    assert (row.state, row.points, row.purchase_key) == ("accepted", 12, f"claim:{claim}")
    assert await shop.is_sound()


async def test_the_same_order_reported_later_by_the_till_brings_nothing_more(shop: Shop) -> None:
    member = await shop.member()
    bought = shop.now - timedelta(days=1)
    await accepts(shop, await files(shop, member), Order(euros("12.50"), bought, "till-7/0815"))
    outcome = await shop.buys(member, "12.50", key="till-7/0815", at=bought)
    assert outcome.repeated
    assert (await shop.points(member)).available == 12


async def test_an_order_she_has_already_brings_nothing_more(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "12.50", key="till-7/0815")
    decided = await accepts(shop, await files(shop, member), Order(euros("12.50"), None, "till-7/0815"))
    assert (decided.claim.points, (await shop.points(member)).available) == (0, 12)


async def test_somebody_elses_order_is_not_given_to_her(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    await shop.buys(other, "12.50", key="till-7/0815")
    claim = await files(shop, member)
    with pytest.raises(Conflict):
        await accepts(shop, claim, Order(euros("12.50"), None, "till-7/0815"))
    assert (await claim_of(shop, member)).state == "open"
    assert (await shop.points(member)).available == 0


async def test_points_without_an_order_are_a_correction_by_hand_and_the_trail_says_who(shop: Shop) -> None:
    member = await shop.member()
    claim = await files(shop, member)
    await accepts(shop, claim, 7)
    assert (await shop.points(member)).available == 7
    actions = await shop.ask(
        lambda session: [(row.action, row.actor) for row in session.scalars(select(Trail).order_by(Trail.id))]
    )
    assert ("claim.accepted", "key:till: Mara") in actions
    assert "points.adjusted" in {action for action, _ in actions}


async def test_a_rejection_may_be_reconsidered_an_acceptance_not(shop: Shop) -> None:
    member = await shop.member()
    claim = await files(shop, member, receipt=RECEIPT)
    assert (await rejects(shop, claim)).new
    assert not (await rejects(shop, claim)).new
    assert (await shop.points(member)).available == 0
    other = await files(shop, member, receipt=RECEIPT)
    assert other != claim, "what was rejected may be claimed again"
    assert (await accepts(shop, claim, 5)).new
    with pytest.raises(Refused, match="was accepted"):
        await rejects(shop, claim)
    with pytest.raises(NotFound):
        await rejects(shop, "nobody")


async def test_the_same_picture_of_two_people_is_seen_by_who_decides(shop: Shop) -> None:
    anna, bea = await shop.member(), await shop.member()
    first, second = await files(shop, anna, receipt=RECEIPT), await files(shop, bea, receipt=RECEIPT)
    await files(shop, bea)
    listed = await shop.ask(
        lambda session: claims.list_claims(session, shop.programme, state="open", limit=10)
    )  # fmt: skip
    assert [one.same_receipt for one in listed] == [(second,), (first,), ()]
    rest = await shop.ask(
        lambda session: claims.list_claims(session, shop.programme, state=None, limit=10, after=first)
    )
    assert rest[0].claim.id == second


# ---- rights


async def test_a_claim_is_handed_out_follows_a_merge_and_is_erased(shop: Shop) -> None:
    keep, other = await shop.member(), await shop.member()
    claim = await files(shop, other, receipt=RECEIPT)
    await shop.do(
        lambda session: merge(session, shop.programme, keep, other, author="Mara", reason="one person", now=shop.now)
    )
    assert (await claim_of(shop, keep)).id == claim
    await accepts(shop, claim, 7)
    assert (await shop.points(keep)).available == 7
    [told] = (await shop.ask(lambda session: export(session, shop.programme, keep, shop.now)))["claims"]
    assert (told["told_where"], told["media_id"], told["points"]) == ("in Via Roma", "m1", 7)
    await shop.do(lambda session: erase(session, shop.programme, keep, shop.now))
    assert await shop.ask(lambda session: session.scalars(select(Claim)).all()) == []
    assert await shop.is_sound()
