"""EASE over orders (Steck 2019): item weights that best rebuild orders, from one inverse over the items of the head."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.sparse import Rows
from training.fit.carts.matrices import empty_table, table_of
from training.fit.carts.orders import Orders
from training.fit.ease import gram_of, inverse_of, strongest

# Orders that an item needs for a place in the head.
SUPPORT = 3
GRID = (10.0, 30.0, 100.0, 300.0, 1_000.0)
USUAL = 100.0
# The choice of the regularisation: a smaller head, some later carts.
CHOICE_HEAD, CHOICE_CARTS, FEWEST_CARTS = 1_500, 3_000, 50


def fit_ease(orders: Orders, head: int, regularisation: float, neighbours: int) -> "Rows[Any]":
    """Items × items: the `neighbours` weights of each item of the head that are greatest in size, of either sign."""
    items = head_of(orders, head)
    inverse = inverse_of(gram_of(orders.held, items), regularisation)
    n_head, shape = len(items), (orders.n_items, orders.n_items)
    kept = min(neighbours, n_head - 1)
    if kept < 1:
        return empty_table(orders.n_items)
    column, value = strongest(inverse, kept)
    return table_of(shape, np.repeat(items, kept), items[column.ravel()], value.ravel())


def choose_regularisation(orders: Orders, carts: "Rows[Any]", rng: np.random.Generator) -> float:
    """The one of GRID that best finds a hidden item of later `carts`, by mean reciprocal rank."""
    items = head_of(orders, CHOICE_HEAD)
    later = sp.csr_array(carts[:, items])
    later = later[np.diff(later.indptr) >= SUPPORT][:CHOICE_CARTS]
    if later.shape[0] < FEWEST_CARTS:
        return USUAL
    hidden = later.indptr[:-1] + (rng.random(later.shape[0]) * np.diff(later.indptr)).astype(np.int64)
    target = later.indices[hidden]
    later.data[hidden] = 0
    shown = later.toarray()
    gram = gram_of(orders.held, items)
    gains = {value: _mean_reciprocal_rank(shown, inverse_of(gram.copy(), value), target) for value in GRID}
    return max(gains, key=lambda value: gains[value])


def head_of(orders: Orders, limit: int) -> NDArray[np.int64]:
    """The items in most orders, ascending."""
    best = np.lexsort((np.arange(orders.n_items), -orders.counts))[:limit]
    return np.sort(best[orders.counts[best] >= SUPPORT])


def _mean_reciprocal_rank(shown: NDArray[np.float32], inverse: NDArray[np.float32], target: NDArray[np.int32]) -> float:
    weight = inverse / -np.diag(inverse)
    np.fill_diagonal(weight, 0)
    score = shown @ weight
    wanted = score[np.arange(len(target)), target]
    score[shown > 0] = -np.inf
    return float((1 / (1 + (score > wanted[:, None]).sum(axis=1))).mean())
