"""The greatest values of each row of a sparse matrix."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import distinct, keys
from models.scratch import row_of_zeros
from models.sparse import Rows, assembled, row_numbers, rows_of

# Values a run in the search for a row's greatest.
RUN = 32


def top_of_rows(matrix: "Rows[Any]", limit: int) -> "Rows[Any]":
    """The `limit` greatest values of each row, ties to the lower column; columns ascend in the result."""
    best = best_of_rows(matrix, limit)
    if matrix.shape[0] == 1:
        column = matrix.indices[best]
        order = column.argsort()
        return assembled(matrix.shape, np.array([0, len(best)], np.int32), column[order], matrix.data[best[order]])
    row, column = row_numbers(matrix)[best], matrix.indices[best]
    order = np.argsort(keys(row, column))
    return rows_of(*matrix.shape, row[order], column[order], matrix.data[best[order]])


def best_of_rows(matrix: "Rows[Any]", limit: int) -> NDArray[np.int64]:
    """The places of the same among the stored values, in no order within a row.

    A row at a time: to find a row's limit takes far less than to sort the rows together.
    """
    lengths = np.diff(matrix.indptr)
    if matrix.shape[0] == 1:
        return _best(matrix.data, matrix.indices, limit)
    long = np.flatnonzero(lengths > limit)
    if not len(long):
        return np.arange(len(matrix.data))
    starts, ends = matrix.indptr[long].tolist(), matrix.indptr[long + 1].tolist()
    data, indices = matrix.data, matrix.indices
    parts = [start + _best(data[start:end], indices[start:end], limit) for start, end in zip(starts, ends, strict=True)]
    short = np.flatnonzero(lengths <= limit)
    every = ragged_arange(matrix.indptr[short].astype(np.int64), lengths[short])
    return np.sort(np.concatenate([every, *parts]))


def best_of_runs(row: NDArray[Any], value: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """The places of the `limit` greatest values of each run of equal `row`, ties to the first; ascending."""
    starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]])) if len(row) else np.zeros(0, np.int64)
    edges = [*starts.tolist(), len(row)]
    place = np.arange(len(row))
    best = [start + _best(value[start:end], place[start:end], limit) for start, end in pairwise(edges)]
    return np.sort(np.concatenate([place[:0], *best]))


def best_new(wanted: "Sequence[tuple[Rows[Any], int]]", indptr: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int64]:
    """Keys of the greatest values of each row in each of several matrices, so many of each, without the row's own
    items, `item[indptr[r]:indptr[r + 1]]`; ascending, each once."""
    matrices = [(matrix.indptr.tolist(), matrix.indices, matrix.data, limit) for matrix, limit in wanted]
    bounds = indptr.tolist()
    best: list[NDArray[Any]] = []
    ends = []
    with row_of_zeros(wanted[0][0].shape[1], np.float32) as owned:
        for row in range(len(bounds) - 1):
            own = item[bounds[row] : bounds[row + 1]]
            owned[own] = np.inf
            for edges, indices, data, limit in matrices:
                column, value = indices[edges[row] : edges[row + 1]], data[edges[row] : edges[row + 1]]
                if len(own):
                    value = value - owned.take(column)
                best.append(column[_best(value, column, limit, -np.inf)])
            owned[own] = 0
            ends.append(len(best))
    lengths = np.add.reduceat([len(part) for part in best], [0, *ends[:-1]]) if best else np.zeros(0, np.int64)
    return distinct(keys(np.repeat(np.arange(len(lengths)), lengths), np.concatenate([item[:0], *best])))


def _best(value: NDArray[Any], column: NDArray[Any], limit: int, above: float | None = None) -> NDArray[np.int64]:
    """The same of one row; none that is not `above`."""
    n_values = len(value)
    if n_values <= limit:
        return np.arange(n_values) if above is None else np.flatnonzero(value > above)
    some = None
    runs = n_values // RUN
    if runs > 2 * limit > 0:
        # The limit-th greatest of the greatest of each run is reached by `limit` values at least.
        greatest = value[: runs * RUN].reshape(RUN, runs).max(axis=0)
        some = np.flatnonzero(value >= np.partition(greatest, runs - limit)[runs - limit])
        value = value[some]
    least = np.partition(value, len(value) - limit)[len(value) - limit] if limit else np.inf
    few = above is not None and least <= above
    best = np.flatnonzero(value > above if few else value >= least)
    if len(best) > limit:  # of those that equal the last one, the lower columns
        equal = np.flatnonzero(value[best] == least)
        equal = equal[column[best[equal] if some is None else some[best[equal]]].argsort()]
        best = np.delete(best, equal[len(equal) - (len(best) - limit) :])
    return best if some is None else some[best]
