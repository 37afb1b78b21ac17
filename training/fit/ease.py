"""EASE (Steck 2019): the weights that best rebuild what holders have, by one dense inverse over the items of a head."""

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.habits import LASTING
from models.sources.ease import Ease, EaseSettings
from models.sparse import Rows
from training.fit.sources import Past

BLOCK = 512


def gram_of(held: "Rows[Any]", items: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the `items` (ascending) share of their holders, shape (n_items, n_items); `held` is holders × all items."""
    on_head = sp.csr_array(held[:, items])
    return np.asarray((on_head.T @ on_head).toarray(), np.float32)


def inverse_of(gram: NDArray[np.float32], regularisation: float) -> NDArray[np.float32]:
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


def strongest(inverse: NDArray[np.float32], kept: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Of each item the `kept` others to which its weight is greatest in size, of either sign: their places in the head,
    ascending, and the weights; shape (n_items, kept). `kept` is below the number of items."""
    diagonal = np.diag(inverse).copy()
    rows = []
    for start in range(0, len(inverse), BLOCK):
        weight = inverse[start : start + BLOCK] / -diagonal
        weight[np.arange(len(weight)), np.arange(start, start + len(weight))] = 0
        best = np.argpartition(-np.abs(weight), kept - 1, axis=1)[:, :kept]
        best.sort(axis=1)
        rows.append((best, np.take_along_axis(weight, best, axis=1)))
    column, value = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return column, value


def fit_ease(past: Past, settings: EaseSettings) -> Ease:
    """Over the known customers and what they buy, damped; old purchases count less."""
    habits, statistics = past.habits, past.statistics
    order = np.lexsort((np.arange(habits.n_items), -statistics.buyers))[: settings.head]
    items = np.sort(order[statistics.buyers[order] >= settings.buyers])
    liking = habits.matrix(np.log1p(habits.counts[LASTING]))
    inverse = inverse_of(gram_of(liking, items), settings.regularisation)
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0)
    return Ease(items.astype(np.int32), np.ascontiguousarray(inverse), habits.n_items, settings.proposed)
