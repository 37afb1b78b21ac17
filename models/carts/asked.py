"""The items asked about; one that nobody bought yet is spoken for by sold items that it resembles."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import positions
from models.sources.protocol import Queries
from models.sparse import Places, Rows, rows_of


@dataclass(frozen=True, eq=False)
class Asked:
    """One entry an item that speaks, sorted by row, then by the `item` that was asked for; `speaker` is that item
    itself, or one that stands in for it; `weight` float32, adding up to 1 for each asked item. `size`: items asked
    about, per row."""

    n_items: int
    size: NDArray[np.int64]
    row: NDArray[np.int64]
    item: NDArray[np.int32]
    speaker: NDArray[np.int32]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, queries: Queries, stand_ins: "Rows[Any] | None") -> "Asked":
        """Items with a row in `stand_ins` are spoken for by it, the others speak for themselves."""
        row, item = queries.cart_row, queries.cart_item
        size = np.bincount(row, minlength=len(queries))
        if stand_ins is None or not len(item):
            return cls(queries.n_items, size, row, item, item, np.ones(len(item), np.float32))
        lengths = stand_ins.indptr[item + 1] - stand_ins.indptr[item]
        if not lengths.any():
            return cls(queries.n_items, size, row, item, item, np.ones(len(item), np.float32))
        replaced = lengths > 0
        entry = np.repeat(np.arange(len(item)), np.maximum(lengths, 1))
        speaker, weight = item[entry], np.ones(len(entry), np.float32)
        at = ragged_arange(stand_ins.indptr[item[replaced]], lengths[replaced])
        speaker[replaced[entry]], weight[replaced[entry]] = stand_ins.indices[at], stand_ins.data[at]
        return cls(queries.n_items, size, row[entry], item[entry], speaker, weight)

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def matrix(self) -> "Rows[Any]":
        """Rows × items: the weights of those who speak."""
        return self.saying(self.weight)

    def saying(self, value: NDArray[Any]) -> "Rows[Any]":
        """Rows × items: a value of the entries."""
        return rows_of(len(self.size), self.n_items, self.row, self.speaker, value)

    def mean(self, per_item: NDArray[Any]) -> NDArray[np.float32]:
        """A value of the items, averaged over each row; 0 for an empty one."""
        total = np.bincount(self.row, self.weight * per_item[self.speaker], minlength=len(self.size))
        return (total / np.maximum(self.size, 1)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Told:
    """What each speaker says of wanted items: their `place` among the wanted, `entry` of the asked, `value` float32."""

    place: NDArray[np.int32]
    entry: NDArray[np.int64]
    value: NDArray[np.float32]

    @classmethod
    def of(cls, table: "Rows[Any]", asked: Asked, wanted: Places) -> "Told":
        """From an items × items table."""
        starts = table.indptr[asked.speaker].astype(np.int64)
        lengths = table.indptr[asked.speaker + 1] - starts
        at = ragged_arange(starts, lengths)
        entry = np.repeat(np.arange(len(asked)), lengths)
        place = wanted.number[asked.row[entry], table.indices[at]]
        met = place >= 0
        entry = entry[met]
        return cls(place[met], entry, table.data[at[met]] * asked.weight[entry])

    def strongest(self) -> "Told":
        """Of each place what was said with the greatest value; equal ones by entry."""
        best = np.lexsort((self.entry, -self.value, self.place))
        first = best[positions(self.place[best]) == 0]
        return Told(self.place[first], self.entry[first], self.value[first])
