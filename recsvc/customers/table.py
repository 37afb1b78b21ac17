"""Reading the customer table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from recsvc.state.schema import customers

BLOCK = 1_000  # rows read at once; PostgreSQL and SQLite both take this many ids in one IN list
_COLUMNS = (
    customers.c.customer_id, customers.c.email, customers.c.first_name, customers.c.locale, customers.c.email_ok,
    customers.c.profiling_ok, customers.c.tier, customers.c.tracking_ok, customers.c.segment, customers.c.points,
    customers.c.email_basis, customers.c.consent_at, customers.c.objected_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Customer:
    """What a mail needs to know about its reader."""

    customer_id: str
    email: str | None = None
    first_name: str | None = None
    locale: str | None = None
    email_ok: bool = False
    profiling_ok: bool = False
    tier: str | None = None
    tracking_ok: bool = False
    segment: str | None = None
    points: int | None = None
    email_basis: str | None = None
    consent_at: datetime | None = None
    objected_at: datetime | None = None
    seen: frozenset[str] = frozenset()  # items of the last mails, which this one leaves out


def count_customers(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(customers)) or 0


def all_customers(engine: sa.Engine) -> Iterator[Customer]:
    """Everyone, in the order of their ids; BLOCK rows in memory, and no transaction open while they are worked on."""
    after: str | None = None
    while True:
        query = sa.select(*_COLUMNS).order_by(customers.c.customer_id).limit(BLOCK)
        if after is not None:
            query = query.where(customers.c.customer_id > after)
        with engine.connect() as connection:
            block = [Customer(*row) for row in connection.execute(query)]
        yield from block
        if len(block) < BLOCK:
            return
        after = block[-1].customer_id


def find_customers(engine: sa.Engine, ids: Sequence[str]) -> dict[str, Customer]:
    """Those of at most BLOCK ids that the table knows."""
    with engine.connect() as connection:
        return find_among(connection, ids)


def find_among(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Customer]:
    """The same inside a transaction."""
    query = sa.select(*_COLUMNS).where(customers.c.customer_id.in_(ids))
    return {row.customer_id: Customer(*row) for row in connection.execute(query)}
