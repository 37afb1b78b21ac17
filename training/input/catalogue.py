"""The catalogue of a training: every item of the feed and every item bought."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.catalogue import ALWAYS, AVAILABILITY, NEVER, NUMBERS, TEXTS, TIMES, Catalogue
from models.strings import IdIndex, StringTable

DEFAULT_TIMES = {"sale_from": ALWAYS, "sale_until": NEVER, "available_from": ALWAYS, "expires": NEVER}


def string_table(column: pa.Array | pa.ChunkedArray) -> StringTable:
    """The texts of an Arrow column, null as '', without a Python object for each."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.cast(pa.large_string()).fill_null("")
    if not len(array):
        return StringTable.of([])
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    texts = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data is not None else np.zeros(0, np.uint8)
    return StringTable(texts, ends - ends[0])


def build_catalogue(ids: Sequence[str], columns: Mapping[str, Any]) -> Catalogue:
    """A catalogue of items in this order; attributes that `columns` lacks keep their defaults.

    `columns` may have Arrow columns for TEXTS, float64 arrays for NUMBERS, int64 seconds for TIMES, `availability` (uint8)
    and `listed` (bool), all as long as `ids`.
    """
    n_items = len(ids)
    empty = pa.array([""] * n_items, pa.large_string())
    category, categories = _categories(columns.get("product_type", empty))
    return Catalogue(
        items=IdIndex.of(ids),
        texts={name: string_table(columns.get(name, empty)) for name in TEXTS},
        numbers={name: _numbers(columns.get(name), n_items) for name in NUMBERS},
        times={
            name: np.asarray(columns[name], np.int64) if name in columns else np.full(n_items, DEFAULT_TIMES[name], np.int64)
            for name in TIMES
        },
        availability=np.asarray(columns.get("availability", np.full(n_items, AVAILABILITY.index("in_stock"))), np.uint8),
        listed=np.asarray(columns.get("listed", np.ones(n_items)), bool),
        category=category,
        categories=categories,
    )


def _numbers(column: NDArray[np.float64] | None, n_items: int) -> NDArray[np.float64]:
    return np.full(n_items, np.nan) if column is None else np.asarray(column, np.float64)


def _categories(product_type: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int32], StringTable]:
    """The distinct paths in ascending order, and each item's place among them (−1: none)."""
    array = product_type.combine_chunks() if isinstance(product_type, pa.ChunkedArray) else product_type
    encoded = array.cast(pa.large_string()).fill_null("").dictionary_encode()
    paths = encoded.dictionary.to_pylist()
    order = sorted((path for path in paths if path))
    place = {path: number for number, path in enumerate(order)}
    number = np.array([place.get(path, -1) for path in paths], np.int32)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return number[codes] if len(codes) else np.zeros(0, np.int32), StringTable.of(order)
