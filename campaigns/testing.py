"""A test: the message of a campaign for one member, as she would get it now."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.design import Design
from campaigns.people import one_of
from campaigns.wording import Voice, fields_for, freeze, gaps_in, write
from conversation.leaving.outbox import enqueue
from conversation.register import conversation_of, ensure_conversation
from loyalty.errors import Refused
from loyalty.ids import new_id
from loyalty.tables import Member


def send_test(
    session: Session, member: Member, design: Design, arm: str | None, voice: Voice, *, number_id: str, now: datetime
) -> str:
    """Put one variant of a campaign in the outbox for a member, past schedule, cap and rate. Returns the variant.

    Consent, the 24-hour window and what WhatsApp says of the template hold for her as for anybody. Raises `Refused`.
    """
    chosen = arm or next(iter(design.arms))
    if chosen not in design.arms:
        raise Refused("variant", f"there is no variant {chosen}; there is: {', '.join(design.arms)}")
    saying = design.arms[chosen]
    gaps = gaps_in(session, saying)
    somebody = one_of(
        session, voice.programme, member.id, fields_for(saying, gaps), now, marketing=design.category == "marketing"
    )
    if somebody.excluded is not None:
        raise Refused("excluded", f"she cannot be written to: {somebody.excluded.replace('_', ' ')}")
    params = freeze(saying, gaps, somebody.known)
    if params is None:
        raise Refused("unknown", "something her message names is not known of her; set else: in the file")
    conversation = conversation_of(session, member.id, lock=True)
    if conversation is None:
        number = voice.programme.whatsapp.phone_number_id or number_id
        conversation = ensure_conversation(
            session, member, number_id=number, phone=somebody.phone, user_id=somebody.user_id
        )  # fmt: skip
    written = write(session, conversation, saying, params, member.language, voice, at=now, now=now)
    if isinstance(written, str):
        raise Refused(written, f"the message cannot go out to her now: {written.replace('_', ' ')}")
    session.flush()
    enqueue(
        session, conversation, written.parts, key=f"campaign-test:{design.id}:{new_id()}", now=now,
        fallback=written.fallback, category=design.category,
    )  # fmt: skip
    return chosen
