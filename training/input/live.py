"""Live purchases as a source: what `recsvc serve` stored in the state database."""

import os
from pathlib import Path

import ibis.expr.types as ir
import sqlalchemy as sa

from models.errors import InputError
from training.input.database import connect, export_query

LIVE = "live"
QUERY = (
    "SELECT type, event_id, customer_id, order_id, items, currency, happened_at FROM events "
    "WHERE type IN ('purchase', 'return') AND seq <= {seq} ORDER BY seq"
)


def live_url(store: Path) -> str:
    """Where the state is kept: RECSVC_DATABASE_URL, else the store's own file."""
    return os.environ.get("RECSVC_DATABASE_URL") or f"sqlite:///{(store / 'recsvc.db').resolve()}"


def export_live(url: str, path: Path) -> int:
    """Write all purchases and returns to `path`; returns the number of the last event that was there to be read.

    Event numbers grow in the order of commits, so no event up to it can come later. Raises InputError.
    """
    engine, place = connect(url)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("events"):
                raise InputError(f"{place}: holds no live events; `recsvc serve` makes their table and takes them")
            seq = int(connection.scalar(sa.text("SELECT max(seq) FROM events")) or 0)
    except sa.exc.SQLAlchemyError as error:
        raise InputError(f"{place}: {str(getattr(error, 'orig', None) or error).strip().splitlines()[0]}") from None
    finally:
        engine.dispose()
    export_query(url, QUERY.format(seq=seq), path)
    return seq


def once(rows: ir.Table, live: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Live rows in the space of the files' orders, without those of which the files have order and item; and these."""
    keys = ["order", "item", "is_return"]
    known = rows.filter(rows.order.notnull()).select(keys).distinct()
    space = rows.aggregate(space=rows.space.min())
    fresh = live.anti_join(known, keys).drop("space").cross_join(space)
    return fresh.select(*live.columns), live.semi_join(known, keys)
