"""Room for the rest of the assortment: the one rare item that a customer's `home` list brings forward."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked
from models.ranking import Scored, positions

# The place (from 0) that a rare item takes, the last of ten; and how deep in the list it may come from.
PLACE, DEPTH = 9, 40


@dataclass(frozen=True, eq=False)
class Spread:
    """`item` int32 of n_customers: what the list of each brings forward to PLACE, −1 nothing. Chosen over all customers
    together (training/fit/spread.py), read alike for one request and for all lists."""

    item: NDArray[np.int32]

    @classmethod
    def nothing(cls) -> Self:
        """Lists stay as they were ranked."""
        return cls(np.zeros(0, np.int32))

    @cached_property
    def is_empty(self) -> bool:
        """Nobody's list brings anything forward."""
        return not bool(np.any(self.item >= 0))

    def applied(self, ranked: Ranked, customers: NDArray[Any], limit: int | None = None) -> Ranked:
        """The lists of these customers (−1: unknown), each with its item at PLACE if it is ranked below, and not
        beyond DEPTH, and then cut to `limit`; scores stay with their items.

        `ranked` is at least DEPTH long, or all there is.
        """
        scored = ranked.scored
        place = positions(scored.row).astype(np.float64)
        if not self.is_empty:
            wanted = np.where(customers >= 0, self.item[np.maximum(customers, 0)], -1)
            moved = (wanted[scored.row] == scored.item) & (place > PLACE) & (place < DEPTH)
            place[moved] = PLACE - 0.5
            order = np.lexsort((place, scored.row))
            lists = Scored(scored.n_rows, scored.row, scored.item[order], scored.score[order])
            ranked = Ranked(lists, ranked.source[order])
        return ranked if limit is None else ranked.where(positions(scored.row) < limit)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"item": self.item}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(arrays["item"])
