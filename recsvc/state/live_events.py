"""The tables of live events.

`seq` grows in the order of commits, so whoever has read up to one has missed none before it; `items` is a JSON list of
{item_id, quantity, price}. A session that a login ties to a customer stands in `session_links`.
"""

import sqlalchemy as sa

from recsvc.state.schema import Id, Instant, metadata

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("event_id", Id, nullable=False),
    sa.Column("customer_id", Id),
    sa.Column("session_id", Id),
    sa.Column("order_id", Id),
    sa.Column("items", sa.Text, nullable=False),
    sa.Column("currency", sa.Text),
    sa.Column("recommendation_id", sa.Text),
    sa.Column("scope", sa.Text, nullable=False),  # of the key that posted it
    sa.Column("happened_at", Instant, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.UniqueConstraint("type", "event_id"),
    sa.Index("events_customer_id_seq_idx", "customer_id", "seq"),
    sa.Index("events_session_id_seq_idx", "session_id", "seq"),
    sa.Index("events_happened_at_idx", "happened_at"),
    sqlite_autoincrement=True,  # a pruned event's number is never given again
)

session_links = sa.Table(
    "session_links",
    metadata,
    sa.Column("session_id", Id, primary_key=True),
    sa.Column("customer_id", Id, nullable=False, index=True),
    sa.Column("linked_at", Instant, nullable=False),
)
