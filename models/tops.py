"""The greatest values of each row of a sparse matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import keys
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


def _best(value: NDArray[Any], column: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """The same of one row."""
    if len(value) <= limit:
        return np.arange(len(value))
    some = None
    runs = len(value) // RUN
    if runs > 2 * limit > 0:
        # The limit-th greatest of the greatest of each run is reached by `limit` values at least.
        greatest = value[: runs * RUN].reshape(runs, RUN).max(axis=1)
        some = np.flatnonzero(value >= np.partition(greatest, runs - limit)[runs - limit])
        value = value[some]
    least = np.partition(value, len(value) - limit)[len(value) - limit] if limit else np.inf
    best = np.flatnonzero(value >= least)
    value = value[best]
    if some is not None:
        best = some[best]
    if len(best) > limit:  # of those that equal the last one, the lower columns
        equal = np.flatnonzero(value == least)
        equal = equal[column[best[equal]].argsort()]
        best = np.delete(best, equal[len(equal) - (len(best) - limit) :])
    return best
