"""Customers' messages in full, changes of identity, receipts that were faster than our row, account events"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "early_receipt",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_early_receipt")),
        sa.UniqueConstraint("message_id", "state", name=op.f("uq_early_receipt_message_id_state")),
    )
    op.create_index(op.f("ix_early_receipt_received_at"), "early_receipt", ["received_at"], unique=False)
    op.create_table(
        "channel_event",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("identity", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number_id", sa.String(length=32), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("user_id", sa.String(length=140), nullable=True),
        sa.Column("former_phone", sa.String(length=20), nullable=True),
        sa.Column("former_user_id", sa.String(length=140), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_event")),
        sa.UniqueConstraint("identity", name=op.f("uq_channel_event_identity")),
    )
    for columns in (["state", "id"], ["former_phone"], ["former_user_id"]):
        op.create_index(op.f(f"ix_channel_event_{'_'.join(columns)}"), "channel_event", columns, unique=False)


def downgrade() -> None:
    raise NotImplementedError("a store is not brought back: restore the backup made before the upgrade")
