"""Figures of items and categories that a cart's candidates are judged by."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.ranking import distinct
from models.sparse import Rows, row_numbers
from training.data import TrainingData
from training.fit.carts.matrices import table_of
from training.fit.carts.orders import Orders
from training.fit.cooccurrence import related_items
from training.fit.statistics import category_levels, log_prices

# Half-lives of sales, as shares of the time that the data covers.
SALES, LATELY = 0.15, 0.04
BASKET_PRIOR = 10
# Orders that a pair of categories must outweigh; categories kept a category.
AFFINITY_PRIOR, AFFINE = 50.0, 200
POPULAR = 40


def fit_figures(data: TrainingData, orders: Orders) -> dict[str, Any]:
    """The plain figures of models.carts.tables.CartTables, by name."""
    sales = orders.per_item(orders.freshness(SALES * orders.span))
    lately = orders.per_item(orders.freshness(LATELY * orders.span))
    counts, sizes = orders.counts, orders.sizes.astype(np.float64)
    category, (_, mid) = data.catalogue.category, category_levels(data.catalogue)
    leaf = np.where(category < 0, len(data.catalogue.categories), category).astype(np.int32)
    return {
        "sales": _per_10_000(sales),
        "sales_lately": _per_10_000(lately),
        "basket": _f32(
            (orders.per_item(sizes) + BASKET_PRIOR * float(sizes.mean() if len(sizes) else 0)) / (counts + BASKET_PRIOR)
        ),
        "repeats": _f32(counts / np.maximum(_buyers(orders), 1)),
        "log_price": log_prices(data),
        "leaf": leaf,
        "mid": mid,
        "leafless": category < 0,
        "leaf_share": _share_within(leaf, sales),
        "mid_share": _share_within(mid, sales),
        "popular": _best(sales),
        "leaf_affinity": fit_affinity(orders, leaf),
        "mid_affinity": fit_affinity(orders, mid),
    }


def fit_affinity(orders: Orders, category: NDArray[np.int32]) -> "Rows[Any]":
    """log(1 + how much more often than by chance) orders hold both categories; on the diagonal, two items of one."""
    n_categories = int(category.max(initial=0)) + 1
    order = row_numbers(orders.held)
    shape = (len(orders), n_categories)
    items = table_of(shape, order, category[orders.held.indices], np.ones(len(order), np.float32))
    several = np.bincount(items.indices, items.data > 1, minlength=n_categories)
    held = np.bincount(items.indices, minlength=n_categories).astype(np.float64)
    items.data[:] = 1

    def weigh(one: NDArray[Any], other: NDArray[Any], together: NDArray[Any]) -> NDArray[np.float32]:
        return _f32(np.log1p(together * len(orders) / (held[one] * held[other] + AFFINITY_PRIOR)))

    every = np.arange(n_categories)
    within = weigh(every, every, several)
    table = related_items(items, weigh, AFFINE).matrix
    return sp.csr_array(table + sp.diags_array(within, format="csr", dtype=np.float32))


def _buyers(orders: Orders) -> NDArray[np.int64]:
    """Customers who bought each item; each guest order is one."""
    order = row_numbers(orders.held)
    guest = orders.customer < 0
    buyer = np.where(guest, int(orders.customer.max(initial=0)) + 1 + np.arange(len(orders)), orders.customer)
    pairs = distinct(buyer[order] * orders.n_items + orders.held.indices)
    return np.bincount(pairs % orders.n_items, minlength=orders.n_items)


def _share_within(category: NDArray[np.int32], sales: NDArray[np.float32]) -> NDArray[np.float32]:
    total = np.bincount(category, sales)
    return _f32(sales / np.maximum(total[category], 1e-9))


def _best(sales: NDArray[np.float32]) -> NDArray[np.int32]:
    best = np.lexsort((np.arange(len(sales)), -sales))[:POPULAR]
    return np.sort(best[sales[best] > 0]).astype(np.int32)


def _per_10_000(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value * np.float32(1e4 / max(float(value.sum()), 1e-9))


def _f32(value: NDArray[Any]) -> NDArray[np.float32]:
    return value.astype(np.float32)
