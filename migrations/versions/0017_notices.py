"""Notices: who has not bought for long is found by an index; when somebody was last asked to bring friends"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_purchase_when", "purchase", ["programme_id", "occurred_at"])
    op.add_column("conversation", sa.Column("prompted_at", sa.DateTime(timezone=True), nullable=True))
