"""Item tables from who or what holds two items together; block by block, so that items × items is never dense."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.ranking import Scored, rank
from models.sources.item_table import ItemTable

Weigh = Callable[[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]], NDArray[np.float32]]
# Entries of one block's product: bounds the memory to a few hundred megabytes.
BLOCK_ENTRIES = 20_000_000
BLOCK_ITEMS = 4_096


@dataclass(frozen=True, eq=False)
class Together:
    """Items `start` to `end` with the items that some holder has as well: pairs (item, other), `item` ascending, and
    the sum of their products over the holders of both."""

    start: int
    end: int
    item: NDArray[np.int64]
    other: NDArray[np.int32]
    together: NDArray[np.float32]

    def where(self, mask: NDArray[np.bool_]) -> "Together":
        """The pairs of the mask."""
        return Together(self.start, self.end, self.item[mask], self.other[mask], self.together[mask])

    def best(self, weight: NDArray[np.float32], limit: int) -> Scored:
        """The `limit` others with the greatest weight above 0, itself left out; rows count from `start`."""
        keep = (weight > 0) & (self.other != self.item)
        row = self.item[keep] - self.start
        return rank(self.end - self.start, row, self.other[keep], weight[keep], limit)


def together_by_block(holders_items: "sp.csr_array[Any]") -> Iterator[Together]:
    """All items' pairs, block by block; `holders_items` is orders × items, customers × items or words × items."""
    by_item = sp.csr_array(holders_items.T)
    n_items = by_item.shape[0]
    held = np.diff(holders_items.indptr)
    cost = np.concatenate([[0], np.cumsum(by_item.astype(np.bool_) @ held.astype(np.float64))])
    start = 0
    while start < n_items:
        end = max(start + 1, int(np.searchsorted(cost, cost[start] + BLOCK_ENTRIES)))
        end = min(end, n_items, start + BLOCK_ITEMS)
        product = by_item[start:end] @ holders_items
        item = np.repeat(np.arange(start, end), np.diff(product.indptr))
        yield Together(start, end, item, product.indices.astype(np.int32, copy=False), product.data)
        start = end


def related_items(holders_items: "sp.csr_array[Any]", weigh: Weigh, neighbours: int) -> ItemTable:
    """The strongest `neighbours` of each item by `weigh(item, other, together)`; 0 and less is no relation."""
    related = Related(holders_items.shape[1])
    for pairs in together_by_block(holders_items):
        related.add(pairs.start, pairs.best(weigh(pairs.item, pairs.other, pairs.together), neighbours))
    return ItemTable.of(related.matrix())


class Related:
    """Gathers the best of each block into an items × items table."""

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]] = []

    def add(self, start: int, best: Scored) -> None:
        self._parts.append((best.row + start, best.item, best.score))

    def matrix(self) -> "sp.csr_array[Any]":
        """Columns ascend within a row."""
        row, item, score = (np.concatenate(columns) for columns in zip(*self._parts, strict=True))
        table = sp.csr_array((score, (row, item)), shape=(self._n_items, self._n_items))
        table.sort_indices()
        return table


def shrunk_cosine(held: NDArray[np.float64], shrink: float, support: float = 0.0) -> Weigh:
    """together / √(held × held), times together / (together + shrink): pairs that few hold together count less."""

    def weigh(item: NDArray[np.int64], other: NDArray[np.int32], together: NDArray[np.float32]) -> NDArray[np.float32]:
        cosine = together / np.sqrt(held[item] * held[other])
        shrunk = np.where(together >= support, cosine * together / (together + shrink), 0.0)
        return shrunk.astype(np.float32)

    return weigh
