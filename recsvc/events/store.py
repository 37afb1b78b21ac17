"""Events in the database: written at once and for good, read by whoever needs them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from recsvc.events.event import Event
from recsvc.state.database import writing
from recsvc.state.live_events import events, session_links

# One writer at a time, so that `seq` grows in the order of commits: a reader that has seen 10 will never find a 9.
LOCK = 0x7265_6365_7673  # PostgreSQL advisory locks are numbers; this one spells 'recevs'
PRUNED_AT_ONCE = 5_000


@dataclass(frozen=True)
class Stored:
    """How many events of each type were new, and how many were known."""

    accepted: Counter[str]
    duplicates: Counter[str]


def append(engine: sa.Engine, batch: Sequence[Event], *, scope: str, now: datetime) -> Stored:
    """Write events in one transaction, each type and event_id once; on the disk when this returns.

    An event with session and customer ties the session to the customer: what the session did before and does later
    becomes the customer's. Raises SQLAlchemyError when the database cannot be written; nothing is stored then.
    """
    insert = (postgresql if engine.dialect.name == "postgresql" else sqlite).insert
    with writing(engine) as connection:
        _lock(connection)
        owners = _owners(connection, {event.session_id for event in batch if event.session_id is not None})
        rows = [_row(event, owners, scope, now) for event in batch]
        statement = insert(events).on_conflict_do_nothing().returning(events.c.type, events.c.event_id)
        new = {(kind, event_id) for kind, event_id in connection.execute(statement, rows)}
        logins = {
            event.session_id: event.customer_id
            for event in batch
            if event.session_id is not None and event.customer_id is not None and (event.type, event.event_id) in new
        }
        _link(connection, {s: c for s, c in logins.items() if owners.get(s) != c}, insert, now)
    accepted = Counter(kind for kind, _ in new)
    return Stored(accepted, Counter(event.type for event in batch) - accepted)


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL synchronous_commit = on"))  # whatever the server's default is
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def _owners(connection: sa.Connection, sessions: set[str]) -> dict[str, str]:
    """The customers whose sessions these are."""
    if not sessions:
        return {}
    query = sa.select(session_links.c.session_id, session_links.c.customer_id)
    found = connection.execute(query.where(session_links.c.session_id.in_(sessions)))
    return {row.session_id: row.customer_id for row in found}


def _row(event: Event, owners: dict[str, str], scope: str, now: datetime) -> dict[str, Any]:
    customer_id = event.customer_id
    if customer_id is None and event.session_id is not None:
        customer_id = owners.get(event.session_id)
    return {
        "type": event.type,
        "event_id": event.event_id,
        "customer_id": customer_id,
        "session_id": event.session_id,
        "order_id": event.order_id,
        "items": orjson.dumps(event.items).decode(),
        "currency": event.currency,
        "recommendation_id": event.recommendation_id,
        "scope": scope,
        "happened_at": event.happened_at,
        "received_at": now,
    }


def _link(connection: sa.Connection, links: dict[str, str], insert: Any, now: datetime) -> None:
    if not links:
        return
    rows = [{"session_id": s, "customer_id": c, "linked_at": now} for s, c in links.items()]
    statement = insert(session_links)
    changed = {name: statement.excluded[name] for name in ("customer_id", "linked_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=[session_links.c.session_id], set_=changed), rows)
    earlier = sa.update(events).where(events.c.session_id == sa.bindparam("s"), events.c.customer_id.is_(None))
    connection.execute(earlier.values(customer_id=sa.bindparam("c")), [{"s": s, "c": c} for s, c in links.items()])


def erase(engine: sa.Engine, customer_id: str) -> int:
    """Delete all events of a customer and the ties of their sessions; returns how many events that were.

    Running services forget them within a minute.
    """
    with writing(engine) as connection:
        _lock(connection)
        sessions = sa.select(session_links.c.session_id).where(session_links.c.customer_id == customer_id)
        own = events.c.customer_id == customer_id
        guests = events.c.customer_id.is_(None) & events.c.session_id.in_(sessions)
        deleted = connection.execute(sa.delete(events).where(own | guests)).rowcount
        connection.execute(sa.delete(session_links).where(session_links.c.customer_id == customer_id))
    return deleted


def prune(engine: sa.Engine, before: datetime) -> int:
    """Delete the events that happened before a moment, some thousand at a time, and ties of sessions that are older.

    Returns how many events that were.
    """
    deleted = 0
    oldest = sa.select(events.c.seq).where(events.c.happened_at < before).limit(PRUNED_AT_ONCE)
    while True:
        with writing(engine) as connection:
            found = connection.execute(sa.delete(events).where(events.c.seq.in_(oldest))).rowcount
        deleted += found
        if found < PRUNED_AT_ONCE:
            break
    with writing(engine) as connection:
        used = sa.select(events.c.seq).where(events.c.session_id == session_links.c.session_id)
        connection.execute(sa.delete(session_links).where(session_links.c.linked_at < before, ~used.exists()))
    return deleted


def count(engine: sa.Engine) -> int:
    """How many events there are."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(events)) or 0
