"""Costs, dead letters, alarms, the state of the sender and of each number"""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
