"""*ease*: what best completes all that the customer buys, item weights rebuilt from everybody's purchases (EASE, Steck
2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.habits import LASTING
from models.sources.protocol import Queries, Signals, Source
from models.sparse import rows_of


@dataclass(frozen=True, kw_only=True)
class EaseSettings:
    """`head`: the most bought items, which alone are related; their weights are dense: 4,000 take 64 MB. `buyers` that
    an item needs for it; `regularisation` of the weights; `proposed`: candidates for a customer."""

    head: int = 4_000
    buyers: int = 3
    regularisation: float = 150.0
    proposed: int = 60

    def __post_init__(self) -> None:
        if min(self.head, self.buyers, self.proposed) < 1:
            raise ValueError("head, buyers and proposed must be at least 1")
        if self.regularisation <= 0:
            raise ValueError(f"regularisation is {self.regularisation}; expected a number above 0")


@dataclass(frozen=True, eq=False)
class Ease(Source):
    """`items` int32, ascending: the head; `weights` float32: `weights[i, j]` is what buying `items[i]` says for
    `items[j]`, of either sign, 0 on the diagonal. Proposes what the customer never bought."""

    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    n_items: int
    proposed: int
    name = "ease"
    signals = ("ease",)
    proposing = ("ease",)

    @classmethod
    def nothing(cls, n_items: int) -> Self:
        """No item has a place in the head: it says nothing of any."""
        return cls(np.zeros(0, np.int32), np.zeros((0, 0), np.float32), n_items, 1)

    @cached_property
    def _place(self) -> NDArray[np.int32]:
        # Each item's place in the head; a last one, that is nothing, for all others.
        place = np.full(self.n_items, len(self.items), np.int32)
        place[self.items] = np.arange(len(self.items), dtype=np.int32)
        return place

    def score(self, queries: Queries) -> Signals:
        pairs, n_head = queries.pairs, len(self.items)
        if not n_head:
            empty = rows_of(len(queries), queries.n_items, *(np.zeros(0, np.int64),) * 3)
            return Signals({"ease": empty}, {"scores": np.zeros((len(queries), 0), np.float32)})
        place = self._place[pairs.item]
        some = place < n_head
        row, own = pairs.row[some], place[some]
        liking = np.log1p(queries.habits.counts[LASTING][some])
        # scipy adds the rows of the weights one after the other: the same bits for one customer as for a block.
        scores = np.asarray(rows_of(len(queries), n_head, row, own, liking) @ self.weights, np.float32)
        limit = min(self.proposed, n_head)
        new = scores.copy()
        new[row, own] = 0
        top = np.argpartition(new, n_head - limit, axis=1)[:, n_head - limit :]
        top.sort(axis=1)
        value = np.take_along_axis(new, top, axis=1).ravel()
        found = np.flatnonzero(value > 0)
        rows = rows_of(len(queries), queries.n_items, found // limit, self.items[top.ravel()[found]], value[found])
        return Signals({"ease": rows}, {"scores": scores})

    def at(self, said: Signals, signal: str, candidates: Candidates) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = said.extra["scores"]
        place = self._place[candidates.item]
        found = np.zeros(len(candidates), np.float32)
        some = np.flatnonzero(place < len(self.items))
        found[some] = scores[candidates.row[some], place[some]]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        numbers = np.array([self.n_items, self.proposed])
        return {"items": self.items, "weights": self.weights, "numbers": numbers}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        n_items, proposed = map(int, arrays["numbers"])
        return cls(arrays["items"], arrays["weights"], n_items, proposed)
