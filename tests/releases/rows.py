"""A row for every table of the state, and what a database of SQLite holds as SQL text."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from recsvc.state import open_database
from recsvc.state.live_events import events
from recsvc.state.schema import metadata

T = datetime(2026, 2, 1, 12, 30, tzinfo=UTC)
MAIL = {"campaign_id": "spring", "edition": "1", "customer_id": "coffee-1"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "api_keys": [
        {"key_id": "3f9c2a10", "name": "shop", "scope": "server", "hash": bytes(32), "created_at": T},
        {"key_id": "3f9c2a11", "name": "old", "scope": "public", "hash": b"\1" * 32, "created_at": T, "revoked_at": T},
    ],
    "customers": [
        {
            "customer_id": "coffee-1", "email": "ada@mail.example", "first_name": "Ada", "locale": "de",
            "email_ok": True, "profiling_ok": True, "tracking_ok": False, "tier": "gold", "points": 120,
            "updated_at": T,
        },
        {"customer_id": "Ümläut's", "email_ok": False, "profiling_ok": False, "tracking_ok": False, "updated_at": T},
    ],
    "consents": [
        {"customer_id": "coffee-1", "purpose": "email", "granted": True, "basis": "consent", "source": "import",
         "at": T, "recorded_at": T},
    ],
    "suppressions": [{"address": "ab" * 32, "key_check": "cd", "reason": "objection", "at": T}],
    "mails": [
        {**MAIL, "state": "sent", "items": '["milk"]', "benefits": '["b1"]', "model_version": "v", "created_at": T,
         "updated_at": T},
    ],
    "global_holdouts": [{"since": T, "share": 0.05, "salt": "salt"}],
    "benefit_counters": [{"benefit_id": "b1", "used": 1, "spent_minor": 250}],
    "benefit_uses": [{"benefit_id": "b1", **MAIL, "cost_minor": 250, "at": T}],
    "price_history": [
        {"item_id": "milk", "valid_from": T, "price": 1.19, "currency": "EUR"},
    ],
    "mail_clicks": [{**MAIL, "item_id": "milk", "place": 1, "at": T}],
    "events": [
        {"type": "view", "event_id": "e1", "session_id": "s1", "items": '[{"item_id":"milk"}]',
         "scope": "public", "happened_at": T, "received_at": T},
        {"type": "purchase", "event_id": "e2", "customer_id": "coffee-1", "order_id": "o1",
         "items": '[{"item_id":"oats"}]', "scope": "server", "happened_at": T, "received_at": T},
    ],
    "session_links": [{"session_id": "s1", "customer_id": "coffee-1", "linked_at": T}],
}  # fmt: skip
LIVE = events  # imported, so that `metadata` knows its tables


def fill(connection: sa.Connection, tables: sa.MetaData = metadata) -> dict[str, int]:
    """Insert the rows into the tables that there are, as far as these have the columns; how many each got."""
    for name, table in tables.tables.items():
        if name in ROWS:
            for row in ROWS[name]:
                known = {column: value for column, value in row.items() if column in table.c}
                connection.execute(sa.insert(table).values(known))
    return {name: len(ROWS[name]) for name in tables.tables if name in ROWS}


def dump_of(folder: Path) -> str:
    """What this release keeps in SQLite, as SQL."""
    database = open_database(None, folder)
    with database.begin() as connection:
        fill(connection)
    database.dispose()
    file = sqlite3.connect(folder / "recsvc.db")
    try:
        return "\n".join(file.iterdump()) + "\n"
    finally:
        file.close()
