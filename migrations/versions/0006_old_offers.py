"""Opt-out and opt-in by words, tokens with an age"""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
