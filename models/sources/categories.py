"""*categories*: what sells now in the categories that the customer buys from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.catalogue import prefixed, under
from models.habits import LASTING, LONG
from models.sources.protocol import Queries, Signals, Source
from models.sparse import Rows, product, rows_of, unit_rows


@dataclass(frozen=True, kw_only=True)
class CategorySettings:
    """`items`: best sellers kept of each category."""

    items: int = 15

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ValueError(f"items is {self.items}; expected at least 1")


@dataclass(frozen=True, eq=False)
class Categories(Source):
    """`category` int32 of n_items; `best`: categories × items, their best sellers of late."""

    category: NDArray[np.int32]
    best: "Rows[Any]"
    name = "categories"
    signals = ("categories",)
    proposing = ("categories",)

    def score(self, queries: Queries) -> Signals:
        habits = queries.habits
        weight = habits.counts[LONG] + np.float32(0.1) * habits.counts[LASTING]
        groups = habits.folded(self.category, {"weight": weight})
        row, category = groups.key >> 32, groups.key & 0xFFFFFFFF
        liking = rows_of(len(queries), self.best.shape[0], row, category, groups.values["weight"])
        return Signals({"categories": product(unit_rows(liking), self.best)})

    def arrays(self) -> dict[str, NDArray[Any]]:
        best = {"indptr": self.best.indptr, "indices": self.best.indices, "data": self.best.data}
        return {"category": self.category, **prefixed({"best": best})}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        category, best = arrays["category"], under(arrays, "best")
        shape = (len(best["indptr"]) - 1, len(category))
        return cls(category, sp.csr_array((best["data"], best["indices"], best["indptr"]), shape=shape, copy=False))
