"""Google Analytics 4 as BigQuery exports it: one event a row, its items in a list; JSON lines or Parquet."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.errors import InputError
from training.input.columns import require, suggestion
from training.input.engine import count_of
from training.input.files import InputFile
from training.input.formats.objects import NOTHING, entries, list_length, stage_objects, text, without_lines
from training.input.readers import FILE, ROW
from training.input.rows import RawRows

FIELDS = ("event_name", "event_timestamp", "user_id", "user_pseudo_id", "ecommerce", "items", "event_params")
NAMES = {
    "customer_id": "user_id", "order_id": "ecommerce.transaction_id", "item_id": "items.item_id",
    "quantity": "items.quantity", "unit_price": "items.price", "timestamp": "event_timestamp",
}  # fmt: skip
CHOICES = {"customer_id": ("user_id", "user_pseudo_id"), "item_id": ("item_id", "item_name", "item_variant")}
NOT_SET = "(not set)"
CURRENCY = r'"key"\s*:\s*"currency"\s*,\s*"value"\s*:\s*\{[^}]*"string_value"\s*:\s*"([A-Za-z]{3})"'


def read(engine: Backend, name: str, files: Sequence[InputFile], chosen: Mapping[str, str]) -> RawRows:
    """Items of purchase and refund events; of a transaction that was sent twice, the first purchase event counts.

    The customer is user_id, else user_pseudo_id. A refund without items takes back the whole transaction.
    """
    first = files[0]
    if first.kind == "csv":
        raise InputError(
            f"{first.path}: GA4 exports are JSON lines or Parquet, with items as a list; a CSV cannot hold them"
        )
    require(
        str(first.path),
        {field: field for field in first.columns},
        ("event_name", "event_timestamp", "items"),
        first.columns,
    )
    choice = {column: _choice(column, chosen) for column in {**CHOICES, **chosen}}
    objects = stage_objects(engine, name, files, FIELDS)
    json = objects.json
    customers = [_set(text(json[field])) for field in choice["customer_id"]]
    events = objects.mutate(
        event=text(json["event_name"]),
        customer_id=ibis.coalesce(*customers),
        order_id=_set(text(json["ecommerce"]["transaction_id"])),
        timestamp=text(json["event_timestamp"]),
        currency=json["event_params"].cast("string").re_extract(CURRENCY, 1).nullif(""),
        n_items=list_length(json["items"]),
        items=json["items"],
    ).drop("json")
    wanted = (events.broken | (events.event == "purchase") | (events.event == "refund")).fill_null(False)
    others = count_of(events.filter(~wanted).select("event"))
    events = engine.create_table(f"{name}_events", events.filter(wanted))
    nth = ibis.row_number().over(group_by=["event", "order_id"], order_by=["timestamp", FILE, ROW])
    events = events.mutate(again=(events.event == "purchase") & events.order_id.notnull() & (nth > 0))
    counted = events.filter(~events.broken & ~events.again)
    lines = _items(counted, choice["item_id"])
    whole = counted.filter((counted.event == "refund") & (counted.n_items == 0) & counted.order_id.notnull())
    taken = whole.select(refunded="order_id", refunded_at="timestamp")
    bought = lines.filter(lines.type == "purchase")
    back = bought.join(taken, [("order_id", "refunded")])
    back = back.mutate(type=ibis.literal("return"), timestamp=back.refunded_at).drop("refunded", "refunded_at")
    lines = lines.union(back)
    reason = ibis.cases(
        (events.again, "the purchase event was sent again"),
        ((events.n_items == 0) & (events.event == "purchase"), "the purchase event has no items"),
        else_=NOTHING,
    )
    rows = engine.create_table(f"{name}_lines", lines.union(without_lines(events, reason, lines)))
    return RawRows(
        table=rows, names=NAMES, passed_over={"the event is neither purchase nor refund": others} if others else {}
    )


def _choice(column: str, chosen: Mapping[str, str]) -> tuple[str, ...]:
    if column not in CHOICES:
        raise InputError(f"--columns: the format ga4 lets you choose customer_id and item_id, not '{column}'")
    field = chosen.get(column)
    if field is not None and field not in CHOICES[column]:
        raise InputError(f"--columns: {column} cannot be '{field}'{suggestion(field, CHOICES[column])}")
    return (CHOICES[column] if column == "customer_id" else CHOICES[column][:1]) if field is None else (field,)


def _set(value: ir.StringValue) -> ir.StringValue:
    return value.nullif(NOT_SET)


def _items(events: ir.Table, item_fields: Sequence[str]) -> ir.Table:
    table = entries(events, "items", "entry")
    entry = table.entry
    item_id = ibis.coalesce(*(_set(text(entry[field])) for field in item_fields))
    # A purchase has one line a place in the list; refunds of one transaction may come in parts.
    place = table.nth.cast("string")
    refund = table.event == "refund"
    return table.select(
        "customer_id", "order_id", "currency", "timestamp", FILE, ROW,
        line_id=refund.ifelse(table.timestamp + ":" + place, place),
        item_id=item_id,
        title=_set(text(entry["item_name"])),
        quantity=text(entry["quantity"]),
        unit_price=text(entry["price"]),
        type=refund.ifelse("return", "purchase"),
        skip=item_id.isnull().ifelse("item_id is (not set)", NOTHING),
        _broken=ibis.literal(False),
    )  # fmt: skip
