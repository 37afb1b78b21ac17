"""Customers who do not want a profile: their purchases teach what goes together, and no list is made for them."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
from ibis.backends.duckdb import Backend

from models.errors import InputError
from models.flags import FLAG_WORDS
from training.data import PurchaseLines
from training.input.cells import text_of
from training.input.columns import match_columns, require
from training.input.engine import reading
from training.input.files import find_files, look_at
from training.input.readers import open_rows

COLUMNS = ("customer_id", "profiling_ok")


def read_objections(engine: Backend, location: Path) -> frozenset[str]:
    """Ids of the customers whose `profiling_ok` is no or empty; nobody where the file has no such column.

    The last row of a customer counts. Raises InputError for a file that cannot be read and a value that is neither.
    """
    agreed: dict[str, bool] = {}
    for number, path in enumerate(find_files(str(location))):
        file = look_at(path, one_column="customer_id")
        with reading(str(path)):
            columns = match_columns(str(path), file.columns, {name: name for name in COLUMNS})
            require(str(path), columns, ["customer_id"], file.columns)
            if "profiling_ok" not in columns:
                continue
            table = open_rows(engine, f"customers_{number}", [file], columns).table
            texts = {name: text_of(table[name], f"{path}: the column '{columns[name]}'") for name in COLUMNS}
            rows = table.select(**texts).to_pyarrow()
        for customer, word in zip(rows["customer_id"].to_pylist(), rows["profiling_ok"].to_pylist(), strict=True):
            if customer is None:
                continue
            said = FLAG_WORDS.get((word or "").lower())
            if said is None:
                where = f"{path}: profiling_ok of customer '{customer}'"
                raise InputError(f"{where} is '{word}'; expected yes or no, true or false, 1 or 0")
            agreed[customer] = said
    return frozenset(customer for customer, said in agreed.items() if not said)


def as_guests(lines: PurchaseLines, codes: Collection[int]) -> PurchaseLines:
    """The purchases of these customers as if nobody knew who bought; sorted as before."""
    objects = np.isin(lines.customer, np.fromiter(codes, np.int32, len(codes)))
    if not objects.any():
        return lines
    return replace(lines, customer=np.where(objects, np.int32(-1), lines.customer)).sorted()
