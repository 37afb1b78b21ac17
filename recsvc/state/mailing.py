"""The tables of offers: who agreed and who objected, what was mailed, what benefits and prices there were."""

import sqlalchemy as sa

from recsvc.state.schema import Id, Instant, metadata

PURPOSES = ("email", "profiling", "tracking")
# A mail is `exported` to another tool, or sent from here: claimed → sending → sent. `sending` without an end is a mail
# that was in flight when its sender died; `unsure` one whose answer never came. `deferred` is tried again.
MAIL_STATES = ("holdout", "exported", "claimed", "sending", "sent", "deferred", "refused", "unsure")

# What each customer agreed to and objected to, as it was said: rows are added and never changed.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("entry_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", Id, nullable=False, index=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),  # consent, existing_customer or objection
    sa.Column("source", sa.Text, nullable=False),  # where it was said: an import's file name, the unsubscribe link
    sa.Column("at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.CheckConstraint("purpose IN ('email', 'profiling', 'tracking')", name="purpose"),
)

# Addresses that are never written to, as keyed hashes; `key_check` tells which secret keyed them.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("key_check", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

# One row a campaign, edition and customer: what was offered, and how far the mail got.
mails = sa.Table(
    "mails",
    metadata,
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("edition", sa.Text, primary_key=True),
    sa.Column("customer_id", Id, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("items", sa.Text, nullable=False),  # JSON list of item ids
    sa.Column("benefits", sa.Text, nullable=False),  # JSON list of benefit ids
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("detail", sa.Text),  # what the mail server said
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in MAIL_STATES)})", name="state"),
    sa.Index("mails_customer_id_created_at_idx", "customer_id", "created_at"),
)

# What was decided of the customers whom no campaign reaches: rows are added and never changed, the last one holds.
global_holdouts = sa.Table(
    "global_holdouts",
    metadata,
    sa.Column("since", Instant, primary_key=True),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
)

# How often each benefit was given in all, and what that may cost; the row is the lock that caps are kept by.
benefit_counters = sa.Table(
    "benefit_counters",
    metadata,
    sa.Column("benefit_id", sa.Text, primary_key=True),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("spent_minor", sa.BigInteger, nullable=False),
)

benefit_uses = sa.Table(
    "benefit_uses",
    metadata,
    sa.Column("benefit_id", sa.Text, primary_key=True),
    sa.Column("customer_id", Id, primary_key=True, index=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("edition", sa.Text, primary_key=True),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("expires_at", Instant),  # the first moment at which it is no longer valid
    sa.Column("redeemed_at", Instant),  # when its redemption was brought in
    sa.Column("released_at", Instant),  # when it had ended unredeemed, and cap and budget got it back
)

# A row where an item's price changed: the price in force from that moment on.
price_history = sa.Table(
    "price_history",
    metadata,
    sa.Column("item_id", Id, primary_key=True),
    sa.Column("valid_from", Instant, primary_key=True),
    sa.Column("price", sa.Float, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
)

mail_clicks = sa.Table(
    "mail_clicks",
    metadata,
    sa.Column("click_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("edition", sa.Text, nullable=False),
    sa.Column("customer_id", Id, nullable=False, index=True),
    sa.Column("item_id", Id, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
