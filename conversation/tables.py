"""The tables of the conversation: where each one stands, what came in, what goes out."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Identifier, Serial


class Conversation(Base):
    """One member's chat: how to reach her, when she was last heard, the flow she is in."""

    __tablename__ = "conversation"
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    number_id: Mapped[str] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[str | None] = mapped_column(String(140))
    last_heard_at: Mapped[datetime | None]
    """When she last wrote, by the time of her message: WhatsApp's customer service window opens there."""
    flow: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    offer_id: Mapped[str | None] = mapped_column(String(16))
    """The choices that typed numbers and words refer to: the newest."""
    free_entry_until: Mapped[datetime | None]
    """She came by an advertisement: until then all may be sent, and is free."""
    unreachable_at: Mapped[datetime | None]
    """When WhatsApp last said that she cannot be reached; whatever she writes later makes it void."""
    quiet_until: Mapped[datetime | None]
    """A person of the business talks to her: until then the bot keeps quiet. See `Handover`."""
    invited_at: Mapped[datetime | None]
    """When she was last invited to join, unasked."""
    prompted_at: Mapped[datetime | None]
    """When an invitation to bring friends last stood under something she was told."""


class Offer(Base):
    """Choices that were sent. A button's token is this id and the number of the choice."""

    __tablename__ = "offer"
    __table_args__ = (Index(None, "member_id"), Index(None, "created_at"))
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    run: Mapped[str | None] = mapped_column(Identifier)
    step: Mapped[int]
    message: Mapped[dict[str, Any]]
    page: Mapped[int]
    created_at: Mapped[datetime]


class InboxRow(Base):
    """A message that was acknowledged. `done_at` is set in the transaction that answers it."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("number_id", "message_id"),
        Index("ix_inbox_waiting", "state", "contact", "id"),
    )
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    number_id: Mapped[str] = mapped_column(String(32))
    message_id: Mapped[str] = mapped_column(String(200))
    contact: Mapped[str] = mapped_column(String(160))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8))
    """`new`, `done`, `seen` (not a turn) or `failed` (set aside after too many tries)."""
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    correlation: Mapped[str | None] = mapped_column(String(64))
    """The request that brought it: see `loyalty.correlation`."""


class OutboxRow(Base):
    """A message to be sent, and what became of it."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("programme_id", "key"),
        Index("ix_outbox_waiting", "state", "number_id", "bulk", "next_try_at", "id"),
        Index(None, "wamid"),
        Index(None, "member_id", "state", "tried_at"),
        Index("ix_outbox_outside", "tried_at", sqlite_where=text("outside"), postgresql_where=text("outside")),
        Index(
            "ix_outbox_billed", "billed_on",
            sqlite_where=text("billed_on IS NOT NULL"), postgresql_where=text("billed_on IS NOT NULL"),
        ),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    number_id: Mapped[str] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[str | None] = mapped_column(String(140))
    key: Mapped[str] = mapped_column(String(250))
    """Why it is sent, once: the message it answers, or the ledger's cause."""
    category: Mapped[str] = mapped_column(String(16), default="service")
    """What it is to her: `service`, `utility`, `marketing` or `authentication`."""
    bulk: Mapped[bool] = mapped_column(default=False)
    """Part of a campaign: everything else goes first and does not wait for it."""
    message: Mapped[dict[str, Any]]
    fallback: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What is sent instead if the customer service window has closed: a template."""
    state: Mapped[str] = mapped_column(String(12))
    """`waiting`, `sending`, `sent`, `delivered`, `read`, `failed`, `unsure` (perhaps sent, perhaps not), `withheld`
    (it must not be sent; `error` says why) or `dropped` (by an operator)."""
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    """It is not to be sent earlier; until then it lets later ones pass. One that waits for another reason does not."""
    next_try_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    """When it was last sent or tried."""
    outside: Mapped[bool] = mapped_column(default=False)
    """It was sent while the customer service window was closed: such people are counted."""
    wamid: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    billed_on: Mapped[date | None]
    """The day, in UTC, of the receipt that told its price category."""
    billed_as: Mapped[str | None] = mapped_column(String(32))
    """The category WhatsApp bills it under."""
    cost: Mapped[Decimal | None]
    """What it costs by the operator's rate card; empty if that does not know."""
    currency: Mapped[str | None] = mapped_column(String(3))
    correlation: Mapped[str | None] = mapped_column(String(64))
    """What it came of, from the webhook on: see `loyalty.correlation`."""


class SenderState(Base):
    """What all senders share of a number (`number:…`), its campaigns (`marketing:…`) or a template (`template:…`)."""

    __tablename__ = "sender_state"
    key: Mapped[str] = mapped_column(String(560), primary_key=True)
    next_at: Mapped[float] = mapped_column(Double, default=0.0)
    """Seconds since 1970: when the number's next message may go."""
    factor: Mapped[float] = mapped_column(Double, default=1.0)
    """What share of its throughput a number used after it was last told to slow down, at `slowed_at`."""
    slowed_at: Mapped[float] = mapped_column(Double, default=0.0)
    paused_at: Mapped[datetime | None]
    probe_at: Mapped[datetime | None]
    """When a paused number is tried with one message."""
    error_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)


