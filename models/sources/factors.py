"""*factors*: implicit matrix factorisation (Hu, Koren, Volinsky 2008); a new or changed customer is folded in by
numpy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.habits import LONG, Habits
from models.sources.protocol import Queries, Signals, Source
from models.sparse import rows_of

# Factors are whole numbers, so that every product sum stays below 2^24 and float32 adds it exactly: a matrix product
# then gives the same bits whatever the block's shape, and one request ranks exactly as a batch does.
EXACT = float(2**24)


@dataclass(frozen=True, kw_only=True)
class FactorSettings:
    """`factors`, `iterations`, `regularisation`, `alpha` (weight of a purchase above none) of the ALS fit; `head`:
    the most bought items, which alone are scored as candidates, `proposed` of them at least; `seed` of its start."""

    factors: int = 64
    iterations: int = 10
    regularisation: float = 40.0
    alpha: float = 4.0
    head: int = 8_000
    proposed: int = 120
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.factors <= 512 or min(self.iterations, self.head, self.proposed) < 1:
            raise ValueError("factors must be 1 to 512; iterations, head and proposed at least 1")
        if self.regularisation <= 0 or self.alpha <= 0:
            raise ValueError("regularisation and alpha must be above 0")


def confidence(habits: Habits, alpha: float) -> NDArray[np.float32]:
    """How much surer than an absence each pair makes us of a liking: alpha × its decayed purchases."""
    return np.float32(alpha) * (habits.counts[LONG] + np.float32(0.05))


@dataclass(frozen=True, eq=False)
class Factors(Source):
    """`users` (n_customers × f) and `items` (n_items × f) float32 as fitted; `head` int32 lists the items that are
    scored.

    `entries` int32: the length of each customer's history at the fit; a customer whose history has grown is folded in.
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    head: NDArray[np.int32]
    entries: NDArray[np.int32]
    alpha: float
    regularisation: float
    proposed: int
    name = "factors"
    signals = ("factors",)
    proposing = ("factors",)

    @cached_property
    def _levels(self) -> tuple[float, float]:
        # Items get four times the levels of users: the head shares one scale, while each user has its own.
        levels = float(np.sqrt(EXACT / self.items.shape[1]))
        return np.floor(levels / 2), np.floor(levels * 2)

    @cached_property
    def _scale(self) -> np.float32:
        return np.float32(self._levels[1] / max(float(np.abs(self.items[self.head]).max(initial=0)), 1e-12))

    @cached_property
    def _head(self) -> NDArray[np.float32]:
        whole: NDArray[np.float32] = np.rint(self.items[self.head] * self._scale)
        return whole

    @cached_property
    def _ridge(self) -> NDArray[np.float64]:
        items = self.items.astype(np.float64)
        return items.T @ items + self.regularisation * np.eye(items.shape[1])

    def vectors(self, queries: Queries) -> NDArray[np.float32]:
        """A vector a row: the fitted one of a customer whose history is as the fit saw it, else folded in."""
        known = queries.customer >= 0
        customer = np.where(known, queries.customer, 0)
        lengths = np.diff(queries.history.indptr)
        vectors = np.zeros((len(queries), self.items.shape[1]), np.float32)
        if len(self.users):
            unchanged = known & (self.entries[customer] == lengths)
            if queries.live is not None:
                unchanged &= ~queries.live
            vectors[unchanged] = self.users[customer[unchanged]]
        else:
            unchanged = np.zeros(len(queries), np.bool_)
        changed = np.flatnonzero(~unchanged & (lengths > 0))
        if len(changed):
            vectors[changed] = self.fold_in(queries.habits, changed)
        return vectors

    def fold_in(self, habits: Habits, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The vectors that one ALS half-step gives these rows, the items held fixed; float64 inside, (n_rows, f)."""
        pairs = habits.pairs
        weight = confidence(habits, self.alpha).astype(np.float64)
        vectors = np.zeros((len(rows), self.items.shape[1]), np.float32)
        for place, row in enumerate(rows):
            part = slice(pairs.indptr[row], pairs.indptr[row + 1])
            bought, sure = self.items[pairs.item[part]].astype(np.float64), weight[part]
            normal = self._ridge + (bought * sure[:, None]).T @ bought
            vectors[place] = np.linalg.solve(normal, bought.T @ (1.0 + sure))
        return vectors

    def score(self, queries: Queries) -> Signals:
        vectors = self.vectors(queries)
        largest = np.abs(vectors).max(axis=1, initial=0)
        active = np.flatnonzero(largest > 0)
        limit = min(self.proposed, len(self.head))
        if not len(active) or not limit:
            nothing = np.zeros(0, np.int64)
            empty = rows_of(len(queries), queries.n_items, nothing, nothing, nothing)
            return Signals({"factors": empty}, {"vectors": vectors})
        scale = (np.float32(self._levels[0]) / largest[active])[:, None]
        scores = np.rint(vectors[active] * scale) @ self._head.T
        least = np.maximum(_reached_by(scores, limit), 1)
        row, place = np.nonzero(scores >= least[:, None])
        value = scores[row, place] / (scale[row, 0] * self._scale)
        rows = rows_of(len(queries), queries.n_items, active[row], self.head[place], value)
        return Signals({"factors": rows}, {"vectors": vectors})

    def at(self, said: Signals, signal: str, candidates: Candidates) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = said.extra["vectors"]
        products: NDArray[np.float32] = (vectors[candidates.row] * self.items[candidates.item]).sum(axis=1)
        return products

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "users": self.users,
            "items": self.items,
            "head": self.head,
            "entries": self.entries,
            "numbers": np.array([self.alpha, self.regularisation, self.proposed]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        alpha, regularisation, proposed = map(float, arrays["numbers"])
        users, items, head, entries = (arrays[name] for name in ("users", "items", "head", "entries"))
        return cls(users, items, head, entries, alpha, regularisation, int(proposed))


def _reached_by(scores: NDArray[np.float32], limit: int) -> NDArray[np.float32]:
    """For each row a score that at least `limit` of its scores reach, and seldom many more: the limit-th greatest of
    the greatest of some; shape (n_rows,)."""
    each = scores.shape[1] // (2 * limit)
    if each > 1:
        n_runs = scores.shape[1] // each
        scores = scores[:, : n_runs * each].reshape(len(scores), each, n_runs).max(axis=1)
    least: NDArray[np.float32] = np.partition(scores, scores.shape[1] - limit, axis=1)[:, scores.shape[1] - limit]
    return least
