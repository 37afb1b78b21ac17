"""*neighbours*: items bought by the customers who bought this customer's items (item-kNN)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.catalogue import prefixed, under
from models.habits import LASTING, SHORT
from models.sources.item_table import ItemTable
from models.sources.protocol import Queries, Signals, Source
from models.sparse import product, rows_of

FAINT = 0.02
# An item of the history is named as the reason for another one if it adds this part of the score.
LEAST_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class NeighbourSettings:
    """`neighbours`: related items kept an item; `head`: the most bought items, which alone are related; `buyers`
    that an item needs for it; `history`: items of a customer that count in the fit."""

    neighbours: int = 100
    head: int = 8_000
    buyers: int = 3
    history: int = 120

    def __post_init__(self) -> None:
        if min(self.neighbours, self.head, self.buyers, self.history) < 1:
            raise ValueError("neighbours, head, buyers and history must be at least 1")


@dataclass(frozen=True, eq=False)
class Neighbours(Source):
    """`table`: item → related items, `reverse` the other way; `weight` float32 of n_items: what a purchase of the
    item says, less for what everybody buys, 0 for what the table leaves out."""

    table: ItemTable
    reverse: ItemTable
    weight: NDArray[np.float32]
    name = "neighbours"
    signals = ("neighbours", "neighbours_recent")
    proposing = ("neighbours",)

    def score(self, queries: Queries) -> Signals:
        habits = queries.habits
        recent = np.log1p(habits.counts[SHORT]) * self.weight[habits.pairs.item]
        rows = {}
        for name, said in (("neighbours", self.lasting(queries)), ("neighbours_recent", recent)):
            some = said > (0 if name == "neighbours" else FAINT)
            pairs = habits.pairs
            asked = rows_of(len(queries), queries.n_items, pairs.row[some], pairs.item[some], said[some])
            rows[name] = product(asked, self.table.matrix)
        return Signals(rows)

    def lasting(self, queries: Queries) -> NDArray[np.float32]:
        """What each pair of the histories says, divided by the root of the customer's number of items."""
        habits = queries.habits
        items = np.bincount(habits.pairs.row, minlength=len(queries)).astype(np.float32)
        length = np.float32(1) / np.sqrt(1 + items)
        said = np.log1p(habits.count(LASTING)) * self.weight[habits.pairs.item] * length[habits.pairs.row]
        return said.astype(np.float32)

    def carriers(self, queries: Queries, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int32]:
        """For each (row, item) the bought item that adds most to its score, −1 where none adds LEAST_SHARE of it."""
        pairs = queries.pairs
        if len(queries) == 1:
            return self.reverse.carriers_of_one(item, pairs.item, self.lasting(queries), LEAST_SHARE)
        return self.reverse.carriers(row, item, pairs.row, pairs.item, self.lasting(queries), LEAST_SHARE)

    def shares(self, queries: Queries, row: int, item: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The row's bought items that add to an item's score, and which part of it each adds; greatest first."""
        entries = slice(int(self.reverse.indptr[item]), int(self.reverse.indptr[item + 1]))
        pairs = queries.pairs
        own = slice(int(pairs.indptr[row]), int(pairs.indptr[row + 1]))
        bought, at, entry = np.intersect1d(
            pairs.item[own], self.reverse.item[entries], assume_unique=True, return_indices=True
        )
        added = self.lasting(queries)[own][at] * self.reverse.weight[entries][entry]
        bought, added = bought[added > 0].astype(np.int32), added[added > 0].astype(np.float64)
        best = np.lexsort((bought, -added))
        return bought[best], added[best] / np.float64(max(added.sum(), 1e-300))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"weight": self.weight, **prefixed({"table": self.table.arrays(), "reverse": self.reverse.arrays()})}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        table, reverse = (ItemTable.from_arrays(under(arrays, name)) for name in ("table", "reverse"))
        return cls(table, reverse, arrays["weight"])
