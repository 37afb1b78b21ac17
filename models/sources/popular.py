"""*popular*: what sells now, and what people now try for the first time; the last resort of every list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.ranking import Scored, rank
from models.sources.protocol import Queries, Signals, Source
from models.sparse import rows_of


@dataclass(frozen=True, kw_only=True)
class PopularSettings:
    """`half_life_days`: after so many days a sale counts half; 0 takes half the horizon. `proposed`: items of each kind
    that are everybody's candidates."""

    half_life_days: float = 0.0
    proposed: int = 120

    def __post_init__(self) -> None:
        if self.half_life_days < 0 or self.proposed < 1:
            raise ValueError("half_life_days must be at least 0, proposed at least 1")


@dataclass(frozen=True, eq=False)
class Popular(Source):
    """`sales`, `trials` float32 of n_items: customers who bought the item of late, and for the first time of late;
    `by_sales`, `by_trials` int32: the items with any, best first."""

    sales: NDArray[np.float32]
    trials: NDArray[np.float32]
    by_sales: NDArray[np.int32]
    by_trials: NDArray[np.int32]
    proposed: int
    name = "popular"
    signals = ("popular", "tried")
    proposing = ("popular", "tried")

    @classmethod
    def of(cls, sales: NDArray[np.float32], trials: NDArray[np.float32], proposed: int) -> Self:
        return cls(sales, trials, _best_first(sales), _best_first(trials), proposed)

    def score(self, queries: Queries) -> Signals:
        rows = {}
        for signal, order, value in zip(
            self.signals, (self.by_sales, self.by_trials), (self.sales, self.trials), strict=True
        ):
            best = order[: self.proposed]
            row = np.repeat(np.arange(len(queries)), len(best))
            item = np.tile(best, len(queries))
            rows[signal] = rows_of(len(queries), queries.n_items, row, item, value[item])
        return Signals(rows)

    def candidates(self, queries: Queries, limit: int) -> Scored:
        best = self.by_sales[:limit]
        n_rows = len(queries)
        row = np.repeat(np.arange(n_rows), len(best))
        return Scored(n_rows, row, np.tile(best, n_rows), np.tile(self.sales[best], n_rows))

    def arrays(self) -> dict[str, NDArray[Any]]:
        named = {name: getattr(self, name) for name in ("sales", "trials", "by_sales", "by_trials")}
        return {**named, "proposed": np.array([self.proposed])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        scores, orders = (arrays["sales"], arrays["trials"]), (arrays["by_sales"], arrays["by_trials"])
        return cls(*scores, *orders, int(arrays["proposed"][0]))


def _best_first(score: NDArray[np.float32]) -> NDArray[np.int32]:
    ranked = rank(1, np.zeros(len(score), np.int64), np.arange(len(score)), score)
    return ranked.item[ranked.score > 0]
