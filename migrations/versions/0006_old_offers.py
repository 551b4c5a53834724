"""Offers are found by their age, to be forgotten"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_offer_created_at"), "offer", ["created_at"])
