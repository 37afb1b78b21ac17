"""Purchase files for the figures, so that a nightly export alone is enough: CSV, and Parquet with pyarrow."""

from datetime import date, datetime
from math import isfinite
from pathlib import Path

from models.errors import InputError
from recsvc.customers.files import open_customer_file
from recsvc.events.wire import read_time
from recsvc.measure.purchases import PurchaseReader

COLUMNS = ("customer_id", "order_id", "item_id", "quantity", "unit_price", "timestamp", "type")
NEEDED = ("order_id", "item_id", "timestamp")
MOST_UNREADABLE = 0.05
NAN = float("nan")
UNREADABLE = "rows that cannot be read"


def read_purchase_file(path: Path, reader: PurchaseReader) -> None:
    """Read the rows of one file in recsvc's own columns.

    Raises InputError for a file without the needed columns, or with more than 5 % of rows that cannot be read; it names
    the first of them.
    """
    rows = unreadable = 0
    first = ""
    with open_customer_file(path, COLUMNS) as file:
        missing = [name for name in NEEDED if name not in file.columns]
        if missing:
            raise InputError(
                f"{path} has no column {missing[0]}; expected {', '.join(COLUMNS[:-1])}"
                " (`recsvc train` takes other shapes; rename the columns for figures)"
            )
        for row in file.rows:
            rows += 1
            problem = row.problem or _read(dict(zip(file.columns, row.cells, strict=True)), reader)
            if problem is not None:
                unreadable += 1
                first = first or f"{path}:{row.line}: {problem}"
    if unreadable > MOST_UNREADABLE * rows:
        raise InputError(f"{unreadable} of {rows} rows of {path} cannot be read; the first: {first}")
    if unreadable:
        reader.notes[UNREADABLE] += unreadable


def _read(cells: dict[str, object], reader: PurchaseReader) -> str | None:
    """Take one row; returns what is wrong with it, if anything."""
    order, item = (str(cells[name] if cells[name] is not None else "") for name in ("order_id", "item_id"))
    if not order or not item:
        return f"{'item_id' if order else 'order_id'} is empty"
    at = _moment(cells["timestamp"])
    if at is None:
        return f"timestamp is {str(cells['timestamp'])[:40]!r}; expected a time such as 2026-03-01T09:30:00Z"
    quantity, price = _number(cells.get("quantity"), 1.0), _number(cells.get("unit_price"), NAN)
    if quantity is None or not isfinite(quantity) or quantity == 0:
        return f"quantity is {str(cells.get('quantity'))[:40]!r}; expected a number that is not 0"
    if price is None or price < 0:
        return f"unit_price is {str(cells.get('unit_price'))[:40]!r}; expected a number"
    if str(cells.get("type") or "").lower() == "return":
        quantity = -abs(quantity)
    customer = cells["customer_id"]
    reader.add_file_line(None if customer in (None, "") else str(customer), order, item, at, quantity, price)
    return None


def _moment(cell: object) -> float | None:
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = cell.isoformat()
    if isinstance(cell, datetime):
        cell = cell.isoformat(timespec="seconds")
    text = cell.strip() if isinstance(cell, str) else cell
    if isinstance(text, str) and len(text) == len("2026-03-01"):
        text += "T00:00"
    try:
        moment = read_time(text)
    except ValueError:
        return None
    return moment.timestamp() if isinstance(moment, datetime) else None


def _number(cell: object, default: float) -> float | None:
    if cell is None or cell == "":
        return default
    try:
        return float(str(cell))
    except ValueError:
        return None
