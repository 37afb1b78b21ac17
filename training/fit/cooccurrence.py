"""Item tables from who or what holds two items together; block by block, so that items × items is never dense."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.ranking import rank
from models.sources.item_table import ItemTable

Weigh = Callable[[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]], NDArray[np.float32]]
# Entries of one block's product: bounds the memory to a few hundred megabytes.
BLOCK_ENTRIES = 20_000_000


def related_items(holders_items: "sp.csr_array[Any]", weigh: Weigh, neighbours: int) -> ItemTable:
    """The strongest `neighbours` of each item by `weigh(item, other, together)`; 0 and less is no relation.

    `holders_items` is orders × items or customers × items; `together` is the product sum over the holders of both.
    """
    by_item = sp.csr_array(holders_items.T)
    n_items = by_item.shape[0]
    held = np.diff(holders_items.indptr)
    cost = np.concatenate([[0], np.cumsum(by_item @ held.astype(np.float64))])
    parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
    start = 0
    while start < n_items:
        end = max(start + 1, int(np.searchsorted(cost, cost[start] + BLOCK_ENTRIES)))
        end = min(end, n_items, start + 4096)
        together = by_item[start:end] @ holders_items
        row = np.repeat(np.arange(end - start), np.diff(together.indptr))
        other = together.indices.astype(np.int32)
        weight = weigh(row + start, other, together.data)
        keep = (weight > 0) & (other != row + start)
        best = rank(end - start, row[keep], other[keep], weight[keep], neighbours)
        parts.append((best.row + start, best.item, best.score))
        start = end
    row, other, weight = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return ItemTable.of(sp.csr_array((weight, (row, other)), shape=(n_items, n_items)))


def shrunk_cosine(held: NDArray[np.float64], shrink: float, support: float = 0.0) -> Weigh:
    """together / √(held × held), times together / (together + shrink): pairs that few hold together count less."""

    def weigh(item: NDArray[np.int64], other: NDArray[np.int32], together: NDArray[np.float32]) -> NDArray[np.float32]:
        cosine = together / np.sqrt(held[item] * held[other])
        shrunk = np.where(together >= support, cosine * together / (together + shrink), 0.0)
        return shrunk.astype(np.float32)

    return weigh
