"""Fits implicit matrix factorisation with the library implicit."""

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from models.interactions import Pairs
from models.sources.factors import Factors, FactorSettings, confidence
from training.data import TrainingData


def fit_factors(data: TrainingData, settings: FactorSettings) -> Factors:
    """ALS over the known customers; items that nobody known bought keep the zero vector."""
    history = data.interactions()
    pairs = Pairs.of(history)
    weight = confidence(pairs, settings.alpha)
    shape = (len(data.customers), len(data.catalogue))
    # implicit weighs an entry by its value and an absence by 1, so the value is 1 + confidence.
    customers_items = sp.csr_matrix((1.0 + weight, pairs.item, pairs.indptr), shape=shape, dtype=np.float32)
    # implicit solves in threads of its own; OpenBLAS threads inside them only fight for the cores.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=settings.factors,
            iterations=settings.iterations,
            regularization=settings.regularisation,
            random_state=settings.seed,
            use_cg=True,
        )
        model.fit(customers_items, show_progress=False)
    bought = np.bincount(pairs.item, minlength=shape[1])
    items = np.where(bought[:, None] > 0, model.item_factors, np.float32(0)).astype(np.float32)
    by_sales = np.argsort(-bought, kind="stable")[: settings.head]
    head = by_sales[bought[by_sales] > 0].astype(np.int32)
    entries = np.diff(history.indptr).astype(np.int32)
    return Factors(model.user_factors, items, head, entries, settings.alpha, settings.regularisation)
