"""Carts to learn from: later orders with one item hidden, some cut down to a single item, some with their customer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.sources.protocol import Queries
from models.sparse import Rows
from training.fit.carts.orders import Orders

# Shares of carts cut down to one item (product pages), and of those whose customer is known.
SINGLE, KNOWN = 0.25, 0.5
# A later order may serve so many times, each time with another item hidden.
REUSED = 4


@dataclass(frozen=True, eq=False)
class CartRows:
    """Carts as rows: the items shown (`row`, `item`, sorted), the `hidden` item of each, and its customer (−1:
    unknown)."""

    row: NDArray[np.int64]
    item: NDArray[np.int32]
    hidden: NDArray[np.int32]
    customer: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.hidden)

    def block(self, start: int, end: int, histories: Interactions, today: int, horizon: int, n_items: int) -> Queries:
        """Rows `start` to `end` as queries."""
        inside = slice(*np.searchsorted(self.row, [start, end]))
        customer = self.customer[start:end]
        cart = self.row[inside] - start, self.item[inside]
        return Queries(customer, histories.rows(customer), *cart, today, horizon, n_items)


def carts_of(later: Orders, known: NDArray[np.bool_], n_carts: int, rng: np.random.Generator) -> CartRows:
    """Up to `n_carts` of the later orders with two or more `known` items; several times each where there are fewer."""
    usable = np.flatnonzero(_known_sizes(later.held, known) >= 2)
    if not len(usable):
        nothing = np.zeros(0, np.int32)
        return CartRows(np.zeros(0, np.int64), nothing, nothing, np.zeros(0, np.int64))
    times = int(np.clip(-(-n_carts // len(usable)), 1, REUSED))
    order = np.sort(np.tile(rng.permutation(usable), times)[:n_carts])
    held = later.held[order]
    known_place = known[held.indices]
    row = np.repeat(np.arange(len(order)), np.diff(held.indptr))[known_place]
    item = held.indices[known_place].astype(np.int32)
    bounds = np.searchsorted(row, np.arange(len(order) + 1))
    drawn = _drawn(bounds, rng)
    hidden = item[drawn]
    shown = np.ones(len(row), np.bool_)
    shown[drawn] = False
    row, item = row[shown], item[shown]
    cut = rng.random(len(order)) < SINGLE
    kept = ~cut[row]
    kept[_drawn(np.searchsorted(row, np.arange(len(order) + 1)), rng)] = True
    customer = np.where(rng.random(len(order)) < KNOWN, later.customer[order], -1)
    return CartRows(row[kept], item[kept], hidden, customer)


def _known_sizes(held: "Rows[Any]", known: NDArray[np.bool_]) -> NDArray[np.int64]:
    counted = np.concatenate([[0], np.cumsum(known[held.indices])])
    sizes: NDArray[np.int64] = counted[held.indptr[1:]] - counted[held.indptr[:-1]]
    return sizes


def _drawn(bounds: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One place of each run."""
    return bounds[:-1] + (rng.random(len(bounds) - 1) * np.diff(bounds)).astype(np.int64)
