"""Live events, and the sessions that a login tied to a customer."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("customer_id", ID),
        sa.Column("session_id", ID),
        sa.Column("order_id", ID),
        sa.Column("items", sa.Text, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("recommendation_id", sa.Text),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("type", "event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_customer_id_seq_idx", "events", ["customer_id", "seq"])
    op.create_index("events_session_id_seq_idx", "events", ["session_id", "seq"])
    op.create_index("events_happened_at_idx", "events", ["happened_at"])
    op.create_table(
        "session_links",
        sa.Column("session_id", ID, primary_key=True),
        sa.Column("customer_id", ID, nullable=False, index=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("session_links")
    op.drop_table("events")
