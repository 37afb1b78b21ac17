"""*complements*: what goes together with the items asked about, because orders hold both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.catalogue import prefixed, under
from models.sources.item_table import ItemTable, without
from models.sources.protocol import Queries, Signals, Source
from models.sparse import row_numbers, rows_of, stored_where


@dataclass(frozen=True, kw_only=True)
class ComplementSettings:
    """`neighbours`: related items kept an item; `shrink`: orders with both that a pair must outweigh; `support`: orders
    with both that a pair needs at all; `largest_order`: orders with more items (wholesale) are left out."""

    neighbours: int = 200
    shrink: float = 20.0
    support: int = 2
    largest_order: int = 200

    def __post_init__(self) -> None:
        if min(self.neighbours, self.support) < 1 or self.shrink < 0 or self.largest_order < 2:
            raise ValueError("neighbours and support must be at least 1, shrink at least 0, largest_order at least 2")


@dataclass(frozen=True, eq=False)
class Complements(Source):
    """Sums the related items of everything in the cart; never an item of the cart itself."""

    table: ItemTable
    reverse: ItemTable
    name = "complements"
    signals = ("complements",)
    proposing = ("complements",)

    def score(self, queries: Queries) -> Signals:
        ones = np.ones(len(queries.cart_item), np.float32)
        cart = rows_of(len(queries), queries.n_items, queries.cart_row, queries.cart_item, ones)
        found = cart @ self.table.matrix
        keep = without(row_numbers(found), found.indices, queries.cart_row, queries.cart_item)
        return Signals({"complements": stored_where(found, keep)})

    def carriers(self, queries: Queries, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int32]:
        """For each (row, item) the item of the cart that adds most to its score, −1 where none does."""
        ones = np.ones(len(queries.cart_item), np.float32)
        return self.reverse.carriers(row, item, queries.cart_row, queries.cart_item, ones)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return prefixed({"table": self.table.arrays(), "reverse": self.reverse.arrays()})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(*(ItemTable.from_arrays(under(arrays, name)) for name in ("table", "reverse")))
