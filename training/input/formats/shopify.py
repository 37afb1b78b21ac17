"""Shopify's order export: a CSV with one row a line item, the order's own columns only on its first row."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from training.input.cells import number_of, text_of
from training.input.columns import match_columns, require
from training.input.engine import count_of
from training.input.files import InputFile
from training.input.readers import FILE, ROW, open_rows
from training.input.rows import RawRows

COLUMNS = {
    "order_id": "Name",
    "customer_id": "Email",
    "item_id": "Lineitem sku",
    "quantity": "Lineitem quantity",
    "unit_price": "Lineitem price",
    "timestamp": "Paid at",
    "currency": "Currency",
    "created_at": "Created at",
    "title": "Lineitem name",
    "discount": "Lineitem discount",
    "status": "Financial Status",
    "cancelled_at": "Cancelled at",
}
NEEDED = ("order_id", "customer_id", "item_id", "quantity", "unit_price", "timestamp", "title", "status")
ORDER_COLUMNS = ("customer_id", "currency", "timestamp", "created_at", "status", "cancelled_at")
NOT_SOLD = ("voided", "expired")


def read(engine: Backend, name: str, files: Sequence[InputFile], chosen: Mapping[str, str]) -> RawRows:
    """Orders that are neither cancelled nor voided; refunded ones are bought and taken back.

    A line without SKU goes by its name. A partial refund does not say which lines came back, so it is only warned of.
    """
    first = files[0]
    place = str(first.path)
    columns = match_columns(place, first.columns, COLUMNS, chosen)
    require(place, columns, NEEDED, first.columns, COLUMNS)
    opened = open_rows(engine, name, files, columns)
    texts = {
        column: text_of(opened.table[column], place) if column in columns else ibis.null("string") for column in COLUMNS
    }
    staged = engine.create_table(f"{name}_cells", opened.table.select(**texts, **{FILE: opened.table[FILE]}))
    filled = engine.create_table(f"{name}_filled", _fill_down(staged))
    orders = filled.group_by("order_id").agg(**{column: filled[column].max() for column in ORDER_COLUMNS})
    lines = filled.drop(*ORDER_COLUMNS).left_join(orders.rename(the_order="order_id"), [("order_id", "the_order")])
    status = lines.status.lower().fill_null("")
    quantity = number_of(lines.quantity, place)
    price = number_of(lines.unit_price, place) - number_of(lines.discount, place).fill_null(0.0) / quantity.nullif(0.0)
    rows = engine.create_table(
        f"{name}_lines",
        lines.select(
            "order_id", "customer_id", "quantity", "title", "currency", FILE, ROW,
            item_id=ibis.coalesce(lines.item_id, lines.title),
            unit_price=ibis.coalesce(ibis.greatest(price, 0.0).cast("string"), lines.unit_price),
            timestamp=ibis.coalesce(lines.timestamp, lines.created_at),
            status=status,
            skip=ibis.cases(
                (lines.cancelled_at.notnull(), "the order was cancelled"),
                *((status == word, f"the order is {word}") for word in NOT_SOLD),
                else_=ibis.null("string"),
            ),
        ),
    )  # fmt: skip
    bought = rows.mutate(type=ibis.literal("purchase"))
    back = rows.filter((rows.status == "refunded") & rows.skip.isnull()).mutate(type=ibis.literal("return"))
    shown = {column: columns[column] for column in ("order_id", "item_id", "quantity", "unit_price", "timestamp")}
    return RawRows(
        table=bought.union(back),
        names=shown,
        refused=opened.refused,
        has_addresses=True,
        warnings=_warnings(rows),
    )


def _fill_down(cells: ir.Table) -> ir.Table:
    """The order's name on every row: where it is blank, the row belongs to the order above. Adds `_row`."""
    placed = cells.mutate(place=cells.rowid())
    placed = placed.mutate(**{ROW: placed.place - placed.place.min().over(group_by=FILE)})
    order = placed.order_id.count().over(group_by=FILE, order_by="place", rows=(None, 0))
    numbered = placed.mutate(nth=order)
    named = numbered.order_id.max().over(group_by=[FILE, "nth"])
    return numbered.mutate(order_id=named).drop("nth", "place")


def _warnings(rows: ir.Table) -> tuple[str, ...]:
    partial = count_of(rows.filter(rows.status == "partially_refunded").select("order_id").distinct())
    if not partial:
        return ()
    return (
        f"{partial:,} Shopify orders are refunded in part; the export does not say which lines, so all count as bought",
    )
