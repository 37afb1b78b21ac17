"""Fits implicit matrix factorisation with the library implicit."""

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from models.sources.factors import Factors, FactorSettings, confidence
from training.fit.sources import Past

# From so many customers on, a fit goes on from an earlier one, where there is one; and in so many iterations.
WARM_FROM, WARM_ITERATIONS = 20_000, 3


def fit_factors(past: Past, settings: FactorSettings, start: Factors | None = None) -> Factors:
    """ALS over the known customers; items that nobody known bought keep the zero vector.

    `start`: factors of the same customers and items as of an earlier day, from which a large shop's fit goes on.
    """
    habits = past.habits
    pairs, history = habits.pairs, habits.history
    weight = confidence(habits, settings.alpha)
    shape = (habits.n_rows, habits.n_items)
    # implicit weighs an entry by its value and an absence by 1, so the value is 1 + confidence.
    customers_items = sp.csr_matrix((1.0 + weight, pairs.item, pairs.indptr), shape=shape, dtype=np.float32)
    warm = start is not None and habits.n_rows >= WARM_FROM and start.items.shape[1] == settings.factors
    # implicit solves in threads of its own; OpenBLAS threads inside them only fight for the cores.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=settings.factors,
            iterations=min(settings.iterations, WARM_ITERATIONS) if warm else settings.iterations,
            regularization=settings.regularisation,
            random_state=settings.seed,
            use_cg=True,
        )
        if warm and start is not None:
            model.user_factors, model.item_factors = start.users.copy(), start.items.copy()
        model.fit(customers_items, show_progress=False)
    bought = np.bincount(pairs.item, minlength=shape[1])
    items = np.where(bought[:, None] > 0, model.item_factors, np.float32(0)).astype(np.float32)
    by_sales = np.argsort(-bought, kind="stable")[: settings.head]
    head = by_sales[bought[by_sales] > 0].astype(np.int32)
    entries = np.diff(history.indptr).astype(np.int32)
    users = model.user_factors
    return Factors(users, items, head, entries, settings.alpha, settings.regularisation, settings.proposed)
