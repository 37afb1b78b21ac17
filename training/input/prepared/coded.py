"""Netted purchases with their ids: of a reading of everything, or of what an earlier one kept and what changed."""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend
from numpy.typing import NDArray

from training.data import PurchaseLines
from training.input.engine import count_of
from training.input.netting import NettedLines
from training.input.prepared.kept import Kept
from training.input.prepared.rows import Again, quoted

TABLES = ("customers", "items", "orders", "titles")
KEPT, NEW = 0, 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Coded:
    """`lines` with codes; tables `customers` and `items` (code, id), `orders` (code, space, order_id, customer_id,
    order_day, first, day) and `titles` (item, title), the greatest name of each item that has one."""

    lines: PurchaseLines
    customers: ir.Table
    items: ir.Table
    orders: ir.Table
    titles: ir.Table

    @property
    def n_orders(self) -> int:
        """Orders, also those of which nothing is left."""
        return count_of(self.orders)


def coded_of(engine: Backend, netted: NettedLines, rows: ir.Table, lines: PurchaseLines) -> Coded:
    """What one netting made; `rows` went into it."""
    orders = engine.table("orders")
    known = netted.customers
    orders = orders.left_join(known, orders.customer == known.code).select(
        code=orders.order, space=orders.space, order_id=orders.order_id, customer_id=known.id,
        order_day=orders.order_day, first=orders["first"], day=orders.day,
    )  # fmt: skip
    titles = rows.filter(rows.title.notnull()).group_by("item").agg(title=ibis._.title.max())
    return Coded(lines=lines, customers=netted.customers, items=netted.items, orders=orders, titles=titles)


def kept_tables(engine: Backend, kept: Kept) -> dict[str, ir.Table]:
    """The tables of TABLES as the last training kept them, as views."""
    tables = {}
    for name in TABLES:
        engine.raw_sql(
            f"CREATE OR REPLACE VIEW kept_{name} AS "  # noqa: S608 - our own files
            f"SELECT * FROM read_parquet({quoted(str(kept.path / (name + '.parquet')))})"
        )
        tables[name] = engine.table(f"kept_{name}")
    return tables


def merged(engine: Backend, kept: Kept, again: Again, part: Coded, feed_items: ir.Table | None) -> Coded:
    """What the last training kept, with `part` in the place of all that was netted again; codes as one netting of
    everything gives them."""
    before = kept_tables(engine, kept)
    feed = [] if feed_items is None else [feed_items.select("id")]
    customers = _ids(engine, "merged_customers", before["customers"].select("id"), part.customers.select("id"))
    items = _ids(engine, "merged_items", before["items"].select("id"), part.items.select("id"), *feed)
    orders, codes = _orders(engine, before["orders"], again, part.orders)
    titles = before["titles"].union(part.titles).group_by("item").agg(title=ibis._.title.max())
    parts = [
        _recoded(lines, codes[which], _codes(own["customers"], customers), _codes(own["items"], items))
        for which, lines, own in (
            (KEPT, kept.lines(), before),
            (NEW, part.lines, {"customers": part.customers, "items": part.items}),
        )
    ]
    return Coded(lines=_sorted(*parts), customers=customers, items=items, orders=orders, titles=titles)


def _ids(engine: Backend, name: str, *parts: ir.Table) -> ir.Table:
    """code (int32, from 0) and id, ascending together."""
    every = parts[0].union(*parts[1:], distinct=True)
    code = ibis.row_number().over(order_by=every.id).cast("int32")
    return engine.create_table(name, every.select(code=code, id=every.id).order_by("code"))


def _codes(own: ir.Table, merged: ir.Table) -> NDArray[np.int32]:
    """The merged code of each own code, −1 for one that is none; the last one, for −1, is −1."""
    pairs = own.select(was="code", name="id").inner_join(merged, ibis._.name == merged.id).select("was", "code")
    return _placed(pairs.to_pyarrow())


def _placed(pairs: pa.Table) -> NDArray[np.int32]:
    was, code = (pairs[name].to_numpy() for name in ("was", "code"))
    codes = np.full(int(was.max(initial=-1)) + 2, -1, np.int32)
    codes[was] = code
    return codes


def _orders(
    engine: Backend, before: ir.Table, again: Again, new: ir.Table
) -> tuple[ir.Table, dict[int, NDArray[np.int32]]]:
    """All orders, and the code of each kept and each new one; −1: it was netted again."""
    columns = ("space", "order_id", "customer_id", "order_day", "first", "day")
    known = before.filter(before.customer_id.notnull())
    of_guests = before.filter(before.customer_id.isnull())
    left = known.anti_join(again.customers, known.customer_id == again.customers.customer).union(
        of_guests.anti_join(
            again.guest_orders,
            [of_guests.space == again.guest_orders.space, of_guests.order_id == again.guest_orders.order],
        )
    )
    every = left.select(*columns, was="code", part=ibis.literal(KEPT, "int8")).union(
        new.select(*columns, was="code", part=ibis.literal(NEW, "int8"))
    )
    # As netting numbers them; a guest comes before every customer.
    turn = [every["first"], every.order_id, ibis.coalesce(every.customer_id, ""), every.space]
    numbered = engine.create_table(
        "merged_orders", every.mutate(code=ibis.row_number().over(order_by=turn).cast("int32"))
    )
    codes = {
        part: _placed(numbered.filter(numbered.part == part).select("was", "code").to_pyarrow()) for part in (KEPT, NEW)
    }
    return numbered.select("code", *columns), codes


def _recoded(
    lines: PurchaseLines, orders: NDArray[np.int32], customers: NDArray[np.int32], items: NDArray[np.int32]
) -> PurchaseLines:
    """With merged codes, without the lines of orders that were netted again."""
    order = np.append(orders, np.full(max(int(lines.order.max(initial=-1)) + 2 - len(orders), 0), -1, np.int32))
    moved = replace(lines, order=order[lines.order])
    if (moved.order < 0).any():
        moved = moved.where(moved.order >= 0)
    return replace(moved, customer=customers[moved.customer], item=items[moved.item])


def _sorted(kept: PurchaseLines, new: PurchaseLines) -> PurchaseLines:
    """Both, sorted by (customer, day, order, item) as each is; a customer's lines are all of one of them."""
    lines = PurchaseLines(**{name: np.concatenate([getattr(kept, name), getattr(new, name)]) for name in vars(kept)})
    order = np.argsort(lines.customer, kind="stable")  # two runs, merged in one pass
    guests = order[: int(np.count_nonzero(lines.customer < 0))]
    guests[:] = guests[np.lexsort((lines.item[guests], lines.order[guests], lines.day[guests]))]
    return PurchaseLines(**{name: array[order] for name, array in vars(lines).items()})
