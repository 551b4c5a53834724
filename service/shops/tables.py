"""The tables of shops: what they delivered, and how far each of their orders is known."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from loyalty.tables import Base, Serial

_WAITING = text("state = 'waiting'")
_PARKED = text("state = 'parked'")


class ShopDelivery(Base):
    """Something a shop delivered, as it came. Its body is kept until it was worked off, no longer."""

    __tablename__ = "shop_delivery"
    __table_args__ = (
        UniqueConstraint("source", "shop", "topic", "delivery_id"),
        Index("ix_shop_delivery_waiting", "key", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_shop_delivery_due", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_shop_delivery_parked", "id", sqlite_where=_PARKED, postgresql_where=_PARKED),
        Index(None, "received_at"),
    )
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    """`shopify` or `woocommerce`."""
    shop: Mapped[str] = mapped_column(String(200))
    """Its domain, and its path if it has one."""
    topic: Mapped[str] = mapped_column(String(64))
    delivery_id: Mapped[str] = mapped_column(String(128))
    """The shop's own; the same delivery sent again has the same one."""
    key: Mapped[str] = mapped_column(String(300))
    """What it is about, such as one order: deliveries about one thing are worked off one by one."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(16))
    """`waiting`, `done`, `ignored` (there was nothing to do) or `parked` (a person has to look)."""
    attempts: Mapped[int]
    next_try_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(Text)
    """Why it waits, is parked or was ignored. It holds no personal data."""
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class ShopOrder(Base):
    """How far an order of a shop is known: its newest state that was told, and what was posted of it."""

    __tablename__ = "shop_order"
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The order as the ledger names it: `shopify:DOMAIN/ORDER`."""
    told_at: Mapped[datetime]
    rank: Mapped[str] = mapped_column(String(100))
    """Which of two states told for one second is the later one."""
    sent: Mapped[bool]
    """Whether the purchase was posted, or parked for somebody who is not known yet."""
    amount: Mapped[Decimal]
    """What it comes to, as it was posted last."""
    lines_hash: Mapped[str] = mapped_column(String(64))
