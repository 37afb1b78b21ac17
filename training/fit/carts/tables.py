"""All tables of models.carts, from the orders of one training."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.carts.carts import ComplementSettings
from models.carts.tables import CartTables
from models.sparse import Rows
from training.data import TrainingData
from training.fit.carts.ease import fit_ease
from training.fit.carts.figures import fit_figures
from training.fit.carts.links import fit_links
from training.fit.carts.matrices import empty_table
from training.fit.carts.neighbourhoods import fit_customer_neighbours, fit_order_neighbours
from training.fit.carts.orders import Orders

# The nearest orders and customers of a cart.
NEAR_ORDERS, NEAR_CUSTOMERS = 200, 100


def fit_tables(
    data: TrainingData,
    orders: Orders,
    settings: ComplementSettings,
    regularisation: float,
    stand_ins: "Rows[Any] | None" = None,
    alike: "Rows[Any] | None" = None,
) -> tuple[CartTables, "Rows[Any]"]:
    """The tables, and how much more often than by habit orders hold both, for pairs of one category and those of
    `alike`."""
    fresh = orders.freshness(settings.half_life_days or orders.span / 2)
    linked = fit_links(
        orders,
        fresh,
        lean=settings.lean,
        shrink=settings.shrink,
        neighbours=settings.neighbours,
        category=data.catalogue.category,
        also=alike,
    )
    near_orders = fit_order_neighbours(orders, fresh, settings.compared)
    near_customers = fit_customer_neighbours(orders, settings.customers, np.random.default_rng(settings.seed))
    held = orders.per_item(fresh)
    figures = fit_figures(data, orders)
    matrices = {
        "links": linked.links,
        "ease": fit_ease(orders, settings.head, regularisation, settings.neighbours),
        "postings": near_orders.postings,
        "orders": near_orders.content,
        "tastes": near_customers.postings,
        "profiles": near_customers.content,
        "stand_ins": stand_ins if stand_ins is not None else empty_table(orders.n_items),
        "companions": linked.companions(),
        "leaf_affinity": figures.pop("leaf_affinity"),
        "mid_affinity": figures.pop("mid_affinity"),
    }
    places: dict[str, Any] = {name: _with_short_places(matrix) for name, matrix in matrices.items()}
    tables = CartTables(
        **places,
        **figures,
        held=held,
        held_asked=_power(held, settings.lean),
        held_other=_power(held, 1 - settings.lean),
        rarity=near_orders.rarity,
        taste_rarity=near_customers.rarity,
        numbers=np.array([fresh.sum(), settings.shrink, NEAR_ORDERS, NEAR_CUSTOMERS], np.float64),
    )
    return tables, linked.beyond


def _power(held: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    return np.power(held.astype(np.float64), exponent).astype(np.float32)


def _with_short_places(matrix: "Rows[Any]") -> "Rows[Any]":
    """The same with places of 32 bits, as long as they fit."""
    kind = np.int32 if matrix.nnz < np.iinfo(np.int32).max else np.int64
    parts = (matrix.data, matrix.indices.astype(kind, copy=False), matrix.indptr.astype(kind, copy=False))
    return sp.csr_array(parts, shape=matrix.shape)
