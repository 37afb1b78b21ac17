"""EASE over orders (Steck 2019): item weights that best rebuild orders, from one inverse over the items of the head."""

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.sparse import Rows
from training.fit.carts.matrices import empty_table, table_of
from training.fit.carts.orders import Orders

# Orders that an item needs for a place in the head.
SUPPORT = 3
GRID = (10.0, 30.0, 100.0, 300.0, 1_000.0)
USUAL = 100.0
# The choice of the regularisation: a smaller head, some later carts.
CHOICE_HEAD, CHOICE_CARTS, FEWEST_CARTS = 1_500, 3_000, 50
BLOCK = 512


def fit_ease(orders: Orders, head: int, regularisation: float, neighbours: int) -> "Rows[Any]":
    """Items × items: the `neighbours` weights of each item of the head that are greatest in size, of either sign."""
    items = head_of(orders, head)
    inverse = _inverse(_gram(orders.held, items), regularisation)
    n_head, shape = len(items), (orders.n_items, orders.n_items)
    kept = min(neighbours, n_head - 1)
    if kept < 1:
        return empty_table(orders.n_items)
    diagonal = np.diag(inverse).copy()
    rows = []
    for start in range(0, n_head, BLOCK):
        weight = inverse[start : start + BLOCK] / -diagonal
        weight[np.arange(len(weight)), np.arange(start, start + len(weight))] = 0
        best = np.argpartition(-np.abs(weight), kept - 1, axis=1)[:, :kept]
        best.sort(axis=1)
        rows.append((best, np.take_along_axis(weight, best, axis=1)))
    column, value = (np.concatenate(parts) for parts in zip(*rows, strict=True))
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
    gram = _gram(orders.held, items)
    gains = {value: _mean_reciprocal_rank(shown, _inverse(gram.copy(), value), target) for value in GRID}
    return max(gains, key=lambda value: gains[value])


def head_of(orders: Orders, limit: int) -> NDArray[np.int64]:
    """The items in most orders, ascending."""
    best = np.lexsort((np.arange(orders.n_items), -orders.counts))[:limit]
    return np.sort(best[orders.counts[best] >= SUPPORT])


def _gram(held: "Rows[Any]", items: NDArray[np.int64]) -> NDArray[np.float32]:
    on_head = sp.csr_array(held[:, items])
    return np.asarray((on_head.T @ on_head).toarray(), np.float32)


def _inverse(gram: NDArray[np.float32], regularisation: float) -> NDArray[np.float32]:
    """(gram + λI)⁻¹, symmetric; overwrites `gram`. Half the work of a general inverse, by Cholesky."""
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    if not len(gram):
        return gram
    # One thread: the bits of a sum depend on how it is shared out.
    with threadpool_limits(1, "blas"):
        # The transposed view is Fortran-ordered as LAPACK wants it, so that nothing is copied.
        factor, _ = scipy.linalg.lapack.spotrf(gram.T, lower=1, overwrite_a=1)
        half, _ = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    # `half.T` is C-ordered and holds the upper triangle.
    inverse: NDArray[np.float32] = half.T
    for start in range(0, len(inverse), BLOCK):
        end = start + BLOCK
        inverse[end:, start:end] = inverse[start:end, end:].T
        square = np.triu(inverse[start:end, start:end])
        inverse[start:end, start:end] = square + np.triu(square, 1).T
    return inverse


def _mean_reciprocal_rank(shown: NDArray[np.float32], inverse: NDArray[np.float32], target: NDArray[np.int32]) -> float:
    weight = inverse / -np.diag(inverse)
    np.fill_diagonal(weight, 0)
    score = shown @ weight
    wanted = score[np.arange(len(target)), target]
    score[shown > 0] = -np.inf
    return float((1 / (1 + (score > wanted[:, None]).sum(axis=1))).mean())
