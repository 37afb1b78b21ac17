"""Live events as `recsvc serve` stored them: purchases and returns, their items in a list."""

from collections.abc import Mapping, Sequence

import ibis
from ibis.backends.duckdb import Backend

from training.input.files import InputFile
from training.input.formats.objects import entries, stage_objects, text
from training.input.readers import FILE, ROW
from training.input.rows import RawRows

FIELDS = ("type", "event_id", "customer_id", "order_id", "items", "currency", "happened_at")
NAMES = {
    "customer_id": "customer_id", "order_id": "order_id", "item_id": "items.item_id", "quantity": "items.quantity",
    "unit_price": "items.price", "timestamp": "happened_at", "type": "type",
}  # fmt: skip


def read(engine: Backend, name: str, files: Sequence[InputFile], _: Mapping[str, str]) -> RawRows:
    """One row an item. An item of an order counts once, as it was said last; each return counts.

    A return without items takes back the whole order, as far as live events know it.
    """
    objects = stage_objects(engine, name, files, FIELDS)
    json = objects.json
    fields = {field: text(json[field]) for field in FIELDS if field != "items"}
    events = objects.mutate(**fields, items=json["items"].str.cast("json")).drop("json", "broken")
    table = entries(events, "items", "entry")
    item_id = text(table.entry["item_id"])
    listed = table.select(
        "customer_id", "order_id", "currency", "type", FILE, ROW,
        timestamp=table.happened_at,
        line_id=(table["type"] == "purchase").ifelse(item_id, table.event_id + ":" + item_id),
        item_id=item_id,
        quantity=text(table.entry["quantity"]),
        unit_price=text(table.entry["price"]),
    )  # fmt: skip
    lines = engine.create_table(f"{name}_listed", listed)
    whole = events.filter((events["type"] == "return") & (events["items"].array.length() == 0))
    whole = whole.select(returned="order_id", returned_at="happened_at")
    bought = lines.filter(lines.type == "purchase")
    latest = ibis.row_number().over(group_by=["order_id", "item_id"], order_by=ibis.desc(ROW))
    bought = bought.mutate(nth=latest).filter(ibis._.nth == 0).drop("nth")
    back = bought.join(whole, [("order_id", "returned")])
    back = back.mutate(
        type=ibis.literal("return"), timestamp=back.returned_at, line_id=ibis.literal("all:") + back.item_id
    )
    rows = engine.create_table(f"{name}_lines", lines.union(back.select(lines.columns)))
    return RawRows(table=rows, names=NAMES)
