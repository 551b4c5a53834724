"""Order amendments, levels and goals, referral checks, games, keys and the trail; rules are kept as revisions"""

import hashlib
import json
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_tables()
    extend_member()
    extend_purchase()
    extend_referral()
    extend_rewards()
    move_refunds()
    collect_activities()
    protect()


def create_tables() -> None:
    op.create_table(
        "secret",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "amendment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("purchase_key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.String(length=24), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_amendment_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_amendment")),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_amendment_programme_id_key")),
    )
    op.create_index(
        op.f("ix_amendment_programme_id_purchase_key"), "amendment", ["programme_id", "purchase_key"], unique=False
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_api_key_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_key_hash")),
    )
    op.create_table(
        "parked_event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("member_ref", sa.String(length=250), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_parked_event_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_event")),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_parked_event_programme_id_key")),
    )
    op.create_index(
        op.f("ix_parked_event_programme_id_state_id"), "parked_event", ["programme_id", "state", "id"], unique=False
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_revision_programme_id")),
        sa.PrimaryKeyConstraint("id", "programme_id", name=op.f("pk_revision")),
    )
    op.create_table(
        "stock",
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("item", sa.String(length=200), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("taken >= 0 AND spent >= 0", name=op.f("ck_stock_not_negative")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_stock_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", "item", name=op.f("pk_stock")),
    )
    op.create_table(
        "tombstone",
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_tombstone_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", "hash", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "trail",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_trail_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail")),
    )
    op.create_index(op.f("ix_trail_programme_id_id"), "trail", ["programme_id", "id"], unique=False)
    op.create_index(op.f("ix_trail_subject"), "trail", ["subject"], unique=False)
    op.create_table(
        "activity",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=True),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_activity_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_activity_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_activity_programme_id_key")),
    )
    op.create_index(op.f("ix_activity_member_id_occurred_at"), "activity", ["member_id", "occurred_at"], unique=False)
    op.create_table(
        "award",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("goal", sa.String(length=80), nullable=False),
        sa.Column("period", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_award_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_award_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_award")),
        sa.UniqueConstraint("member_id", "goal", "period", name=op.f("uq_award_member_id_goal_period")),
    )
    op.create_index(op.f("ix_award_programme_id"), "award", ["programme_id"], unique=False)
    op.create_table(
        "invite",
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_invite_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_invite_programme_id")),
        sa.PrimaryKeyConstraint("member_id", "day", name=op.f("pk_invite")),
    )
    op.create_table(
        "quiz_attempt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("quiz", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("right", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_quiz_attempt_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_quiz_attempt_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_attempt")),
        sa.UniqueConstraint(
            "member_id", "quiz", "period", "number", name=op.f("uq_quiz_attempt_member_id_quiz_period_number")
        ),
    )
    op.create_index(
        op.f("ix_quiz_attempt_member_id_finished_at"), "quiz_attempt", ["member_id", "finished_at"], unique=False
    )
    op.create_index("ix_quiz_attempt_due", "quiz_attempt", ["programme_id", "finished_at", "ends_at"], unique=False)
    op.create_table(
        "score",
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("board", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=40), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_score_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_score_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", "board", "period", "member_id", name=op.f("pk_score")),
    )
    op.create_index(op.f("ix_score_member_id"), "score", ["member_id"], unique=False)
    op.create_index(
        "ix_score_rank", "score", ["programme_id", "board", "period", "value", "member_id"], unique=False
    )
    op.create_table(
        "signal",
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_signal_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_signal_programme_id")),
        sa.PrimaryKeyConstraint("member_id", "kind", "hash", name=op.f("pk_signal")),
    )
    op.create_index("ix_signal_shared", "signal", ["programme_id", "kind", "hash"], unique=False)
    op.create_table(
        "spin",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("wheel", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("drawn", sa.String(length=64), nullable=True),
        sa.Column("prize", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_spin_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_spin_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spin")),
        sa.UniqueConstraint(
            "member_id", "wheel", "period", "number", name=op.f("uq_spin_member_id_wheel_period_number")
        ),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_spin_programme_id_key")),
    )
    op.create_table(
        "standing",
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.String(length=64), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rules", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_standing_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_standing_programme_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_standing")),
    )
    op.create_index("ix_standing_due", "standing", ["programme_id", "due_at"], unique=False)
    op.create_index("ix_standing_rules", "standing", ["programme_id", "rules"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_subscription_member_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_subscription_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_subscription_programme_id_key")),
    )
    op.create_index(op.f("ix_subscription_member_id"), "subscription", ["member_id"], unique=False)
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("referral_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("reaction", sa.String(length=8), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_finding_programme_id")),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_finding_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_referral_id"), "finding", ["referral_id"], unique=False)
    op.create_table(
        "voucher_use",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("programme_id", sa.String(length=64), nullable=False),
        sa.Column("voucher_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=True),
        sa.Column("order_amount", sa.String(length=24), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_voucher_use_programme_id")),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name=op.f("fk_voucher_use_voucher_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_use")),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_voucher_use_programme_id_key")),
    )
    op.create_index(op.f("ix_voucher_use_voucher_id"), "voucher_use", ["voucher_id"], unique=False)


