"""What sources share over scipy's sparse rows; every result of a row depends on that row alone, bit for bit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import keys, positions

Rows = sp.csr_array
# Values a run in the search for a row's greatest.
RUN = 32


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


def stored_where(matrix: "Rows[Any]", mask: NDArray[Any]) -> "Rows[Any]":
    """The stored values of the mask; the matrix stays as it is (scipy's eliminate_zeros works in place)."""
    indptr = np.concatenate([[0], np.cumsum(mask)]).astype(matrix.indptr.dtype)[matrix.indptr]
    return sp.csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)


def row_sums(matrix: "Rows[Any]") -> NDArray[np.float64]:
    """The sum of each row, added in the order stored."""
    return np.bincount(row_numbers(matrix), matrix.data.astype(np.float64), minlength=matrix.shape[0]).astype(
        np.float64
    )


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
    if np.diff(matrix.indptr).max(initial=0) > limit:
        matrix = stored_where(matrix, matrix.data >= _bounds(matrix, limit)[row_numbers(matrix)])
    row, column = row_numbers(matrix), matrix.indices
    # An integer that orders like (row, value descending); of equal values the lower column goes first.
    bits = np.ascontiguousarray(matrix.data, np.float32).view(np.int32).astype(np.int64)
    bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    best = np.lexsort((column, (row << 32) + (0x7FFFFFFF - bits)))
    best = best[positions(row[best]) < limit]
    by_column = best[np.argsort(keys(row[best], column[best]))]
    return rows_of(*matrix.shape, row[by_column], column[by_column], matrix.data[by_column])


def _bounds(matrix: "Rows[Any]", limit: int) -> NDArray[np.float32]:
    """For each row a value that at least `limit` of its values reach; −∞ where the row is short.

    The greatest of each run of RUN values: the limit-th greatest of these is reached by `limit` values at least. One
    pass over the values, where sorting them would take many.
    """
    starts = matrix.indptr[:-1].astype(np.int64)
    runs = np.diff(matrix.indptr).astype(np.int64) // RUN
    bounds = np.full(matrix.shape[0], -np.inf, np.float32)
    long = np.flatnonzero(runs >= max(limit, 1))
    if not len(long):
        return bounds
    # Each run ends where the next one begins; what is left of a row, and rows in between, fall to runs of their own.
    first = np.repeat(starts[long], runs[long]) + RUN * ragged_arange(np.zeros(len(long), np.int64), runs[long])
    ends = starts[long] + RUN * runs[long]
    edges = np.unique(np.concatenate([first, ends[ends < len(matrix.data)]]))
    greatest = np.maximum.reduceat(matrix.data, edges)[np.searchsorted(edges, first)]
    owner = np.repeat(np.arange(len(long)), runs[long])
    descending = greatest[np.lexsort((-greatest, owner))]
    bounds[long] = descending[np.concatenate([[0], np.cumsum(runs[long])[:-1]]) + limit - 1]
    return bounds


@dataclass(frozen=True, eq=False)
class Places:
    """Chosen (row, column) places of a block, for taking their values out of many matrices.

    A dense table of place numbers costs rows × columns integers, so blocks are small; it makes each taking one pass
    over a matrix's values, in whatever order they are stored.
    """

    count: int
    number: NDArray[np.int32]

    @classmethod
    def of(cls, shape: tuple[int, int], row: NDArray[Any], column: NDArray[Any]) -> "Places":
        number = np.full(shape, -1, np.int32)
        number[row, column] = np.arange(len(row), dtype=np.int32)
        return cls(len(row), number)

    def take(self, matrix: "Rows[Any]") -> NDArray[np.float32]:
        """The matrix's value at each place, 0 where nothing is stored."""
        place = self.number[row_numbers(matrix), matrix.indices]
        found = place >= 0
        values = np.zeros(self.count, np.float32)
        values[place[found]] = matrix.data[found]
        return values

    def hold(self, matrix: "Rows[Any]") -> NDArray[np.bool_]:
        """Which of the matrix's stored values are at one of the places."""
        return np.greater_equal(self.number[row_numbers(matrix), matrix.indices], 0)


def look_up(matrix: "Rows[Any]", row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float32]:
    """matrix[row, column] for each pair, 0 where nothing is stored; sorts the matrix's columns in place."""
    matrix.sort_indices()
    stored = keys(row_numbers(matrix), matrix.indices)
    if not len(stored):
        return np.zeros(len(row), np.float32)
    wanted = keys(row, column)
    place = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    return np.where(stored[place] == wanted, matrix.data[place], 0).astype(np.float32)
