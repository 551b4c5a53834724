"""What customers meant when they were asked"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "misunderstanding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("programme_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("guesses", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.String(64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name=op.f("fk_misunderstanding_programme_id_programme")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_misunderstanding")),
        sa.UniqueConstraint("programme_id", "message_id", name=op.f("uq_misunderstanding_programme_id_message_id")),
    )
    op.create_index(op.f("ix_misunderstanding_at"), "misunderstanding", ["at"])
