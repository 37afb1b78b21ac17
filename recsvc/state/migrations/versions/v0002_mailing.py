"""Offers: consents, suppressions, mails, benefits, prices, clicks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
CUSTOMER_COLUMNS = ("segment", "email_basis", "consent_at", "objected_at")
TABLES = (
    "consents", "suppressions", "mails", "benefit_counters", "benefit_uses", "price_history", "mail_clicks",
)  # fmt: skip


def upgrade() -> None:
    for name in CUSTOMER_COLUMNS:
        op.add_column("customers", sa.Column(name, MOMENT if name.endswith("_at") else sa.Text))
    _consents()
    _mails()
    _benefits()
    op.create_table(
        "price_history",
        sa.Column("item_id", ID, primary_key=True),
        sa.Column("valid_from", MOMENT, primary_key=True),
        sa.Column("price", sa.Float, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
    )


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("entry_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.CheckConstraint("purpose IN ('email', 'profiling', 'tracking')", name="purpose"),
    )
    op.create_index("consents_customer_id_idx", "consents", ["customer_id"])
    _append_only("consents")
    op.create_table(
        "suppressions",
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("key_check", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )


def _append_only(table: str) -> None:
    """Nobody changes what a customer said; a row may only go, when the customer is erased."""
    said = f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{said}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    )


def _mails() -> None:
    states = "'holdout', 'exported', 'claimed', 'sending', 'sent', 'deferred', 'refused', 'unsure'"
    op.create_table(
        "mails",
        sa.Column("campaign_id", sa.Text, primary_key=True),
        sa.Column("edition", sa.Text, primary_key=True),
        sa.Column("customer_id", ID, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("items", sa.Text, nullable=False),
        sa.Column("benefits", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(f"state IN ({states})", name="state"),
    )
    op.create_index("mails_customer_id_created_at_idx", "mails", ["customer_id", "created_at"])
    op.create_table(
        "mail_clicks",
        sa.Column("click_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("campaign_id", sa.Text, nullable=False),
        sa.Column("edition", sa.Text, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("mail_clicks_customer_id_idx", "mail_clicks", ["customer_id"])


def _benefits() -> None:
    op.create_table(
        "benefit_counters",
        sa.Column("benefit_id", sa.Text, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("spent_minor", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "benefit_uses",
        sa.Column("benefit_id", sa.Text, primary_key=True),
        sa.Column("customer_id", ID, primary_key=True),
        sa.Column("campaign_id", sa.Text, primary_key=True),
        sa.Column("edition", sa.Text, primary_key=True),
        sa.Column("cost_minor", sa.BigInteger, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("benefit_uses_customer_id_idx", "benefit_uses", ["customer_id"])


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION consents_append_only()")
    for name in CUSTOMER_COLUMNS:
        op.drop_column("customers", name)
