"""*customers*: what customers with a similar taste buy, lately and lastingly (user-kNN)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.catalogue import prefixed, under
from models.habits import LASTING, Habits
from models.sources.protocol import Queries, Signals, Source
from models.sparse import Rows, product, row_numbers, row_sums, stored_where, unit_rows, with_values
from models.tops import top_of_rows

TABLES = ("recent", "lasting", "new")


@dataclass(frozen=True, kw_only=True)
class CustomerSettings:
    """`reference`: customers who may be neighbours, a sample of all; `neighbours`: the most similar of them that count;
    `seed` of the sample."""

    reference: int = 20_000
    neighbours: int = 100
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.reference, self.neighbours) < 1:
            raise ValueError("reference and neighbours must be at least 1")


def taste(habits: Habits, rarity: NDArray[np.float32]) -> "Rows[Any]":
    """Rows × items of unit length: damped long memories, rare items counting more."""
    return unit_rows(habits.matrix(np.log1p(habits.counts[LASTING]) * rarity[habits.pairs.item]))


@dataclass(frozen=True, eq=False)
class Customers(Source):
    """`members` int32: the reference customers, ascending; `rarity` float32 of n_items; `tastes` items × members;
    `tables` members × items: what they bought of late, over longer, and of late for the first time."""

    members: NDArray[np.int32]
    rarity: NDArray[np.float32]
    tastes: "Rows[Any]"
    tables: Mapping[str, "Rows[Any]"]
    neighbours: int
    name = "customers"
    signals = ("customers_recent", "customers_lasting", "customers_new")
    proposing = ("customers_recent", "customers_lasting")

    def score(self, queries: Queries) -> Signals:
        alike = self._alike(queries)
        return Signals({f"customers_{name}": product(alike, self.tables[name]) for name in TABLES})

    def _alike(self, queries: Queries) -> "Rows[Any]":
        """Queries × members: the weights of each row's neighbours, adding up to 1; nobody is their own neighbour."""
        found = product(taste(queries.habits, self.rarity), self.tastes)
        row = row_numbers(found)
        if len(self.members):
            itself = np.equal(self.members[found.indices], queries.customer[row])
            found = stored_where(found, ~itself)
        nearest = top_of_rows(found, self.neighbours)
        total = np.maximum(row_sums(nearest), 1e-9)
        return with_values(nearest, nearest.data / total[row_numbers(nearest)])

    @cached_property
    def n_items(self) -> int:
        return len(self.rarity)

    def arrays(self) -> dict[str, NDArray[Any]]:
        matrices = {"tastes": self.tastes, **self.tables}
        stored = {name: {"indptr": m.indptr, "indices": m.indices, "data": m.data} for name, m in matrices.items()}
        own = {"members": self.members, "rarity": self.rarity, "neighbours": np.array([self.neighbours])}
        return {**own, **prefixed(stored)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        members, rarity = arrays["members"], arrays["rarity"]
        shapes = {"tastes": (len(rarity), len(members)), **dict.fromkeys(TABLES, (len(members), len(rarity)))}
        matrices = {}
        for name, shape in shapes.items():
            parts = under(arrays, name)
            matrices[name] = sp.csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=shape, copy=False)
        tables = {name: matrices[name] for name in TABLES}
        return cls(members, rarity, matrices["tastes"], tables, int(arrays["neighbours"][0]))
