"""EASE (Steck 2019), a linear autoencoder with a closed form, on the items that most customers have."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from models.interactions import Pairs
from models.ranking import Scored
from training.baselines.ranking import (
    BLOCK,
    CUSTOMER_SCENARIOS,
    DENSE_ENTRIES,
    Past,
    best_of_dense,
    in_blocks,
    list_of_dense,
)
from training.data import TrainingData

# A dense matrix of head × head float32: 5,000 items take 100 MB, and three times that while it is inverted.
HEAD = 5_000


@dataclass(frozen=True, eq=False)
class Ease:
    """`weights[i, j]`: what having items[i] says for items[j]; the diagonal is 0."""

    past: Past
    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    scenarios = CUSTOMER_SCENARIOS

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        rows = max(1, min(BLOCK, DENSE_ENTRIES // max(1, len(self.items))))
        return in_blocks(customers, rows, lambda block: self._block(block, scenario, limit))

    def _block(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        owned = self.past.pairs(customers)
        held = on_head(len(customers), owned.row, owned.item, self.items)
        return list_of_dense(owned, held @ self.weights, self.items, scenario, limit)


@dataclass(frozen=True, eq=False)
class BasketEase:
    """The same over orders: what completes a basket."""

    items: NDArray[np.int32]
    weights: NDArray[np.float32]

    def rank_baskets(self, n_rows: int, cart_row: NDArray[Any], cart_item: NDArray[Any], limit: int) -> Scored:
        """Lists for the carts, none of a cart's own items."""
        rows = max(1, DENSE_ENTRIES // max(1, len(self.items)))
        return in_blocks(np.arange(n_rows), rows, lambda block: self._block(block, cart_row, cart_item, limit))

    def _block(self, rows: NDArray[Any], cart_row: NDArray[Any], cart_item: NDArray[Any], limit: int) -> Scored:
        inside = slice(*np.searchsorted(cart_row, [rows[0], rows[-1] + 1]))
        held = on_head(len(rows), cart_row[inside] - rows[0], cart_item[inside], self.items)
        scores = held @ self.weights
        scores[held.nonzero()] = -np.inf
        return best_of_dense(scores, self.items, limit)


def on_head(n_rows: int, row: NDArray[Any], item: NDArray[Any], items: NDArray[np.int32]) -> "sp.csr_array[Any]":
    """Rows × head: 1 where the row has the item."""
    column = np.searchsorted(items, item)
    column[column == len(items)] = 0
    kept = items[column] == item
    return sp.csr_array((np.ones(kept.sum(), np.float32), (row[kept], column[kept])), shape=(n_rows, len(items)))


def head_of(item: NDArray[Any], n_items: int) -> NDArray[np.int32]:
    """The HEAD items met most often, ascending; equal ones by index."""
    met = np.bincount(item, minlength=n_items)
    best = np.lexsort((np.arange(n_items), -met))[:HEAD]
    return np.sort(best[met[best] > 0]).astype(np.int32)


def ease_weights(held: "sp.csr_array[Any]", regularisation: float) -> NDArray[np.float32]:
    """B = I − P / diag(P) with P = (XᵀX + λI)⁻¹."""
    gram = (held.T @ held).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    inverse = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
    inverse /= -np.diag(inverse)[None, :].copy()
    np.fill_diagonal(inverse, 0)
    return np.asarray(inverse, np.float32)


def fit_ease(data: TrainingData, today: int, regularisation: float) -> Ease:
    """Over the known customers and what each of them has."""
    past = Past.of(data, today)
    pairs = Pairs.of(past.history)
    items = head_of(pairs.item, past.n_items)
    return Ease(past, items, ease_weights(on_head(len(past.history), pairs.row, pairs.item, items), regularisation))


def fit_basket_ease(data: TrainingData, regularisation: float) -> BasketEase:
    """Over the orders, guests' included."""
    lines = data.lines
    items = head_of(lines.item, len(data.catalogue))
    _, order = np.unique(lines.order, return_inverse=True)
    held = on_head(int(order.max(initial=-1)) + 1, order, lines.item, items)
    return BasketEase(items, ease_weights(held, regularisation))
