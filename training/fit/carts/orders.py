"""The orders that are learned from: the latest, without wholesale."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.carts.carts import ComplementSettings
from models.ranking import keys
from models.sparse import Rows, rows_of, with_values
from training.data import PurchaseLines, TrainingData


@dataclass(frozen=True, eq=False)
class Orders:
    """`held`: orders × items, 1 where the order holds it, oldest order first; per order: `customer` (−1: a guest) and
    `day`. `today` is the day after the data's last, `span` the days that the data covers."""

    held: "Rows[Any]"
    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    today: int
    span: int

    @classmethod
    def of(cls, data: TrainingData, settings: ComplementSettings) -> "Orders":
        """The latest orders of a shop, guests' included, wholesale left out: it does not say what goes together."""
        lines = data.lines
        size = np.bincount(lines.order)
        kept = lines.where(size[lines.order] <= settings.largest_order)
        rank_of_order = _by_day(kept, len(size), settings.orders)
        kept = kept.where(rank_of_order[kept.order] >= 0)
        order = rank_of_order[kept.order]
        n_orders = int(order.max(initial=-1)) + 1
        key = np.argsort(keys(order, kept.item))
        held = rows_of(n_orders, len(data.catalogue), order[key], kept.item[key], np.ones(len(key), np.float32))
        customer, day = np.full(n_orders, -1), np.zeros(n_orders, np.int64)
        customer[order], day[order] = kept.customer, kept.day
        return cls(held, customer, day, data.last_day + 1, data.last_day + 1 - data.first_day)

    def __len__(self) -> int:
        return len(self.day)

    @property
    def n_items(self) -> int:
        return int(self.held.shape[1])

    def freshness(self, half_life: float) -> NDArray[np.float32]:
        """What each order still counts."""
        return np.exp2(-(self.today - self.day) / max(half_life, 1.0)).astype(np.float32)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Items in each order."""
        return np.diff(self.held.indptr)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Orders that hold each item."""
        return np.bincount(self.held.indices, minlength=self.n_items)

    def per_item(self, per_order: NDArray[Any]) -> NDArray[np.float32]:
        """Sum a value of the orders over each item."""
        total = np.bincount(self.held.indices, np.repeat(per_order, self.sizes), minlength=self.n_items)
        return total.astype(np.float32)

    def weighted(self, per_order: NDArray[Any]) -> "Rows[Any]":
        """`held` with a value of the orders."""
        return with_values(self.held, np.repeat(per_order, self.sizes))


def _by_day(lines: PurchaseLines, n_orders: int, limit: int) -> NDArray[np.int64]:
    """Each order's place among the latest `limit`, oldest first; −1 for what is older or left out."""
    day = np.full(n_orders, -1, np.int64)
    day[lines.order] = lines.day
    latest = np.lexsort((np.arange(n_orders), day))[-limit:]
    latest = latest[day[latest] >= 0]
    place = np.full(n_orders, -1, np.int64)
    place[latest] = np.arange(len(latest))
    return place
