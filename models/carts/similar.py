"""*similar*: what can stand in for an item; never what goes with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.carts.carriers import carriers_of
from models.catalogue import prefixed, under
from models.sources.item_table import ItemTable, without
from models.sources.protocol import Queries, Signals, Source
from models.sparse import row_numbers, rows_of, stored_where


@dataclass(frozen=True, kw_only=True)
class SimilarSettings:
    """`alternatives` kept an item."""

    alternatives: int = 100

    def __post_init__(self) -> None:
        if self.alternatives < 1:
            raise ValueError("alternatives must be at least 1")


@dataclass(frozen=True, eq=False)
class Similar(Source):
    """`table`: item → alternatives."""

    table: ItemTable
    name = "similar"
    signals = ("similar",)
    proposing = ("similar",)

    def score(self, queries: Queries) -> Signals:
        """Alternatives to what was asked about, summed; none of the items themselves."""
        ones = np.ones(len(queries.cart_item), np.float32)
        asked = rows_of(len(queries), queries.n_items, queries.cart_row, queries.cart_item, ones)
        found = asked @ self.table.matrix
        keep = without(row_numbers(found), found.indices, queries.cart_row, queries.cart_item)
        return Signals({"similar": stored_where(found, keep)})

    def carriers(self, queries: Queries, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int32]:
        """For each (row, item), rows ascending, the one asked about that it resembles most."""
        return carriers_of(queries, row, item, (self.table.matrix,), None)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return prefixed({"table": self.table.arrays()})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(ItemTable.from_arrays(under(arrays, "table")))
