"""Customers' messages in full, changes of identity, receipts that were faster than our row, account events"""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
