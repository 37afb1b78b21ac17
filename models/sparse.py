"""What sources share over scipy's sparse rows; every result of a row depends on that row alone, bit for bit."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse._sparsetools import csr_matmat

from models.ranking import keys
from models.scratch import row_of_zeros

Rows = sp.csr_array


def rows_of(n_rows: int, n_columns: int, row: NDArray[Any], column: NDArray[Any], value: NDArray[Any]) -> "Rows[Any]":
    """A matrix from triples whose `row` ascends; float32, columns in the order given."""
    indptr = row_bounds(n_rows, row)
    return assembled(
        (n_rows, n_columns), indptr, column.astype(np.int32, copy=False), value.astype(np.float32, copy=False)
    )


def row_bounds(n_rows: int, row: NDArray[Any]) -> NDArray[np.int32]:
    """Where each of `n_rows` rows begins and ends in an ascending `row`, shape (n_rows + 1,)."""
    if n_rows == 1:
        return np.array([0, len(row)], np.int32)
    return np.searchsorted(row, np.arange(n_rows + 1)).astype(np.int32)


def assembled(shape: tuple[int, int], indptr: NDArray[Any], indices: NDArray[Any], data: NDArray[Any]) -> "Rows[Any]":
    """A matrix over parts that are known to fit. scipy's constructor looks at each value, again and again in one
    request; what an empty matrix of this shape has beside takes a twentieth of that time."""
    matrix: Rows[Any] = sp.csr_array.__new__(sp.csr_array)
    vars(matrix).update(vars(_empty(shape)))
    matrix.indptr, matrix.indices, matrix.data = indptr, indices, data
    return matrix


@lru_cache(maxsize=256)
def _empty(shape: tuple[int, int]) -> object:
    return sp.csr_array(shape, dtype=np.float32)


def product(left: "Rows[Any]", table: "Rows[Any]") -> "Rows[Any]":
    """left @ table of float32, a row's terms added in the order in which they come.

    scipy's own product goes through all terms once more to count what it will store; here, room for every term is
    taken. A few long rows are what requests are made of.
    """
    shape = (left.shape[0], table.shape[1])
    index = table.indices.dtype
    most = int((table.indptr[left.indices + 1] - table.indptr[left.indices]).sum())
    indptr = np.empty(shape[0] + 1, index)
    indices, data = np.empty(most, index), np.empty(most, np.float32)
    csr_matmat(  # type: ignore[call-arg]  # the stubs know fewer arguments than there are
        *shape,
        *(part.astype(index, copy=False) for part in (left.indptr, left.indices)),
        left.data,
        table.indptr.astype(index, copy=False),
        table.indices,
        table.data,
        indptr,
        indices,
        data,
    )
    end = indptr[-1]
    return assembled(shape, indptr, indices[:end], data[:end])


def row_numbers(matrix: "Rows[Any]") -> NDArray[np.int64]:
    """The row of each stored value."""
    if matrix.shape[0] == 1:
        return np.zeros(len(matrix.indices), np.int64)
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def with_values(matrix: "Rows[Any]", value: NDArray[Any]) -> "Rows[Any]":
    """The same places with other values; the places are shared, not copied."""
    return assembled(matrix.shape, matrix.indptr, matrix.indices, value.astype(np.float32, copy=False))


def stored_where(matrix: "Rows[Any]", mask: NDArray[Any]) -> "Rows[Any]":
    """The stored values of the mask; the matrix stays as it is (scipy's eliminate_zeros works in place)."""
    indices, data = matrix.indices[mask], matrix.data[mask]
    if matrix.shape[0] == 1:
        indptr = np.array([0, len(indices)], matrix.indptr.dtype)
    else:
        indptr = np.concatenate([[0], np.cumsum(mask)]).astype(matrix.indptr.dtype)[matrix.indptr]
    return assembled(matrix.shape, indptr, indices, data)


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
    if n_rows == 1:
        return np.array([value.max(initial=0)], np.float32)
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


@dataclass(frozen=True, eq=False)
class Places:
    """Chosen (row, column) places of a block of `shape`, for taking their values out of many matrices.

    Dense tables cost rows × columns numbers, so blocks are small; they make each taking one pass over a matrix's
    values, in whatever order they are stored.
    """

    shape: tuple[int, int]
    row: NDArray[Any]
    column: NDArray[Any]

    @cached_property
    def number(self) -> NDArray[np.int32]:
        """The number of each place, −1 where none was chosen; of the block's shape."""
        number = np.full(self.shape, -1, np.int32)
        number[self.row, self.column] = np.arange(len(self.row), dtype=np.int32)
        return number

    @cached_property
    def _chosen(self) -> NDArray[np.bool_]:
        chosen = np.zeros(self.shape, np.bool_)
        chosen[self.row, self.column] = True
        return chosen

    def take(self, matrix: "Rows[Any]") -> NDArray[np.float32]:
        """The matrix's value at each place, 0 where nothing is stored."""
        if self.shape[0] == 1:
            every = np.zeros(self.shape[1], np.float32)
            every[matrix.indices] = matrix.data
            taken: NDArray[np.float32] = every[self.column]
            return taken
        place = self.number[row_numbers(matrix), matrix.indices]
        found = place >= 0
        values = np.zeros(len(self.row), np.float32)
        values[place[found]] = matrix.data[found]
        return values

    def hold(self, matrix: "Rows[Any]") -> NDArray[np.bool_]:
        """Which of the matrix's stored values are at one of the places."""
        if self.shape[0] == 1:
            held: NDArray[np.bool_] = self._chosen[0][matrix.indices]
        else:
            held = self._chosen[row_numbers(matrix), matrix.indices]
        return held


def values_at(matrix: "Rows[Any]", bounds: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float32]:
    """The matrix's value at row r and each of `column[bounds[r]:bounds[r + 1]]`, 0 where nothing is stored.

    A row at a time: a dense row stays in the cache, where the dense block would lie all over the memory.
    """
    values = np.empty(len(column), np.float32)
    edges, stored, indices, data = bounds.tolist(), matrix.indptr.tolist(), matrix.indices, matrix.data
    with row_of_zeros(matrix.shape[1], np.float32) as dense:
        for row in range(matrix.shape[0]):
            here = slice(stored[row], stored[row + 1])
            some = indices[here]
            dense[some] = data[here]
            first, last = edges[row], edges[row + 1]
            dense.take(column[first:last], out=values[first:last], mode="clip")
            dense[some] = 0
    return values


def look_up(matrix: "Rows[Any]", row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float32]:
    """matrix[row, column] for each pair, 0 where nothing is stored; sorts the matrix's columns in place."""
    matrix.sort_indices()
    stored = keys(row_numbers(matrix), matrix.indices)
    if not len(stored):
        return np.zeros(len(row), np.float32)
    wanted = keys(row, column)
    place = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    return np.where(stored[place] == wanted, matrix.data[place], 0).astype(np.float32)
