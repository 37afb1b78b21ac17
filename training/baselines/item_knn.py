"""Item-kNN: items alike in who buys them (Sarwar et al. 2001), by BM25 weights or by shrunk cosine."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from implicit.nearest_neighbours import all_pairs_knn, bm25_weight
from numpy.typing import NDArray

from models.interactions import Pairs
from models.ranking import Scored, positions
from training.baselines.counting import decayed
from training.baselines.factors import WORTH_THREADS
from training.baselines.ranking import CUSTOMER_SCENARIOS, Past, in_blocks, list_of
from training.data import TrainingData
from training.fit.cooccurrence import related_items, shrunk_cosine

SHRINK = 10.0
# The newest items of a customer by which cosines are taken: bounds the work that heavy buyers make.
NEWEST = 200
ROWS = 512


@dataclass(frozen=True, eq=False)
class ItemNeighbours:
    """Adds up the neighbours of what each customer bought.

    `weights`: customers × items, what each purchase counts; `likeness`: items × items, each row an item's nearest,
    itself among them.
    """

    past: Past
    weights: "sp.csr_array[Any]"
    likeness: "sp.csr_array[Any]"
    scenarios = CUSTOMER_SCENARIOS

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        return in_blocks(customers, ROWS, lambda block: self._block(block, scenario, limit))

    def _block(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        scores = sp.csr_array(self.weights[customers] @ self.likeness)
        row = np.repeat(np.arange(len(customers)), np.diff(scores.indptr))
        return list_of(self.past.pairs(customers), row, scores.indices, scores.data, scenario, limit)


def fit_item_bm25(
    data: TrainingData, today: int, *, half_life_days: float, k1: float, b: float, neighbours: int = 50
) -> ItemNeighbours:
    """Okapi BM25 with customers as documents and decayed orders as counts (Robertson and Zaragoza 2009)."""
    past = Past.of(data, today)
    counts = _customers_items(past, decayed(Pairs.of(past.history), today, half_life_days))
    weights = bm25_weight(sp.csr_matrix(counts), K1=k1, B=b).tocsr().astype(np.float64)
    threads = 0 if weights.nnz >= WORTH_THREADS else 1
    likeness = all_pairs_knn(weights, K=neighbours, num_threads=threads, show_progress=False).tocsr()
    return ItemNeighbours(past, sp.csr_array(weights, dtype=np.float32), sp.csr_array(likeness, dtype=np.float32))


def fit_item_cosine(data: TrainingData, today: int, *, half_life_days: float, neighbours: int = 50) -> ItemNeighbours:
    """Cosine between the items' customers, shrunk against chance; newer purchases of the asking customer count more."""
    past = Past.of(data, today)
    pairs = Pairs.of(past.history)
    by_age = np.lexsort((pairs.item, -pairs.last_day, pairs.row))
    newest = np.sort(by_age[positions(pairs.row[by_age]) < NEWEST])
    row, item = pairs.row[newest], pairs.item[newest]
    held = np.maximum(np.bincount(item, minlength=past.n_items), 1).astype(np.float64)
    shape = (len(past.history), past.n_items)
    bought: sp.csr_array[Any] = sp.csr_array((np.ones(len(item), np.float32), (row, item)), shape=shape)
    others = related_items(bought, shrunk_cosine(held, SHRINK), neighbours).matrix
    likeness = sp.csr_array(others + sp.eye_array(past.n_items, dtype=np.float32))
    return ItemNeighbours(past, _customers_items(past, np.sqrt(decayed(pairs, today, half_life_days))), likeness)


def _customers_items(past: Past, weight: NDArray[np.float32]) -> "sp.csr_array[Any]":
    """A weight for each pair of the histories as a matrix."""
    pairs = Pairs.of(past.history)
    return sp.csr_array((weight, pairs.item, pairs.indptr), shape=(len(past.history), past.n_items))
