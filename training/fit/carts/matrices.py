"""Sparse tables from loose entries."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.sparse import Rows


def table_of(shape: tuple[int, int], row: NDArray[Any], column: NDArray[Any], value: NDArray[Any]) -> "Rows[Any]":
    """Float32, columns ascending within a row; entries of one place add up."""
    table: Rows[Any] = sp.csr_array((value.astype(np.float32, copy=False), (row, column)), shape=shape)
    table.sum_duplicates()
    return table


def empty_table(n_items: int) -> "Rows[Any]":
    """An items × items table that says nothing."""
    nothing = np.zeros(0, np.int64)
    return table_of((n_items, n_items), nothing, nothing, np.zeros(0, np.float32))