def extend_member() -> None:
    op.add_column("programme", sa.Column("goal_rules", sa.String(length=32), nullable=True))
    op.add_column("programme", sa.Column("birthdays_until", sa.Date(), nullable=True))
    op.add_column("member", sa.Column("birthday", sa.Date(), nullable=True))
    op.add_column("member", sa.Column("customer_before", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("member", sa.Column("board_name", sa.String(length=40), nullable=True))
    op.add_column("member", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    # In words of its own: Alembic would copy the table on SQLite, which its foreign keys do not allow.
    op.execute(
        "ALTER TABLE member ADD COLUMN merged_into VARCHAR(32) CONSTRAINT fk_member_merged_into REFERENCES member (id)"
    )
    op.create_index("ix_member_board_name", "member", ["programme_id", "board_name"], unique=True)
    op.create_index(
        "ix_member_merged_into", "member", ["merged_into"],
        sqlite_where=sa.text("merged_into IS NOT NULL"), postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.execute(
        "UPDATE member SET customer_before = true WHERE id IN (SELECT member_id FROM ledger_transaction WHERE kind = 'import')"
    )


def extend_purchase() -> None:
    op.add_column("purchase", sa.Column("revision", sa.String(length=32), nullable=True))
    op.add_column("purchase", sa.Column("paid", sa.String(length=24), server_default="0", nullable=False))
    op.add_column("purchase", sa.Column("points", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_index("ix_purchase_member_id", "purchase")
    op.create_index("ix_purchase_member_id_occurred_at", "purchase", ["member_id", "occurred_at"])
    op.execute(f"UPDATE purchase SET points = {granted('purchase')}")
    bind = op.get_bind()
    refunds: dict[tuple[str, str], Decimal] = {}
    for programme, key, amount in bind.execute(sa.text("SELECT programme_id, purchase_key, amount FROM refund")):
        refunds[programme, key] = refunds.get((programme, key), Decimal(0)) + Decimal(amount)
    # Nothing is kept as `0`, however many places the currency has.
    op.execute("UPDATE purchase SET paid = CASE WHEN CAST(amount AS NUMERIC) = 0 THEN '0' ELSE amount END")
    for (programme, key), refunded in refunds.items():
        where = {"programme": programme, "key": key}
        amount = bind.scalar(
            sa.text("SELECT amount FROM purchase WHERE programme_id = :programme AND key = :key"), where
        )
        if amount is not None:
            paid = str(Decimal(amount) - refunded if Decimal(amount) > refunded else Decimal(0))
            statement = "UPDATE purchase SET paid = :paid WHERE programme_id = :programme AND key = :key"
            bind.execute(sa.text(statement), {**where, "paid": paid})


def granted(kind: str) -> str:
    """SQL for what a row of this table has earned, by the ledger."""
    return (
        "COALESCE((SELECT SUM(-e.amount) FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id "
        f"WHERE t.programme_id = {kind}.programme_id AND t.origin = '{kind}:' || {kind}.key AND e.account = 'issued'), 0)"
    )


def extend_referral() -> None:
    for column in (
        sa.Column("source", sa.String(length=16), server_default="typed", nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rewarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("referrer_given", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("friend_given", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("review_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unsettled", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("referral", column)
    # Friends who bought before there were rewards: nothing is owed for them.
    op.execute("UPDATE referral SET state = 'rewarded' WHERE state = 'converted'")
    op.drop_index("ix_referral_referrer_id", "referral")
    op.create_index("ix_referral_referrer_id_created_at", "referral", ["referrer_id", "created_at"])
    op.create_index("ix_referral_open", "referral", ["programme_id", "unsettled"])
    op.create_index("ix_referral_review", "referral", ["programme_id", "state", "review_due_at"])
    op.create_index("ix_referral_lapse", "referral", ["programme_id", "state", "ends_at"])


def extend_rewards() -> None:
    op.add_column("redemption", sa.Column("cost", sa.String(length=24), server_default="0", nullable=False))
    op.drop_index("ix_redemption_member_id", "redemption")
    op.create_index(
        "ix_redemption_member_id_reward_id_created_at", "redemption", ["member_id", "reward_id", "created_at"]
    )
    with op.batch_alter_table("voucher") as voucher:
        voucher.alter_column("redemption_id", existing_type=sa.String(length=32), nullable=True)
        voucher.add_column(sa.Column("origin", sa.String(length=250), nullable=True))
        voucher.add_column(sa.Column("kind", sa.String(length=16), server_default="product", nullable=False))
        voucher.add_column(sa.Column("value", sa.String(length=24), nullable=True))
        voucher.add_column(sa.Column("minimum", sa.String(length=24), server_default="0", nullable=False))
        voucher.add_column(sa.Column("cost", sa.String(length=24), server_default="0", nullable=False))
        voucher.add_column(sa.Column("uses", sa.Integer(), server_default="1", nullable=False))
        voucher.add_column(sa.Column("used", sa.Integer(), server_default="0", nullable=False))
        voucher.add_column(sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE voucher SET origin = 'redeem:' || redemption_id")
    op.execute("UPDATE voucher SET used = 1 WHERE status = 'used'")
    with op.batch_alter_table("voucher") as voucher:
        voucher.alter_column("origin", existing_type=sa.String(length=250), nullable=False)
        voucher.create_unique_constraint("uq_voucher_programme_id_origin", ["programme_id", "origin"])
        voucher.create_check_constraint("uses", "used >= 0 AND used <= uses")
    # What was given before there was stock counts: a hold of that time that is voided is given back.
    op.execute(
        "INSERT INTO stock (programme_id, item, taken, spent) SELECT programme_id, 'reward:' || reward_id, COUNT(*), 0 "
        "FROM redemption WHERE state IN ('held', 'confirmed') GROUP BY programme_id, reward_id"
    )


def move_refunds() -> None:
    op.execute(
        "INSERT INTO amendment (id, programme_id, key, purchase_key, kind, amount, currency, lines, occurred_at, "
        "content_hash) SELECT id, programme_id, key, purchase_key, 'refund', amount, currency, '[]', occurred_at, "
        "content_hash FROM refund"
    )
    op.drop_table("refund")


def collect_activities() -> None:
    """Activities were only in the ledger; its cause has their key, its memo their name."""
    bind = op.get_bind()
    posted = sa.table(
        "ledger_transaction",
        *(sa.column(name) for name in ("id", "programme_id", "member_id", "cause", "kind")),
        sa.column("occurred_at", sa.DateTime(timezone=True)),
        sa.column("posted_at", sa.DateTime(timezone=True)),
        sa.column("memo", sa.JSON()),
    )
    activity = sa.table(
        "activity",
        *(sa.column(name) for name in ("id", "programme_id", "member_id", "key", "name", "content_hash")),
        sa.column("points", sa.BigInteger()),
        sa.column("occurred_at", sa.DateTime(timezone=True)),
        sa.column("recorded_at", sa.DateTime(timezone=True)),
    )
    for row in bind.execute(sa.select(posted).where(posted.c.kind == "activity")).all():
        name = row.memo["activity"]
        content = hashlib.sha256(json.dumps([row.member_id, name]).encode()).hexdigest()
        bind.execute(
            sa.insert(activity).values(
                id=row.id,
                programme_id=row.programme_id,
                member_id=row.member_id,
                name=name,
                points=0,
                key=row.cause.removeprefix("activity:"),
                content_hash=content,
                occurred_at=row.occurred_at,
                recorded_at=row.posted_at,
            )
        )
    op.execute(f"UPDATE activity SET points = {granted('activity')}")


def protect() -> None:
    """The trail is only ever added to, and on Postgres a TRUNCATE does not pass by the protection either.

    The words and the evidence of a consent can be blanked, nothing else of it changed.
    """
    same = " AND ".join(f"NEW.{name} = OLD.{name}" for name in ("id", "programme_id", "member_id", "purpose", "given", "at"))
    altered = f"NOT (NEW.words = '' AND NEW.evidence = '' AND {same})"
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER consent_no_update")
        op.execute(
            f"CREATE TRIGGER consent_no_update BEFORE UPDATE ON consent WHEN {altered} "
            "BEGIN SELECT RAISE(ABORT, 'consent is only ever added to'); END"
        )
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER trail_no_{verb} BEFORE {verb.upper()} ON trail "
                "BEGIN SELECT RAISE(ABORT, 'trail is only ever added to'); END"
            )
        return
    op.execute("DROP TRIGGER consent_only_added ON consent")
    op.execute("CREATE TRIGGER consent_only_added BEFORE DELETE ON consent FOR EACH ROW EXECUTE FUNCTION only_added()")
    op.execute(
        f"CREATE TRIGGER consent_only_blanked BEFORE UPDATE ON consent FOR EACH ROW WHEN ({altered}) "
        "EXECUTE FUNCTION only_added()"
    )
    op.execute(
        "CREATE TRIGGER trail_only_added BEFORE UPDATE OR DELETE ON trail FOR EACH ROW EXECUTE FUNCTION only_added()"
    )
    for table in ("ledger_transaction", "ledger_entry", "trail"):
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION only_added()"
        )


def downgrade() -> None:
    raise NotImplementedError("a store is not brought back: restore the backup made before the upgrade")
