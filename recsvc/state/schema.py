"""The tables. Migrations create them; `tests/state/test_migrations.py` holds both to the same shape."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# Ids sort by code point on every database, as they do in Python and in a bundle.
Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. Takes aware times only; SQLite, which has no zones, gets UTC without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; pass datetime(…, tzinfo=UTC)")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
    }
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),  # SHA-256 of the secret
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.CheckConstraint("scope IN ('public', 'server', 'admin')", name="scope"),
)

customers = sa.Table(
    "customers",
    metadata,
    sa.Column("customer_id", Id, primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("first_name", sa.Text),
    sa.Column("locale", sa.Text),
    # Nobody has consented until somebody says so.
    sa.Column("email_ok", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("profiling_ok", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("tracking_ok", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("tier", sa.Text),
    sa.Column("points", sa.Integer),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("segment", sa.Text),
    sa.Column("email_basis", sa.Text),  # consent (also where empty), or existing_customer: § 7 (3) UWG
    sa.Column("consent_at", Instant),  # when the customer agreed, where the shop says so
    sa.Column("objected_at", Instant),  # when the customer unsubscribed here; older consents do not count
)
