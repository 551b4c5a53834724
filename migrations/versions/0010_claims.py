"""Points that members miss: what they tell of a purchase, and what a person decides"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("programme_id", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("told_when", sa.String(200)),
        sa.Column("told_where", sa.String(200)),
        sa.Column("amount", sa.String(24)),
        sa.Column("media_id", sa.String(200)),
        sa.Column("media_type", sa.String(100)),
        sa.Column("media_sha256", sa.String(100)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.String(200)),
        sa.Column("why", sa.String(32)),
        sa.Column("purchase_key", sa.String(200)),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"]),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("programme_id", "key"),
    )
    op.create_index(op.f("ix_claim_programme_id_state_id"), "claim", ["programme_id", "state", "id"])
    op.create_index(op.f("ix_claim_member_id"), "claim", ["member_id"])
    op.create_index(op.f("ix_claim_media_sha256"), "claim", ["media_sha256"])