class Alarm(Base):
    """Something a person has to see to. One of a kind and subject is open at a time and counts."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index(
            "ix_alarm_open", "kind", "subject", unique=True,
            sqlite_where=text("closed_at IS NULL"), postgresql_where=text("closed_at IS NULL"),
        ),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(560))
    """What it is about: a number's id, a template's name, or nothing."""
    code: Mapped[int | None]
    detail: Mapped[str] = mapped_column(Text)
    count: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class EarlyReceipt(Base):
    """A receipt that came before our own row knew the channel's id of its message. Kept for some days."""

    __tablename__ = "early_receipt"
    __table_args__ = (UniqueConstraint("message_id", "state"), Index(None, "received_at"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    message_id: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12))
    body: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


class ChannelEvent(Base):
    """What a channel told beside messages and receipts, once: `conversation.arriving.happenings` has the kinds."""

    __tablename__ = "channel_event"
    __table_args__ = (
        UniqueConstraint("identity"),
        Index(None, "state", "id"),
        Index(None, "former_phone"),
        Index(None, "former_user_id"),
    )
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    identity: Mapped[str] = mapped_column(String(40))
    """The same however often it is told."""
    kind: Mapped[str] = mapped_column(String(16))
    number_id: Mapped[str | None] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(20))
    """Whom it is about, if it is about a person."""
    user_id: Mapped[str | None] = mapped_column(String(140))
    former_phone: Mapped[str | None] = mapped_column(String(20))
    """By what she was known before, if that changed."""
    former_user_id: Mapped[str | None] = mapped_column(String(140))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8))
    """`new`, `done` or `failed` (set aside after too many tries)."""
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime]
    """When it happened."""
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class TemplateRow(Base):
    """A template in one language: what was handed in to WhatsApp, and what WhatsApp has said of it since."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("name", "language"), Index(None, "meta_id"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    name: Mapped[str] = mapped_column(String(512))
    language: Mapped[str] = mapped_column(String(16))
    meta_id: Mapped[str | None] = mapped_column(String(64))
    """The id WhatsApp gave it."""
    declared: Mapped[str] = mapped_column(String(16))
    """The category its file says: `utility`, `marketing` or `authentication`."""
    category: Mapped[str] = mapped_column(String(16))
    """The category WhatsApp puts it in, and bills."""
    due: Mapped[str | None] = mapped_column(String(16))
    """The category WhatsApp has announced for it."""
    status: Mapped[str] = mapped_column(String(32))
    """What WhatsApp says of it: only what is `approved` can be sent."""
    quality: Mapped[str | None] = mapped_column(String(16))
    """How customers take it: `green`, `yellow`, `red` or `unknown`."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it is not approved."""
    content: Mapped[dict[str, Any]]
    """What it says, with its gaps, as it was handed in last."""
    digest: Mapped[str | None] = mapped_column(String(64))
    """A hash of what was handed in last."""
    created_at: Mapped[datetime]
    status_at: Mapped[datetime]
    """When WhatsApp last said what its status is; older news of it is passed over."""
    category_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TrackerRow(Base):
    """Rasa's working memory of a conversation: the last few events. What was said is in inbox and outbox."""

    __tablename__ = "tracker"
    sender_id: Mapped[str] = mapped_column(String(160), primary_key=True)
    events: Mapped[list[Any]]
    updated_at: Mapped[datetime]


class Handout(Base):
    """A file that a customer can fetch for some days, by an address nobody can guess."""

    __tablename__ = "handout"
    __table_args__ = (Index(None, "expires_at"), Index(None, "member_id"))
    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    name: Mapped[str] = mapped_column(String(80))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]


class Handover(Base):
    """Somebody asked for a person. One of a member is open at a time: `waiting` or `taken`, until it is `done`."""

    __tablename__ = "handover"
    __table_args__ = (
        Index(None, "programme_id", "state", "id"),
        Index(None, "member_id"),
        Index(
            "ix_handover_open", "member_id", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    state: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    """The words with which she asked."""
    asked_at: Mapped[datetime]
    quiet_until: Mapped[datetime]
    """Until then the bot keeps quiet; a word of the person who took it puts it off."""
    taken_by: Mapped[str | None] = mapped_column(String(200))
    taken_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(200))
    """Who handed back: a colleague, `customer` or `time`."""
    ended_at: Mapped[datetime | None]


class Misunderstanding(Base):
    """A message that was not clear, without what says who wrote it: for designers. Kept for some months."""

    __tablename__ = "misunderstanding"
    __table_args__ = (UniqueConstraint("programme_id", "message_id"), Index(None, "at"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"))
    message_id: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    """With phone numbers, addresses, codes and her name taken out."""
    language: Mapped[str] = mapped_column(String(2))
    guesses: Mapped[list[Any]]
    """The intents she was offered, likeliest first; none if it was taken to be out of scope."""
    chosen: Mapped[str | None] = mapped_column(String(64))
    """The intent she meant, or `something_else`; empty as long as she has not said."""
    at: Mapped[datetime]
