"""Pairs of items alike in content: candidates for alternatives, and where items without orders belong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.sparse import Rows, row_maxima, row_numbers, stored_where, with_values
from models.tops import top_of_rows
from training.data import TrainingData
from training.fit.carts.content import Content
from training.fit.carts.figures import SALES
from training.fit.carts.matrices import table_of
from training.fit.carts.orders import Orders
from training.fit.cooccurrence import Related, together_by_block
from training.fit.statistics import log_prices

# Alternatives considered an item; sold items that may speak for one without orders, or take it into their lists.
CONSIDERED, SPEAKERS, HOMES = 120, 5, 10
# Cosine of content from which on items count as alike; what is alike to nothing takes the best there is.
LEAST = 0.2
# What being of one category adds to the likeness of a home.
SAME_CATEGORY = 1.0
# Factors of e by which likeness falls for each factor of e between prices.
PRICE = 0.3
# Weight of what sells, against BASE for every item.
SELLING, BASE = 0.02, 0.3
# What an item of another category counts against one of the same: words alone make a plate like the cup of its set.
ELSEWHERE = np.float32(0.5)
BLOCK = 256
# Words that an item is known by where the uncommon ones lead nowhere.
MARKS = 3


@dataclass(frozen=True, eq=False)
class Shelf:
    """What is sold and what could be: `shown` items have a title and are listed, `cold` of them have no orders; `base`:
    what an alternative counts by itself; `log_price`; `category` (−1: none)."""

    shown: NDArray[np.bool_]
    sold: NDArray[np.bool_]
    base: NDArray[np.float32]
    log_price: NDArray[np.float32]
    category: NDArray[np.int32]

    @classmethod
    def of(cls, data: TrainingData, orders: Orders) -> "Shelf":
        catalogue = data.catalogue
        shown = catalogue.listed & ~catalogue.texts["title"].is_empty()
        selling = orders.per_item(orders.freshness(orders.span * SALES))
        base = (BASE + SELLING * np.log1p(selling)).astype(np.float32)
        return cls(shown, orders.counts > 0, base, log_prices(data), catalogue.category)

    @property
    def cold(self) -> NDArray[np.bool_]:
        return self.shown & ~self.sold

    def worth(self, item: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float32]:
        """What makes `other` an alternative besides likeness: it sells, costs as much, is of one kind."""
        kind = np.where(self.same_category(item, other), np.float32(1), ELSEWHERE)
        return np.asarray(self.base[other] * self.closeness(item, other) * kind, np.float32)

    def closeness(self, item: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float32]:
        """Of prices, 0 to 1."""
        apart = np.abs(self.log_price[item] - self.log_price[other])
        return np.asarray(np.exp(-PRICE * apart), np.float32)

    def same_category(self, item: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = (self.category[item] == self.category[other]) & (self.category[item] >= 0)
        return same


@dataclass(frozen=True, eq=False)
class Alike:
    """Items × items, likeness in content: `considered` as alternatives, and `homes`: for each item without orders the
    sold ones that it resembles most."""

    considered: "Rows[Any]"
    homes: "Rows[Any]"

    def stand_ins(self) -> "Rows[Any]":
        """Who speaks for an item without orders; weights add up to 1."""
        best = top_of_rows(self.homes, SPEAKERS)
        total = np.bincount(row_numbers(best), best.data, minlength=best.shape[0])
        return with_values(best, best.data / np.maximum(total, 1e-9)[row_numbers(best)])


def fit_alike(content: Content, shelf: Shelf) -> Alike:
    """By words that are not common; an item that is alike to nothing by them, by the least
    common that it has."""
    n_items = content.vectors.shape[0]
    considered, homes = Related(n_items), Related(n_items)
    cold = shelf.cold
    for pairs in together_by_block(sp.csr_array(content.telling.T)):
        near = pairs.where(pairs.together >= LEAST)
        able = near.where(shelf.shown[near.other])
        worth = able.together * shelf.worth(able.item, able.other)
        considered.add(able.start, able.best(worth, CONSIDERED))
        unsold = near.where(cold[near.item] & shelf.sold[near.other])
        closer = unsold.together + SAME_CATEGORY * shelf.same_category(unsold.item, unsold.other)
        homes.add(unsold.start, unsold.best(closer.astype(np.float32), HOMES))
    found = considered.matrix()
    return Alike(_filled(found, content, shelf), homes.matrix())


def _filled(found: "Rows[Any]", content: Content, shelf: Shelf) -> "Rows[Any]":
    """Rows that are left empty, by the least common of the words that they share with others."""
    empty = np.flatnonzero((np.diff(found.indptr) == 0) & (np.diff(content.vectors.indptr) > 0))
    if not len(empty):
        return found
    targets = sp.csr_array(content.vectors.T)
    shown = np.bincount(content.vectors[np.flatnonzero(shelf.shown)].indices, minlength=content.vectors.shape[1])
    shared = stored_where(content.vectors, (shown > 1)[content.vectors.indices])
    parts = []
    for start in range(0, len(empty), BLOCK):
        rows = empty[start : start + BLOCK]
        likeness = sp.csr_array(top_of_rows(shared[rows], MARKS) @ targets)
        able = shelf.shown[likeness.indices] & (rows[row_numbers(likeness)] != likeness.indices)
        likeness = stored_where(likeness, able)
        # Common words make everything a little alike.
        likeness = stored_where(likeness, likeness.data >= row_maxima(likeness)[row_numbers(likeness)] / 2)
        item, other = rows[row_numbers(likeness)], likeness.indices
        likeness = with_values(likeness, likeness.data * shelf.worth(item, other))
        best = top_of_rows(likeness, CONSIDERED)
        parts.append((rows[row_numbers(best)], best.indices, best.data))
    item, other, worth = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return sp.csr_array(found + table_of(found.shape, item, other, worth))
