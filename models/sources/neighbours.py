"""*neighbours*: items bought by the customers who bought this customer's items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.catalogue import prefixed, under
from models.ranking import Scored, rank
from models.sources.item_table import ItemTable
from models.sources.protocol import Queries
from models.sources.repeat import decayed_counts


@dataclass(frozen=True, kw_only=True)
class NeighbourSettings:
    """`neighbours`: related items kept an item; `shrink`: co-purchases that a pair must outweigh; `history`: newest
    items of a customer that count; `half_life_days` of a purchase."""

    neighbours: int = 100
    shrink: float = 10.0
    history: int = 300
    half_life_days: float = 90.0

    def __post_init__(self) -> None:
        if min(self.neighbours, self.history) < 1 or self.shrink < 0 or self.half_life_days <= 0:
            raise ValueError("neighbours and history must be at least 1, shrink at least 0, half_life_days above 0")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Sums each bought item's related items, newer purchases counting more."""

    table: ItemTable
    reverse: ItemTable
    half_life_days: float
    name = "neighbours"

    def weights(self, queries: Queries) -> NDArray[np.float32]:
        """What each pair of the histories counts: decayed, and damped by the square root."""
        return np.sqrt(decayed_counts(queries.pairs, queries.today, self.half_life_days))

    def candidates(self, queries: Queries, limit: int) -> Scored:
        pairs = queries.pairs
        row, item, score = self.table.sums(len(queries), pairs.row, pairs.item, self.weights(queries))
        return rank(len(queries), row, item, score, limit)

    def carriers(self, queries: Queries, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int32]:
        """For each (row, item) the bought item that adds most to its score, −1 where none does."""
        pairs = queries.pairs
        return self.reverse.carriers(row, item, pairs.row, pairs.item, self.weights(queries))

    def arrays(self) -> dict[str, NDArray[Any]]:
        tables = prefixed({"table": self.table.arrays(), "reverse": self.reverse.arrays()})
        return {**tables, "half_life_days": np.array([self.half_life_days])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        table, reverse = (ItemTable.from_arrays(under(arrays, name)) for name in ("table", "reverse"))
        return cls(table, reverse, float(arrays["half_life_days"][0]))
