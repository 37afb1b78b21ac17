"""Files whose columns are the canonical ones, or are renamed to them."""

from collections.abc import Mapping, Sequence

from ibis.backends.duckdb import Backend

from models.errors import InputError
from training.input.columns import match_columns, require
from training.input.files import InputFile
from training.input.readers import open_rows
from training.input.rows import RawRows
from training.input.sources import CANONICAL


def read(engine: Backend, name: str, files: Sequence[InputFile], chosen: Mapping[str, str]) -> RawRows:
    """Needs item_id, timestamp, and customer_id or order_id; the rest is optional."""
    first = files[0]
    place = str(first.path)
    columns = match_columns(place, first.columns, {column: column for column in CANONICAL}, chosen)
    require(place, columns, ("item_id", "timestamp"), first.columns)
    if "order_id" not in columns:
        require(place, columns, ("customer_id",), first.columns)
    shared = sorted({column for column in columns.values() if list(columns.values()).count(column) > 1})
    if shared:
        raise InputError(
            f"{place}: the column '{shared[0]}' is used for two of {', '.join(columns)}; --columns may help"
        )
    opened = open_rows(engine, name, files, columns)
    return RawRows(table=opened.table, names=columns, refused=opened.refused)
