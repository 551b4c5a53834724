"""The flow of missing points at work: what she tells becomes a claim that a person decides about."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.arriving.incoming import incoming_from_json
from conversation.flowing.part import At, Closed, Part
from conversation.messages.contents import Media
from conversation.register import conversation_of
from conversation.tables import InboxRow
from flows.claim import ClaimFacts, File, MissingPoints
from flows.model import Effect, Event, Phrase, Saved
from loyalty.errors import Refused
from loyalty.ids import MemberId
from loyalty.orders.claims import MOST_OPEN, Receipt, Told, file_claim, open_claims


class Claiming(Part[ClaimFacts]):
    """Telling of a purchase that brought no points."""

    flow = MissingPoints()
    intent = "missing_points"

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is None:
            return Closed(Phrase("claim.join_first"), ("join_program", "how_to_earn"))
        if open_claims(at.session, at.member_id) >= MOST_OPEN:
            contact = at.programme.contact[at.language]
            return Closed(Phrase("claim.refused.too_many", {"contact": contact}), ("points_history", "talk_to_human"))
        return None

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> ClaimFacts:
        return ClaimFacts(
            at.now.astimezone(at.programme.zone).date(), at.member.name, open_claims(at.session, at.member_id),
            at.programme.contact[at.language],
        )  # fmt: skip

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, File)
        receipt = _receipt(at.session, at.member_id, at.message_id, effect.media) if effect.media else None
        told = Told(effect.when, effect.where, effect.amount, receipt)
        try:
            file_claim(at.session, at.programme, at.member_id, told, key=f"chat:{saved.run}", now=at.now)
        except Refused as refusal:
            return Event("refuse", {"reason": refusal.reason})
        return Event("take")


def _receipt(session: Session, member: MemberId, message_id: str, media: str) -> Receipt:
    """A picture as the message that is answered brought it."""
    conversation = conversation_of(session, member)
    number = conversation.number_id if conversation is not None else ""
    query = select(InboxRow).where(InboxRow.number_id == number, InboxRow.message_id == message_id)
    row = session.scalar(query)
    if row is None:
        return Receipt(media)
    content = incoming_from_json(row.message_id, row.number_id, row.sent_at, row.body).content
    if not isinstance(content, Media) or content.id != media:
        return Receipt(media)
    return Receipt(media, content.mime_type, content.sha256)
