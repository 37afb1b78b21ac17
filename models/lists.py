"""Ranked lists: of a block, and of all known customers as the bundle keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import Scored


@dataclass(frozen=True, eq=False)
class Ranked:
    """Ranked lists of several rows: scores, and for each item the source that carried it (an index into SOURCES,
    uint8)."""

    scored: Scored
    source: NDArray[np.uint8]

    def where(self, mask: NDArray[Any]) -> "Ranked":
        return Ranked(self.scored.where(mask), self.source[mask])


@dataclass(frozen=True, eq=False)
class StoredLists:
    """The lists of all known customers for one scenario, computed at training: rows `indptr[c]:indptr[c + 1]`."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float32]
    source: NDArray[np.uint8]

    def rows(self, customers: NDArray[Any], row: NDArray[Any], n_rows: int) -> Ranked:
        """The lists of these customers as rows `row` (ascending) of a block of `n_rows`."""
        starts = self.indptr[customers]
        lengths = self.indptr[customers + 1] - starts
        at = ragged_arange(starts, lengths)
        return Ranked(Scored(n_rows, np.repeat(row, lengths), self.item[at], self.score[at]), self.source[at])

    def of_one(self, customer: int) -> Ranked:
        """The list of one customer, as the only row of a block."""
        own = slice(int(self.indptr[customer]), int(self.indptr[customer + 1]))
        row = np.zeros(own.stop - own.start, np.int64)
        return Ranked(Scored(1, row, self.item[own], self.score[own]), self.source[own])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"indptr": self.indptr, "item": self.item, "score": self.score, "source": self.source}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "StoredLists":
        return cls(arrays["indptr"], arrays["item"], arrays["score"], arrays["source"])
