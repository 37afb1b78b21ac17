"""A sparse table item → related items, and sums over it; what neighbours and complements are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import contains, keys, positions


@dataclass(frozen=True, eq=False)
class ItemTable:
    """Row i holds the items related to item i, sorted by item: `indptr` int32 or int64, `item` int32, `weight`
    float32 (> 0).
    """

    indptr: NDArray[Any]
    item: NDArray[np.int32]
    weight: NDArray[np.float32]

    @property
    def n_items(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def of(cls, matrix: "sp.csr_array[Any]") -> "ItemTable":
        """From an items × items matrix; zeros and the diagonal are dropped."""
        loose = matrix.tocoo()
        keep = (loose.data > 0) & (loose.row != loose.col)
        kept = sp.csr_array((loose.data[keep], (loose.row[keep], loose.col[keep])), shape=matrix.shape)
        kept.sort_indices()
        return cls(kept.indptr, kept.indices.astype(np.int32), kept.data.astype(np.float32))

    @cached_property
    def matrix(self) -> "sp.csr_array[Any]":
        """The table as a scipy matrix over the same memory."""
        return sp.csr_array((self.weight, self.item, self.indptr), shape=(self.n_items, self.n_items), copy=False)

    def sums(
        self, n_rows: int, row: NDArray[Any], item: NDArray[Any], weight: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """Sum the related items of each row's weighted items: (row, item, score), rows ascending.

        `row` is ascending. scipy adds a row's terms in the order in which they come, so a row's sums do not depend on
        the block that it is in.
        """
        if not len(row):
            return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
        indptr = np.searchsorted(row, np.arange(n_rows + 1)).astype(self.indptr.dtype)
        asked = sp.csr_array(
            (weight.astype(np.float32), item.astype(np.int32), indptr), shape=(n_rows, self.n_items), copy=False
        )
        found = asked @ self.matrix
        return np.repeat(np.arange(n_rows), np.diff(found.indptr)), found.indices, found.data

    def transposed(self) -> "ItemTable":
        """Row i holds the items that item i is related from."""
        turned = sp.csr_array(self.matrix.T)
        turned.sort_indices()
        return ItemTable(turned.indptr, turned.indices.astype(np.int32), turned.data)

    def carriers(
        self,
        row: NDArray[Any],
        item: NDArray[Any],
        asked_row: NDArray[Any],
        asked_item: NDArray[Any],
        asked_weight: NDArray[Any],
        least: float = 0.0,
    ) -> NDArray[np.int32]:
        """Of a transposed table: for each (row, item) the row's asked item that adds most to its sum, −1 where none
        adds `least` of it.

        (asked_row, asked_item) is sorted, each pair once.
        """
        starts = self.indptr[item].astype(np.int64)
        lengths = self.indptr[item + 1] - starts
        entry = ragged_arange(starts, lengths)
        place = np.repeat(np.arange(len(item)), lengths)
        asked = keys(asked_row, asked_item)
        wanted = keys(row[place], self.item[entry])
        found = contains(asked, wanted)
        place, entry = place[found], entry[found]
        share = self.weight[entry] * asked_weight[np.searchsorted(asked, wanted[found])]
        best = np.full(len(item), -1, np.int32)
        for_each = np.lexsort((self.item[entry], -share, place))
        first = for_each[positions(place[for_each]) == 0]
        total = np.bincount(place, share, minlength=len(item))
        first = first[share[first] >= least * total[place[first]]]
        best[place[first]] = self.item[entry[first]]
        return best

    def carriers_of_one(
        self, item: NDArray[Any], asked_item: NDArray[Any], asked_weight: NDArray[Any], least: float
    ) -> NDArray[np.int32]:
        """The same as `carriers` for one row, in a tenth of the time."""
        best = np.full(len(item), -1, np.int32)
        bounds = self.indptr.data
        for place, one in enumerate(item.tolist()):
            entries = slice(bounds[one], bounds[one + 1])
            related = self.item[entries]
            if not len(related):
                continue
            at = related.searchsorted(asked_item)
            at[at == len(related)] = 0
            found = (related[at] == asked_item).nonzero()[0]
            if len(found):
                share = self.weight[entries][at[found]] * asked_weight[found]
                first = share.argmax()  # of equal ones the lowest item
                if share[first] >= least * np.bincount(np.zeros(len(share), np.int64), share)[0]:
                    best[place] = asked_item[found[first]]
        return best

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"indptr": self.indptr, "item": self.item, "weight": self.weight}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "ItemTable":
        return cls(arrays["indptr"], arrays["item"], arrays["weight"])


def without(
    row: NDArray[Any], item: NDArray[Any], excluded_row: NDArray[Any], excluded_item: NDArray[Any]
) -> NDArray[np.bool_]:
    """A mask that drops the (row, item) pairs which are excluded."""
    return ~contains(np.sort(keys(excluded_row, excluded_item)), keys(row, item))
