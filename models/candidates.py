"""The first stage's outcome: which items are considered for which row of a block."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.habits import Habits
from models.sparse import Places, row_bounds


@dataclass(frozen=True, eq=False)
class Candidates:
    """(row, item) pairs sorted by row, then item; `pair` is the pair's place in the habits, −1 if the row never bought
    it; `shape` is that of the block: rows × items."""

    row: NDArray[np.int64]
    item: NDArray[np.int32]
    pair: NDArray[np.int64]
    shape: tuple[int, int]

    @property
    def owned(self) -> NDArray[np.bool_]:
        return self.pair >= 0

    def __len__(self) -> int:
        return len(self.row)

    def at(self, place: NDArray[Any]) -> "Candidates":
        """Those at these places, ascending."""
        return Candidates(self.row[place], self.item[place], self.pair[place], self.shape)

    @cached_property
    def places(self) -> Places:
        """For taking their values out of matrices rows × items."""
        return Places(self.shape, self.row, self.item)

    @cached_property
    def bounds(self) -> NDArray[np.int32]:
        """Where each row begins and ends."""
        return row_bounds(self.shape[0], self.row)

    @classmethod
    def of(cls, habits: Habits, key: NDArray[np.int64]) -> "Candidates":
        """From ascending keys."""
        stored = habits.pair_keys
        pair = np.full(len(key), -1, np.int64)
        if len(stored):
            place = np.minimum(np.searchsorted(stored, key), len(stored) - 1)
            pair = np.where(stored[place] == key, place, -1)
        item = (key & 0xFFFFFFFF).astype(np.int32)
        return cls(key >> 32, item, pair, (habits.n_rows, habits.n_items))
