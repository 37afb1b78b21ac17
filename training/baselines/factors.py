"""ALS for implicit feedback (Hu, Koren, Volinsky 2008) by the library implicit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.interactions import Pairs
from models.ranking import Scored
from training.baselines.counting import decayed
from training.baselines.ranking import CUSTOMER_SCENARIOS, DENSE_ENTRIES, Past, in_blocks, list_of_dense
from training.data import TrainingData

FACTORS = 64
ITERATIONS = 15
SEED = 1
# Only items of at least so many customers: a vector from fewer is noise, and memory follows the items.
FEWEST_BUYERS = 2
# Below so many purchases the threads wait for each other longer than they work.
WORTH_THREADS = 100_000


@dataclass(frozen=True, eq=False)
class Als:
    """`users` (n_customers × f), `vectors` (len(items) × f) of the `items` that were fitted, ascending."""

    past: Past
    items: NDArray[np.int32]
    users: NDArray[np.float32]
    vectors: NDArray[np.float32]
    scenarios = CUSTOMER_SCENARIOS

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        rows = max(1, DENSE_ENTRIES // max(1, len(self.items)))

        def one_block(block: NDArray[Any]) -> Scored:
            scores = self.users[block] @ self.vectors.T
            return list_of_dense(self.past.pairs(block), scores, self.items, scenario, limit)

        return in_blocks(customers, rows, one_block)


def fit_als(data: TrainingData, today: int, alpha: float, regularisation: float, half_life_days: float) -> Als:
    """Confidence 1 + alpha × log(1 + decayed orders)."""
    past = Past.of(data, today)
    pairs = Pairs.of(past.history)
    buyers = np.bincount(pairs.item, minlength=past.n_items)
    items = np.flatnonzero(buyers >= FEWEST_BUYERS).astype(np.int32)
    kept = buyers[pairs.item] >= FEWEST_BUYERS
    sure = alpha * np.log1p(decayed(pairs, today, half_life_days)[kept])
    place = np.searchsorted(items, pairs.item[kept])
    customers_items = sp.csr_matrix(
        ((1 + sure).astype(np.float32), (pairs.row[kept], place)), shape=(len(past.history), len(items))
    )
    if not customers_items.nnz:
        return Als(past, items, np.zeros((len(past.history), 1), np.float32), np.zeros((len(items), 1), np.float32))
    # OpenBLAS must not start threads inside the threads of ALS.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=FACTORS,
            iterations=ITERATIONS,
            regularization=regularisation,
            random_state=SEED,
            num_threads=0 if customers_items.nnz >= WORTH_THREADS else 1,
        )
        model.fit(customers_items, show_progress=False)
    return Als(past, items, model.user_factors, model.item_factors)
