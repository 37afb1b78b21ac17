"""WooCommerce REST v3: orders, and refunds with their `parent_id`, as JSON lines or arrays."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.errors import InputError
from training.input.cells import number_of
from training.input.columns import suggestion
from training.input.engine import count_of
from training.input.files import InputFile
from training.input.formats.objects import NOTHING, entries, list_length, stage_objects, text, without_lines
from training.input.readers import FILE, ROW
from training.input.rows import RawRows

SOLD = ("processing", "completed", "refunded")
ITEM_FIELDS = ("variation_id", "product_id", "sku")
NAMES = {
    "order_id": "id",
    "item_id": "product_id",
    "quantity": "quantity",
    "unit_price": "total",
    "timestamp": "date_paid_gmt",
}


def read(engine: Backend, name: str, files: Sequence[InputFile], chosen: Mapping[str, str]) -> RawRows:
    """Lines of processing, completed and refunded orders, and what refunds took back.

    The item is the variation, else the product, else the SKU; `--columns item_id=sku` chooses one of them. Guests go by
    the pseudonym of their billing address. A refunded order without refunded lines was taken back whole.
    """
    item_fields = _item_fields(chosen)
    if files[0].kind != "json":
        raise InputError(
            f"{files[0].path}: WooCommerce orders are JSON; for a CSV export use --format canonical with --columns"
        )
    objects = stage_objects(engine, name, files, ())
    json = objects.json
    orders = objects.mutate(
        parent_id=text(json["parent_id"]).nullif("0"),
        order_id=text(json["id"]),
        status=text(json["status"]).lower(),
        currency=text(json["currency"]),
        customer_id=ibis.coalesce(text(json["customer_id"]).nullif("0"), text(json["billing"]["email"])),
        timestamp=ibis.coalesce(text(json["date_paid_gmt"]), text(json["date_created_gmt"])),
        # A refund has no status of its own; an order made from another one has both.
        is_refund=json["parent_id"].notnull() & json["status"].isnull(),
        refunded_lines=ibis.ifelse(json["refunds"].isnull(), 0, _refunded_lines(json["refunds"])),
        n_lines=list_length(json["line_items"]),
        n_refunds=list_length(json["refunds"]),
    )
    orders = engine.create_table(f"{name}_orders", orders)
    sold = orders.filter(~orders.broken & ~orders.is_refund)
    bought = _lines(sold.mutate(lines=sold.json["line_items"]), "purchase", item_fields)
    whole = bought.filter((bought.status == "refunded") & (bought.refunded_lines == 0)).mutate(
        type=ibis.literal("return")
    )
    refunds = entries(sold.mutate(refunds=sold.json["refunds"]), "refunds", "refund").drop("nth")
    refunds = refunds.mutate(
        lines=refunds.refund["line_items"],
        timestamp=ibis.coalesce(text(refunds.refund["date_created_gmt"]), refunds.timestamp),
    )
    inside = _lines(refunds.drop("refund"), "return", item_fields)
    apart = orders.filter(~orders.broken & orders.is_refund)
    parents = sold.select(parent=sold.order_id, parent_customer=sold.customer_id)
    apart = apart.left_join(parents, [("parent_id", "parent")])
    apart = apart.mutate(order_id=apart.parent_id, customer_id=apart.parent_customer, lines=apart.json["line_items"])
    outside = _lines(apart.drop("parent", "parent_customer"), "return", item_fields)
    lines = bought.union(whole).union(inside).union(outside)
    lines = lines.mutate(
        skip=((lines.type == "purchase") & ~lines.status.isin(SOLD)).ifelse(
            ibis.literal("the order is ") + lines.status.fill_null("without status"), NOTHING
        ),
        _broken=ibis.literal(False),
    ).drop("status", "refunded_lines")
    no_lines = ibis.ifelse((orders.n_lines == 0) & ~orders.is_refund, "the order has no line_items", NOTHING)
    rows = engine.create_table(f"{name}_lines", lines.union(without_lines(orders, no_lines, lines)))
    partial = orders.filter((orders.n_refunds > 0) & (orders.refunded_lines == 0) & (orders.status != "refunded"))
    return RawRows(
        table=rows, names=NAMES | {"item_id": item_fields[0]}, has_addresses=True, warnings=_warnings(count_of(partial))
    )


def _item_fields(chosen: Mapping[str, str]) -> tuple[str, ...]:
    for column in chosen:
        if column != "item_id":
            raise InputError(f"--columns: the format woocommerce lets you choose item_id only, not '{column}'")
    field = chosen.get("item_id")
    if field is not None and field not in ITEM_FIELDS:
        raise InputError(f"--columns: item_id cannot be '{field}'{suggestion(field, ITEM_FIELDS)}")
    return ITEM_FIELDS if field is None else (field,)


def _refunded_lines(refunds: ir.JSONValue) -> ir.IntegerValue:
    """Whether the refunds inside an order say which lines came back: the order endpoint gives only their totals."""
    return refunds.cast("string").contains('"line_items"').cast("int64")


def _lines(orders: ir.Table, kind: str, item_fields: Sequence[str]) -> ir.Table:
    """One row an element of `lines`; `unit_price` is what was paid for one, tax included."""
    table = entries(orders, "lines", "line")
    line = table.line
    quantity = number_of(text(line["quantity"]), "quantity").abs()
    total = number_of(text(line["total"]), "total") + number_of(text(line["total_tax"]), "total_tax").fill_null(0.0)
    ids = [text(line[field]).nullif("0") for field in item_fields]
    return table.select(
        "order_id", "customer_id", "currency", "timestamp", "status", "refunded_lines", FILE, ROW,
        line_id=text(line["id"]),
        item_id=ibis.coalesce(*ids),
        title=text(line["name"]),
        quantity=text(line["quantity"]),
        unit_price=ibis.coalesce((total.abs() / quantity.nullif(0.0)).cast("string"), text(line["total"])),
        type=ibis.literal(kind),
    )  # fmt: skip


def _warnings(partial: int) -> tuple[str, ...]:
    if not partial:
        return ()
    return (f"{partial:,} WooCommerce orders have refunds without lines: all counts as bought; export the refunds too",)
