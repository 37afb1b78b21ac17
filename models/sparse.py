"""What sources share over scipy's sparse rows; every result of a row depends on that row alone, bit for bit."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.ranking import keys

Rows = sp.csr_array


def rows_of(n_rows: int, n_columns: int, row: NDArray[Any], column: NDArray[Any], value: NDArray[Any]) -> "Rows[Any]":
    """A matrix from triples whose `row` ascends; float32, columns in the order given."""
    indptr = np.searchsorted(row, np.arange(n_rows + 1)).astype(np.int32)
    shape = (n_rows, n_columns)
    return sp.csr_array(
        (value.astype(np.float32, copy=False), column.astype(np.int32, copy=False), indptr), shape=shape
    )


def row_numbers(matrix: "Rows[Any]") -> NDArray[np.int64]:
    """The row of each stored value."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def with_values(matrix: "Rows[Any]", value: NDArray[Any]) -> "Rows[Any]":
    """The same places with other values; the places are shared, not copied."""
    shaped = (value.astype(np.float32, copy=False), matrix.indices, matrix.indptr)
    return sp.csr_array(shaped, shape=matrix.shape, copy=False)


def row_sums(matrix: "Rows[Any]") -> NDArray[np.float64]:
    """The sum of each row, added in the order stored."""
    return np.bincount(row_numbers(matrix), matrix.data.astype(np.float64), minlength=matrix.shape[0]).astype(np.float64)


def row_maxima(matrix: "Rows[Any]") -> NDArray[np.float32]:
    """The greatest value of each row, 0 where a row is empty or has none above 0."""
    return segment_maxima(row_numbers(matrix), matrix.data, matrix.shape[0])


def segment_maxima(row: NDArray[Any], value: NDArray[Any], n_rows: int) -> NDArray[np.float32]:
    """The greatest value at each row, `row` ascending; 0 where there is none above 0."""
    best = np.zeros(n_rows, np.float32)
    if len(row):
        starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
        best[row[starts]] = np.maximum(np.maximum.reduceat(value, starts), 0)
    return best


def unit_rows(matrix: "Rows[Any]") -> "Rows[Any]":
    """Each row divided by its Euclidean length."""
    row = row_numbers(matrix)
    length = np.sqrt(np.bincount(row, matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[0]))
    return with_values(matrix, matrix.data / np.maximum(length, 1e-12)[row])


def top_of_rows(matrix: "Rows[Any]", limit: int) -> "Rows[Any]":
    """The `limit` greatest values of each row, ties to the lower column; columns ascend in the result."""
    kept_lengths = np.diff(matrix.indptr)
    if kept_lengths.max(initial=0) <= limit:
        ordered = matrix.copy()
        ordered.sort_indices()
        return ordered
    ordered = matrix.copy()
    ordered.sort_indices()
    row = row_numbers(ordered)
    # An integer that orders like (row, value descending); sorting integers alone is much faster than an argsort.
    bits = np.ascontiguousarray(ordered.data, np.float32).view(np.int32).astype(np.int64)
    bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    key = (row << 32) + (0x7FFFFFFF - bits)
    ranked = np.sort(key)
    lengths = np.diff(ordered.indptr).astype(np.int64)
    ends = np.minimum(lengths, limit)
    last = np.zeros(len(lengths), np.int64)
    filled = lengths > 0
    last[filled] = ranked[ordered.indptr[:-1][filled] + ends[filled] - 1]
    above, tied = key < last[row], key == last[row]
    room = ends - np.bincount(row, above, minlength=len(lengths)).astype(np.int64)
    counted = np.concatenate([[0], np.cumsum(tied)])
    keep = above | (tied & (counted[1:] - counted[ordered.indptr[:-1]][row] <= room[row]))
    indptr = np.concatenate([[0], np.cumsum(ends)]).astype(np.int32)
    return sp.csr_array((ordered.data[keep], ordered.indices[keep], indptr), shape=ordered.shape)


def look_up(matrix: "Rows[Any]", row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float32]:
    """matrix[row, column] for each pair, 0 where nothing is stored; sorts the matrix's columns in place."""
    matrix.sort_indices()
    stored = keys(row_numbers(matrix), matrix.indices)
    if not len(stored):
        return np.zeros(len(row), np.float32)
    wanted = keys(row, column)
    place = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    return np.where(stored[place] == wanted, matrix.data[place], 0).astype(np.float32)
