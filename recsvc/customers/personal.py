"""What is known of one person, all of it (GDPR 15, 20), and how to forget it (GDPR 17)."""

from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from models.errors import InputError, RefusedError
from models.remote_registry import open_registry
from recsvc.customers.suppression import Suppressions
from recsvc.engine import Engine, Query
from recsvc.events.store import erase as erase_events
from recsvc.offers.lifecycle import Lifecycle
from recsvc.offers.targeting import today_of
from recsvc.state import writing
from recsvc.state.mailing import benefit_uses, consents, mail_clicks, mails
from recsvc.state.schema import customers, metadata

ALL_ORDERS = 1_000_000
SCENARIOS = ("home", "discover", "again")
# Tables with a column customer_id, but for those that have their own way of forgetting.
OURS = (customers, consents, mails, benefit_uses, mail_clicks)


def export_customer(
    database: sa.Engine, engine: Engine | None, suppressions: Suppressions, customer_id: str, *, now: datetime
) -> dict[str, Any]:
    """Everything, as JSON has it. Raises InputError for an id that nothing is known of."""
    rows = _rows(database, customer_id)
    own = rows.get("customers", [])
    email = own[0]["email"] if own else None
    known: dict[str, Any] = {
        "customer_id": customer_id,
        "exported_at": now.isoformat(),
        "customer": own[0] if own else None,
        "suppressed": suppressions.reason(email) if email else None,
        **{name: found for name, found in rows.items() if name != "customers"},
    }
    learned = _learned(engine, customer_id, now) if engine is not None else None
    if not any(rows.values()) and learned is None:
        raise InputError(f"nothing is known of customer {customer_id!r}")
    return {**known, "model": learned}


def erase_customer(
    database: sa.Engine, store: Path, suppressions: Suppressions, customer_id: str, *, now: datetime
) -> dict[str, int]:
    """Forget a customer: rows, live events, and the row of every bundle from now on; how many of each.

    The address stays suppressed, as a keyed hash, so that a later import cannot write to it. The next training counts
    their purchases as a guest's. Asked again, it does what is left to do.
    """
    with database.connect() as connection:
        email = connection.scalar(sa.select(customers.c.email).where(customers.c.customer_id == customer_id))
    if email:
        suppressions.add([email], "erased", now)
    open_registry(store).erase(customer_id)
    gone = {"events": erase_events(database, customer_id)}
    with writing(database) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        # Benefits that were given stay counted; the name goes.
        for table in OURS:
            gone[table.name] = connection.execute(sa.delete(table).where(table.c.customer_id == customer_id)).rowcount
    _clean_files(database)
    if _in_rejects(store / "rejects.parquet", customer_id):
        (store / "rejects.parquet").unlink(missing_ok=True)
        gone["rejects.parquet"] = 1
    return gone


def _rows(database: sa.Engine, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that has the customer's id, by table."""
    found = {}
    with database.connect() as connection:
        for table in metadata.sorted_tables:
            if "customer_id" in table.c:
                rows = connection.execute(sa.select(table).where(table.c.customer_id == customer_id))
                found[table.name] = [{name: _plain(value) for name, value in row._mapping.items()} for row in rows]
    return found


def _learned(engine: Engine, customer_id: str, now: datetime) -> dict[str, Any] | None:
    place = engine.customers.find(customer_id)
    if place < 0:
        return None
    past = engine.past(customer_id, orders=ALL_ORDERS)
    lifecycle = Lifecycle.of(engine.recommender.histories, today_of(engine, now))
    lists = {}
    for scenario in SCENARIOS:
        answer = engine.recommend(Query(customer_id=customer_id, scenario=scenario, n=20), now=now)
        lists[scenario] = [
            {"item_id": item.product.item_id, "score": item.score, "source": item.source, "reason": item.reason}
            for item in answer.items
        ]
    return {
        "version": engine.version,
        "stage": lifecycle.name(place),
        "days_between_orders": round(float(lifecycle.rhythm[place]), 1),
        "orders": [
            {"day": order.day.isoformat(), "lines": [asdict(line) for line in order.lines]} for order in past.last
        ],
        "lists": lists,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def _clean_files(database: sa.Engine) -> None:
    """Both databases keep what was deleted for a while: SQLite in its log, PostgreSQL in its tables."""
    if database.dialect.name == "sqlite":
        with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in OURS:
            connection.exec_driver_sql(f"VACUUM {table.name}")


def _in_rejects(path: Path, customer_id: str) -> bool:
    """Whether a row that the last training could not read names the customer."""
    if not path.exists():
        return False
    with suppress(ModuleNotFoundError):
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        return any(customer_id in str(value) for column in table.columns for value in column.to_pylist())
    return True  # it cannot be read here, and holds nothing but what a person may look at once


def engine_of(store: Path) -> Engine | None:
    """The published model; None where there is none."""
    with suppress(RefusedError, InputError):
        return Engine.from_bundle(open_registry(store).open(verify=False))
    return None
