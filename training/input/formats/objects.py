"""JSON objects with lists inside: orders with lines, events with items."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from training.input.files import InputFile
from training.input.readers import FILE, ROW, open_objects

NOTHING = ibis.null("string")


def stage_objects(engine: Backend, name: str, files: Sequence[InputFile], fields: Sequence[str]) -> ir.Table:
    """A table of `json`, `broken` (it is no object), `_file`, and `_row`, the object's place in its file."""
    staged = engine.create_table(f"{name}_objects", open_objects(engine, name, files, fields))
    placed = staged.mutate(place=staged.rowid())
    return placed.mutate(**{ROW: placed.place - placed.place.min().over(group_by=FILE)}).drop("place")


def text(value: ir.JSONValue) -> ir.StringValue:
    """A JSON text or number as text; null for none."""
    return ibis.coalesce(value.str, value.cast("string")).nullif("null").nullif("")


def entries(table: ir.Table, column: str, name: str) -> ir.Table:
    """One row an element of the JSON list in `column`, as `name`, with its place in the list as `nth`.

    BigQuery's Parquet export wraps lists as {"list": [{"element": …}]}; the wrapping is removed.
    """
    listed = table.mutate(**{name: ibis.coalesce(table[column]["list"], table[column]).array})
    unnested = listed.drop(column).unnest(name, offset="nth")
    return unnested.mutate(**{name: ibis.coalesce(unnested[name]["element"], unnested[name])})


def list_length(value: ir.JSONValue) -> ir.IntegerValue:
    """How many elements a JSON list has; 0 for anything else."""
    return ibis.coalesce(value["list"], value).array.length().fill_null(0)


def without_lines(objects: ir.Table, reason: ir.StringValue, like: ir.Table) -> ir.Table:
    """Rows in the shape of `like` for objects that give none: broken ones as they are, others skipped for `reason`."""
    kept = objects.filter(objects.broken | reason.notnull())
    empty = {name: ibis.null(kind) for name, kind in like.schema().items() if name not in (FILE, ROW)}
    empty |= {"_broken": kept.broken, "skip": kept.broken.ifelse(NOTHING, reason)}
    return kept.select(**{name: kept[name] if name in (FILE, ROW) else empty[name] for name in like.columns})
