"""What shops deliver, and how far their orders are known"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shop_delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("shop", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "shop", "topic", "delivery_id"),
    )
    waiting, parked = sa.text("state = 'waiting'"), sa.text("state = 'parked'")
    op.create_index(
        "ix_shop_delivery_waiting", "shop_delivery", ["key", "id"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("ix_shop_delivery_due", "shop_delivery", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_shop_delivery_parked", "shop_delivery", ["id"], sqlite_where=parked, postgresql_where=parked)
    op.create_index(op.f("ix_shop_delivery_received_at"), "shop_delivery", ["received_at"])
    op.create_table(
        "shop_order",
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rank", sa.String(length=100), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.String(length=24), nullable=False),
        sa.Column("lines_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"]),
        sa.PrimaryKeyConstraint("programme_id", "key"),
    )
