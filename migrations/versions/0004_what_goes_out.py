"""Costs, dead letters, alarms, the state of the sender and of each number"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    extend_outbox()
    op.add_column("conversation", sa.Column("free_entry_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversation", sa.Column("unreachable_at", sa.DateTime(timezone=True), nullable=True))
    create_tables()


def extend_outbox() -> None:
    """What waited for its hour lets others pass, as before: those that were never tried."""
    false = sa.false()
    for column in (
        sa.Column("category", sa.String(length=16), nullable=False, server_default="service"),
        sa.Column("bulk", sa.Boolean(), nullable=False, server_default=false),
        sa.Column("fallback", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outside", sa.Boolean(), nullable=False, server_default=false),
        sa.Column("billed_on", sa.Date(), nullable=True),
        sa.Column("billed_as", sa.String(length=32), nullable=True),
        sa.Column("cost", sa.String(length=24), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
    ):
        op.add_column("outbox", column)
    op.execute("UPDATE outbox SET not_before = next_try_at WHERE state = 'waiting' AND attempts = 0")
    op.execute("UPDATE outbox SET tried_at = updated_at WHERE attempts > 0")
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index("ix_outbox_waiting", "outbox", ["state", "number_id", "bulk", "next_try_at", "id"])
    op.drop_index(op.f("ix_outbox_member_id_state"), "outbox")
    op.create_index(op.f("ix_outbox_member_id_state_tried_at"), "outbox", ["member_id", "state", "tried_at"])
    where = sa.text("outside")
    op.create_index("ix_outbox_outside", "outbox", ["tried_at"], sqlite_where=where, postgresql_where=where)
    where = sa.text("billed_on IS NOT NULL")
    op.create_index("ix_outbox_billed", "outbox", ["billed_on"], sqlite_where=where, postgresql_where=where)


def create_tables() -> None:
    op.create_table(
        "sender_state",
        sa.Column("key", sa.String(length=560), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.Column("factor", sa.Double(), nullable=False),
        sa.Column("slowed_at", sa.Double(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sender_state")),
    )
    op.create_table(
        "alarm",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=560), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    where = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_alarm_open", "alarm", ["kind", "subject"], unique=True, sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not brought back: restore the backup made before the upgrade")
