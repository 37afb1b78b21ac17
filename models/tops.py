"""The greatest values of each row of a sparse matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import keys, positions
from models.sparse import Rows, assembled, row_numbers, rows_of, stored_where

# Values a run in the search for a row's greatest.
RUN = 32


def top_of_rows(matrix: "Rows[Any]", limit: int) -> "Rows[Any]":
    """The `limit` greatest values of each row, ties to the lower column; columns ascend in the result."""
    if matrix.shape[0] == 1:
        return _top_of_one(matrix, limit)
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


def _top_of_one(matrix: "Rows[Any]", limit: int) -> "Rows[Any]":
    """The same of a single row, in a third of the calls."""
    column, value = matrix.indices, matrix.data
    if len(value) > limit:
        runs = len(value) // RUN
        if runs > 2 * limit > 0:
            greatest = value[: runs * RUN].reshape(runs, RUN).max(axis=1)
            some = np.flatnonzero(value >= np.partition(greatest, runs - limit)[runs - limit])
            column, value = column[some], value[some]
        least = np.partition(value, len(value) - limit)[len(value) - limit] if limit else np.inf
        some = np.flatnonzero(value >= least)
        some = some[np.argsort(column[some])]
        if len(some) > limit:  # of those that equal the last one, the lower columns
            equal = np.flatnonzero(value[some] == least)
            some = np.delete(some, equal[len(equal) - (len(some) - limit) :])
        best = some
    else:
        best = np.argsort(column)
    return assembled(matrix.shape, np.array([0, len(best)], np.int32), column[best], value[best])


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
