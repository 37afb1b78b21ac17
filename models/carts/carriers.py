"""Which of the items asked about carries a listed one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.carts.asked import Asked, Told
from models.carts.blocks import part_of, rows_at_once
from models.ranking import keys, positions
from models.sources.protocol import Queries
from models.sparse import Places, Rows


def carriers_of(
    queries: Queries,
    row: NDArray[Any],
    item: NDArray[np.int32],
    tables: "Sequence[Rows[Any]]",
    stand_ins: "Rows[Any] | None",
) -> NDArray[np.int32]:
    """For each (row, item), rows ascending, the one asked about that adds most to what the `tables` say of it, each
    table measured by its own sum; −1 where none adds anything."""
    rows = rows_at_once(queries.n_items)
    parts = [np.zeros(0, np.int32)]
    for start in range(0, len(queries), rows):
        inside = slice(*np.searchsorted(row, [start, start + rows]))
        asked = Asked.of(part_of(queries, start, start + rows), stand_ins)
        parts.append(_best(asked, row[inside] - start, item[inside], tables))
    return np.concatenate(parts)


def _best(
    asked: Asked, row: NDArray[np.int64], item: NDArray[np.int32], tables: "Sequence[Rows[Any]]"
) -> NDArray[np.int32]:
    listed = Places((len(asked.size), asked.n_items), row, item)
    parts = []
    for table in tables:
        told = Told.of(table, asked, listed)
        value = np.maximum(told.value, 0)
        whole = np.bincount(told.place, value, minlength=len(row))
        parts.append((keys(told.place, asked.item[told.entry]), value / np.maximum(whole[told.place], 1e-12)))
    key, share = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    pair, inverse = np.unique(key, return_inverse=True)
    total = np.bincount(inverse, share, minlength=len(pair))
    place, carrier = pair >> 32, (pair & 0xFFFFFFFF).astype(np.int32)
    first = np.lexsort((carrier, -total, place))
    first = first[(positions(place[first]) == 0) & (total[first] > 0)]
    best = np.full(len(row), -1, np.int32)
    best[place[first]] = carrier[first]
    return best
