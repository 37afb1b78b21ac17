"""Rows of earlier trainings beside those read now: whose purchases have to be netted again, and the rows to net."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from training.input.prepared.kept import Kept, Void

if TYPE_CHECKING:
    from training.input.staging import StagedRows

COLUMNS = (
    "space", "customer", "order", "line", "item", "title", "currency", "quantity", "price", "time", "is_return",
    "place", "origin",
)  # fmt: skip
ORDER_KEYS = ["order", "item", "is_return"]
SAME = ("customer", "order", "line", "item", "quantity", "price", "time", "is_return")


def quoted(value: str) -> str:
    """As a text of SQL."""
    return "'" + value.replace("'", "''") + "'"


def kept_rows(engine: Backend, kept: Kept) -> ir.Table:
    """The rows of files that count, of all trainings before this one."""
    parts = []
    for number, path in enumerate(kept.parts):
        void = [f"(origin = {quoted(one.origin)} AND time >= TIMESTAMP {quoted(one.since)})"
                for one in kept.facts.voids if number < one.parts]  # fmt: skip
        where = f" WHERE NOT ({' OR '.join(void)})" if void else ""
        parts.append(f"SELECT * FROM read_parquet({quoted(str(path))}){where}")  # noqa: S608 - our own files
    engine.raw_sql(f"CREATE OR REPLACE VIEW kept_rows AS {' UNION ALL '.join(parts)}")
    return engine.table("kept_rows")


def fingerprint(engine: Backend, rows: ir.Table) -> tuple[int, int]:
    """How many rows, and a number that another row, or one that was changed, makes another."""
    hashed = engine.compile(rows.select(*SAME))
    columns = ", ".join(f'"{name}"' for name in SAME)
    found = engine.raw_sql(f"SELECT count(*), coalesce(bit_xor(hash({columns})), 0) FROM ({hashed})").fetchone()  # noqa: S608
    assert found is not None
    return int(found[0]), int(found[1])


@dataclass(frozen=True, eq=False)
class Again:
    """What is netted again: `rows` of the customers in `customers` (column customer) and of the guests' orders in
    `guest_orders` (space, order)."""

    rows: ir.Table
    customers: ir.Table
    guest_orders: ir.Table


def rows_again(engine: Backend, before: ir.Table, live_before: ir.Table | None, staged: "StagedRows") -> Again:
    """All rows, old and new, of every customer and every guest's order of which a row is new, gone or changed."""
    fresh = staged.of_files.select(*COLUMNS) if staged.of_files is not None else None
    changed = [before.limit(0) if fresh is None else fresh]
    gone = staged.replaced
    if gone is not None:
        changed.append(gone.select(*COLUMNS))
    live = staged.of_live.select(*COLUMNS) if staged.of_live is not None else None
    if live is not None:
        # Rows of live events are read whole each time; those that are new or gone say whom they are about.
        same = [name for name in COLUMNS if name != "place"]
        was = live_before.select(*same) if live_before is not None else live.select(*same).limit(0)
        now = live.select(*same)
        odd = now.difference(was).union(was.difference(now))
        changed.append(odd.mutate(place=ibis.literal(0, "int64")).select(*COLUMNS))
        if fresh is not None:
            # An order of which files tell now is no longer told by live events.
            changed.append(live.semi_join(fresh.filter(fresh.order.notnull()).select("order").distinct(), "order"))
    every = engine.create_table("changed_rows", _union(changed).select("space", "customer", "order").distinct())
    customers = engine.create_table(
        "changed_customers", every.filter(every.customer.notnull()).select("customer").distinct()
    )
    guest_orders = engine.create_table(
        "changed_guest_orders", every.filter(every.customer.isnull()).select("space", "order").distinct()
    )

    def of_those(rows: ir.Table) -> ir.Table:
        rows = rows.select(*COLUMNS)
        known = rows.semi_join(customers, "customer")
        return known.union(rows.filter(rows.customer.isnull()).semi_join(guest_orders, ["space", "order"]))

    of_files = of_those(before)
    if fresh is not None:
        of_files = of_files.union(of_those(fresh))
    rows = engine.create_table("rows_again", of_files)
    if live is not None:
        mine = of_those(live)
        if kept_orders := [table.select(*ORDER_KEYS) for table in (before, fresh) if table is not None]:
            told = kept_orders[0] if len(kept_orders) == 1 else kept_orders[0].union(kept_orders[1])
            mine = mine.anti_join(told.filter(told.order.notnull()), ORDER_KEYS)
        rows = rows.union(mine.select(*COLUMNS))
    return Again(rows=rows, customers=customers, guest_orders=guest_orders)


def _union(tables: Sequence[ir.Table]) -> ir.Table:
    first, *others = (table.select("space", "customer", "order") for table in tables)
    for other in others:
        first = first.union(other)
    return first


def voids_of(kept: Kept, staged: "StagedRows") -> list[Void]:
    """Those of before, and those of what this training read again."""
    again = [Void(origin=origin, since=since, parts=kept.facts.parts) for origin, since in staged.again.items()]
    return [*kept.facts.voids, *again]
