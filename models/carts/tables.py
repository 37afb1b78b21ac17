"""What orders say of each other: everything that complements are found and judged by, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.carts.asked import Asked
from models.catalogue import prefixed, under
from models.sparse import Rows, row_numbers
from models.tops import top_of_rows

Floats = NDArray[np.float32]
# Sources over the items asked about, in the order in which they are looked through.
SIGNALS = ("links", "ease", "orders", "customers")


@dataclass(frozen=True, eq=False, kw_only=True)
class CartTables:
    """Sparse tables, columns ascending within a row, and figures of items (float32 of n_items unless said otherwise).

    `links` items × items: asymmetric shrunk cosine of orders. `ease` items × items: weights of the EASE model between
    the items of the head, of either sign. `postings` items × orders: in which of the latest orders each item is,
    weighed by its rarity and the order's length; `orders` orders × items: these orders, newer ones counting more.
    `tastes` items × customers and `profiles` customers × items: the same for customers and what they bought.
    `stand_ins` items × items: who speaks for an item without orders. `companions` items × items: pairs of one category
    that orders hold together more often than their buyers' habits explain. `leaf_affinity`, `mid_affinity` categories ×
    categories: how much more often than by chance orders hold both.

    `held`: decayed orders of each item; `held_asked`, `held_other`: the powers of it that divide a link. `rarity`,
    `taste_rarity`: weights in orders and among customers. `sales`, `sales_lately`: share of what is sold, per 10,000.
    `basket`: usual size of the orders that hold it. `repeats`: purchases a buyer. `log_price`. `leaf`, `mid` (int32):
    categories; `leafless` (bool): the shop names none. `leaf_share`, `mid_share`: the item's share of what its category
    sells. `popular` (int32): best sellers of late. `numbers`: decayed orders in all, shrink of `links`, neighbours
    among orders, neighbours among customers.
    """

    links: "Rows[Any]"
    ease: "Rows[Any]"
    postings: "Rows[Any]"
    orders: "Rows[Any]"
    tastes: "Rows[Any]"
    profiles: "Rows[Any]"
    stand_ins: "Rows[Any]"
    companions: "Rows[Any]"
    leaf_affinity: "Rows[Any]"
    mid_affinity: "Rows[Any]"
    held: Floats
    held_asked: Floats
    held_other: Floats
    rarity: Floats
    taste_rarity: Floats
    sales: Floats
    sales_lately: Floats
    basket: Floats
    repeats: Floats
    log_price: Floats
    leaf: NDArray[np.int32]
    mid: NDArray[np.int32]
    leafless: NDArray[np.bool_]
    leaf_share: Floats
    mid_share: Floats
    popular: NDArray[np.int32]
    numbers: NDArray[np.float64]

    @property
    def n_items(self) -> int:
        return len(self.held)

    def together(self, asked: NDArray[Any], other: NDArray[Any], link: Floats) -> Floats:
        """Decayed orders with both items, from the link between them."""
        product = self.held_asked[asked] * self.held_other[other]
        counted: Floats = link * (product + np.float32(self.numbers[1]))
        return counted

    def score(self, asked: Asked) -> "Found":
        """Each signal's scores of a block."""
        near_orders = self._near(asked, self.rarity, self.postings, int(self.numbers[2]))
        near_orders.data *= near_orders.data
        near_customers = self._near(asked, self.taste_rarity, self.tastes, int(self.numbers[3]))
        near_customers.data *= near_customers.data
        near_customers.data *= near_customers.data
        rows = {
            "links": asked.matrix @ self.links,
            "ease": asked.matrix @ self.ease,
            "orders": near_orders @ self.orders,
            "customers": near_customers @ self.profiles,
        }
        return Found(rows, near_orders, near_customers)

    @staticmethod
    def _near(asked: Asked, rarity: Floats, postings: "Rows[Any]", limit: int) -> "Rows[Any]":
        """Rows × holders: the most similar orders or customers; a matrix of its own."""
        marks = asked.weight * rarity[asked.speaker]
        length = np.sqrt(np.bincount(asked.row, marks.astype(np.float64) ** 2, minlength=len(asked.size)))
        return top_of_rows(asked.saying(marks / np.maximum(length, 1e-12)[asked.row]) @ postings, limit)

    def arrays(self) -> dict[str, NDArray[Any]]:
        stored: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        sparse = [name for name, value in stored.items() if isinstance(value, sp.csr_array)]
        plain = {name: value for name, value in stored.items() if name not in sparse}
        return plain | prefixed({name: _parts(stored[name]) for name in sparse})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        names = [entry.name for entry in fields(cls)]
        stored: dict[str, Any] = {
            name: arrays[name] if name in arrays else _table(under(arrays, name)) for name in names
        }
        return cls(**stored)


@dataclass(frozen=True, eq=False)
class Found:
    """What the tables say of a block: `rows` by signal, and how near the nearest orders and customers are."""

    rows: Mapping[str, "Rows[Any]"]
    near_orders: "Rows[Any]"
    near_customers: "Rows[Any]"

    def best(self, signal: str, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Row and item of the signal's `limit` best of each row, above 0."""
        top = top_of_rows(self.rows[signal], limit)
        above = top.data > 0
        return row_numbers(top)[above], top.indices[above]


def _parts(matrix: "Rows[Any]") -> dict[str, NDArray[Any]]:
    columns = np.array([matrix.shape[1]])
    return {"indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data, "columns": columns}


def _table(parts: Mapping[str, NDArray[Any]]) -> "Rows[Any]":
    shape = (len(parts["indptr"]) - 1, int(parts["columns"][0]))
    return sp.csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=shape, copy=False)
