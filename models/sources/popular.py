"""*popular*: what sells now, for everybody; the last resort of every list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.ranking import Scored, rank
from models.sources.protocol import Queries


@dataclass(frozen=True, kw_only=True)
class PopularSettings:
    """`half_life_days`: after so many days a sale counts half."""

    half_life_days: float = 14.0

    def __post_init__(self) -> None:
        if self.half_life_days <= 0:
            raise ValueError(f"half_life_days is {self.half_life_days}; expected more than 0")


@dataclass(frozen=True, eq=False)
class Popular:
    """`score` float32 of n_items: customers who bought the item, decayed; `order` int32: items by it, best first."""

    score: NDArray[np.float32]
    order: NDArray[np.int32]
    name = "popular"

    @classmethod
    def of(cls, score: NDArray[np.float32]) -> Self:
        ranked = rank(1, np.zeros(len(score), np.int64), np.arange(len(score)), score)
        return cls(score, ranked.item[ranked.score > 0])

    def candidates(self, queries: Queries, limit: int) -> Scored:
        best = self.order[:limit]
        n_rows = len(queries)
        row = np.repeat(np.arange(n_rows), len(best))
        return Scored(n_rows, row, np.tile(best, n_rows), np.tile(self.score[best], n_rows))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"score": self.score, "order": self.order}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(arrays["score"], arrays["order"])
