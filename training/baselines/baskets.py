"""Baselines that complete baskets: what sells most, and what orders hold together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.ranking import Scored, rank
from models.sources.item_table import ItemTable, without
from training.baselines.ease import fit_basket_ease
from training.data import TrainingData
from training.fit.cooccurrence import related_items, shrunk_cosine

NEIGHBOURS = 200
SHRINK = 20.0
# Orders with more items (wholesale) would outweigh all others.
LARGEST_ORDER = 200


class BasketBaseline(Protocol):
    """A fitted method that completes carts."""

    def rank_baskets(self, n_rows: int, cart_row: NDArray[Any], cart_item: NDArray[Any], limit: int) -> Scored:
        """Lists for carts (items `cart_item` in rows `cart_row`, ascending), none of a cart's own items, best first."""
        ...


BasketFit = Callable[[TrainingData], BasketBaseline]


@dataclass(frozen=True, eq=False)
class PopularInBaskets:
    """`orders`: how many orders hold each item; `order`: items by it, best first."""

    orders: NDArray[np.int64]
    order: NDArray[np.int32]

    def rank_baskets(self, n_rows: int, cart_row: NDArray[Any], cart_item: NDArray[Any], limit: int) -> Scored:
        size = np.bincount(cart_row, minlength=n_rows)
        row = np.repeat(np.arange(n_rows), np.minimum(limit + size, len(self.order)))
        item = self.order[np.arange(len(row)) - np.searchsorted(row, row)]
        keep = without(row, item, cart_row, cart_item)
        return rank(n_rows, row[keep], item[keep], self.orders[item[keep]], limit)


@dataclass(frozen=True, eq=False)
class CosineInBaskets:
    """Adds up the relations of every item in the cart."""

    table: ItemTable

    def rank_baskets(self, n_rows: int, cart_row: NDArray[Any], cart_item: NDArray[Any], limit: int) -> Scored:
        ones = np.ones(len(cart_item), np.float32)
        shape = (n_rows, self.table.n_items)
        cart = sp.csr_array((ones, (cart_row, cart_item)), shape=shape)
        scores = sp.csr_array(cart @ self.table.matrix)
        row, item = np.repeat(np.arange(n_rows), np.diff(scores.indptr)), scores.indices
        keep = without(row, item, cart_row, cart_item)
        return rank(n_rows, row[keep], item[keep], scores.data[keep], limit)


def fit_popular_in_baskets(data: TrainingData) -> PopularInBaskets:
    """Counts orders, guests' included."""
    orders = np.bincount(data.lines.item, minlength=len(data.catalogue))
    best = np.lexsort((np.arange(len(orders)), -orders))
    return PopularInBaskets(orders, best[orders[best] > 0].astype(np.int32))


def fit_cosine_in_baskets(data: TrainingData) -> CosineInBaskets:
    """Shrunk cosine over orders, guests' included."""
    lines, n_items = data.lines, len(data.catalogue)
    size = np.bincount(lines.order)
    kept = lines.where(size[lines.order] <= LARGEST_ORDER)
    _, order = np.unique(kept.order, return_inverse=True)
    shape = (int(order.max(initial=-1)) + 1, n_items)
    orders_items: sp.csr_array[Any] = sp.csr_array((np.ones(len(kept), np.float32), (order, kept.item)), shape=shape)
    held = np.maximum(np.bincount(lines.item, minlength=n_items), 1).astype(np.float64)
    return CosineInBaskets(related_items(orders_items, shrunk_cosine(held, SHRINK), NEIGHBOURS))


BASKET_METHODS: dict[str, BasketFit] = {
    "best sellers": fit_popular_in_baskets,
    "cosine over orders": fit_cosine_in_baskets,
}
FURTHER_BASKET_METHODS: dict[str, BasketFit] = {
    "EASE over orders": lambda data: fit_basket_ease(data, 300.0),
}
