"""Customer-kNN: TIFU-KNN (Hu et al. 2020) and UP-CF (Faggioli, Polato, Aiolli 2020), both made for repeat purchase."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.interactions import Interactions
from models.ranking import Scored
from training.baselines.ranking import CUSTOMER_SCENARIOS, DENSE_ENTRIES, Past, in_blocks, list_of
from training.data import TrainingData

# Customers among whom neighbours are sought, those who bought last: bounds the work, which grows with its size.
POOL = 20_000
ROWS = 256
Csr = sp.csr_array


def order_ages(history: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each entry how many of the row's orders are newer than its own, and the number of orders of each row."""
    row = history.row
    by_age = np.lexsort((history.order, history.day, row))
    sorted_row, sorted_order = row[by_age], history.order[by_age]
    begins = np.ones(len(row), np.bool_)
    begins[1:] = (sorted_row[1:] != sorted_row[:-1]) | (sorted_order[1:] != sorted_order[:-1])
    orders = np.bincount(sorted_row[begins], minlength=len(history))
    # The number of an order within its row: all orders begun so far, less those of the rows before.
    number = np.cumsum(begins) - 1 - (np.cumsum(orders) - orders)[sorted_row]
    ages = np.zeros(len(row), np.int64)
    ages[by_age] = orders[sorted_row] - 1 - number
    return ages, orders


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike customers are; `left` and `right` are customers × items, `right` restricted to the pool."""

    left: "Csr[Any]"
    right: "Csr[Any]"
    left_norm: NDArray[np.float32]
    right_norm: NDArray[np.float32]
    locality: float

    def of(self, customers: NDArray[Any]) -> NDArray[np.float32]:
        """Shape (customers, pool)."""
        together: NDArray[np.float32] = (self.left[customers] @ self.right.T).toarray()
        if self.locality:  # asymmetric cosine
            return np.asarray(together / (self.left_norm[customers, None] * self.right_norm[None, :]), np.float32)
        # The nearest by Euclidean distance: |a − b|² without |a|², which is the same for all of a row.
        return np.asarray(2 * together - self.right_norm[None, :], np.float32)

    def weights(self, like: NDArray[np.float32]) -> NDArray[np.float32]:
        """UP-CF sharpens the likeness by a power; TIFU-KNN counts its neighbours alike. A row's weights add up to 1."""
        found = np.isfinite(like)
        raw = np.where(found, np.maximum(like, 0) ** self.locality if self.locality else 1.0, 0.0)
        total = raw.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(raw, total, out=np.zeros_like(raw), where=total > 0), np.float32)


@dataclass(frozen=True, eq=False)
class CustomerNeighbours:
    """Blends each customer's own vector with the mean of those of its neighbours.

    `vectors`: customers × items; `pool`: the customers who may be neighbours; `likeness` gives a block's customers ×
    pool (higher is nearer); `weigh` makes weights of the likeness of the nearest; `own`: the share of the own vector.
    """

    past: Past
    vectors: "Csr[Any]"
    pool: NDArray[np.int64]
    likeness: Likeness
    neighbours: int
    own: float
    scenarios = CUSTOMER_SCENARIOS

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        rows = max(1, min(ROWS, DENSE_ENTRIES // max(1, len(self.pool))))
        return in_blocks(customers, rows, lambda block: self._block(block, scenario, limit))

    def _block(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        like = self.likeness.of(customers)
        like[self.pool[None, :] == customers[:, None]] = -np.inf
        kept = min(self.neighbours, len(self.pool))
        near = np.argpartition(like, len(self.pool) - kept, axis=1)[:, len(self.pool) - kept :]
        weight = self.likeness.weights(np.take_along_axis(like, near, axis=1))
        shares = sp.csr_array(
            (weight.ravel(), self.pool[near].ravel(), np.arange(0, weight.size + 1, kept)),
            shape=(len(customers), self.vectors.shape[0]),
        )
        scores = self.own * self.vectors[customers] + (1 - self.own) * (shares @ self.vectors)
        loose = sp.coo_array(scores)
        positive = loose.data > 0
        row, item = loose.row[positive].astype(np.int64), loose.col[positive]
        return list_of(self.past.pairs(customers), row, item, loose.data[positive], scenario, limit)


def fit_tifu_knn(
    data: TrainingData,
    today: int,
    *,
    group: int = 7,
    within: float = 0.9,
    between: float = 0.7,
    neighbours: int = 300,
    own: float = 0.7,
) -> CustomerNeighbours:
    """Orders in groups of `group`, newest first; weights fall by `within` from order to order of a group and by
    `between` from group to group; the paper's settings for Ta-Feng are the defaults.
    """
    past = Past.of(data, today)
    history = past.history
    ages, orders = order_ages(history)
    group_of, place = ages // group, ages % group
    groups = -(-orders // group)
    size = np.minimum(group, orders[history.row] - group_of * group)
    weight = within**place * between**group_of / (size * groups[history.row])
    vectors = _by_customer(past, weight)
    pool = _newest_customers(history)
    right = vectors[pool]
    norm = np.asarray(right.multiply(right).sum(axis=1)).ravel().astype(np.float32)
    likeness = Likeness(vectors, right, np.zeros(0, np.float32), norm, 0.0)
    return CustomerNeighbours(past, vectors, pool, likeness, neighbours, own)


def fit_up_cf(
    data: TrainingData,
    today: int,
    *,
    newest: int = 25,
    locality: float = 10.0,
    asymmetry: float = 0.25,
    own: float = 0.5,
) -> CustomerNeighbours:
    """Each customer's share of its `newest` orders that hold an item, averaged over customers by an asymmetric
    cosine of what they ever bought, raised to `locality`; `own`: the customer's weight among them.
    """
    past = Past.of(data, today)
    history = past.history
    ages, orders = order_ages(history)
    share = np.where(ages < newest, 1.0 / np.minimum(newest, orders)[history.row], 0.0)
    vectors = _by_customer(past, share)
    bought = vectors.copy()
    bought.data = np.ones_like(bought.data)
    pool = _newest_customers(history)
    items = np.maximum(np.diff(bought.indptr), 1).astype(np.float32)
    likeness = Likeness(bought, bought[pool], items**asymmetry, items[pool] ** (1 - asymmetry), locality)
    return CustomerNeighbours(past, vectors, pool, likeness, 500, own)


def _by_customer(past: Past, weight: NDArray[np.float64]) -> "Csr[Any]":
    """Sums a weight of the entries over each customer's items; a sum of 0 stays an entry: the item was bought."""
    history = past.history
    shape = (len(history), past.n_items)
    # Duplicates are summed in place, hence the copies: a history's arrays are shared.
    matrix = sp.csr_array((weight.astype(np.float32), history.item.copy(), history.indptr.copy()), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _newest_customers(history: Interactions) -> NDArray[np.int64]:
    """The POOL customers with a history who bought last, ascending."""
    last = np.full(len(history), -1, np.int64)
    np.maximum.at(last, history.row, history.day)
    by_age = np.lexsort((np.arange(len(history)), -last))[:POOL]
    return np.sort(by_age[last[by_age] >= 0])
