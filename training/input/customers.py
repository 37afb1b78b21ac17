"""Customers' tier and locale, as segments to learn popularity by. E-mail addresses are not read here."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ibis.backends.duckdb import Backend
from numpy.typing import NDArray

from models.strings import IdIndex
from training.input.cells import text_of
from training.input.columns import match_columns, require
from training.input.engine import reading
from training.input.files import find_files, look_at
from training.input.readers import open_rows

NAMES = ("customer_id", "tier", "locale")


def read_segments(engine: Backend, location: Path) -> dict[str, str]:
    """customer_id → 'tier/locale', or whichever of the two the file has; empty where it has neither.

    The last row of a customer counts.
    """
    segments: dict[str, str] = {}
    for number, path in enumerate(find_files(str(location))):
        file = look_at(path)
        with reading(str(path)):
            columns = match_columns(str(path), file.columns, {name: name for name in NAMES})
            require(str(path), columns, ["customer_id"], file.columns)
            table = open_rows(engine, f"customers_{number}", [file], columns).table
            texts = {name: text_of(table[name], f"{path}: the column '{columns[name]}'") for name in columns}
            rows = table.select(**texts)
            parts = [rows[name].fill_null("") for name in ("tier", "locale") if name in columns]
            if not parts:
                continue
            label = parts[0] if len(parts) == 1 else parts[0] + "/" + parts[1]
            found = rows.filter(rows.customer_id.notnull()).select("customer_id", label=label).to_pyarrow()
        segments.update(zip(found["customer_id"].to_pylist(), found["label"].to_pylist(), strict=True))
    return segments


def number_segments(index: IdIndex, segments: Mapping[str, str]) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Each customer's segment (−1: none) and the segments' names; no segments where there is but one."""
    if not segments:
        return None, ()
    labels = [segments.get(customer_id, "").strip("/") and segments[customer_id] for customer_id in index.table]
    names = tuple(sorted(set(filter(None, labels))))
    if len(names) < 2:
        return None, ()
    number = {name: place for place, name in enumerate(names)}
    return np.array([number.get(label, -1) for label in labels], np.int32), names
