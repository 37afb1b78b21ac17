"""What rankers learn from: candidates of an earlier day as rows, what was then bought as labels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.features import Table, matrix
from models.ranking import contains, keys
from training.data import TrainingData
from training.ranker_settings import TREES
from training.windows import Window

# What a customer buys for the first time is rare: its ranker looks a whole horizon ahead, and gains more by labels than
# it loses by their age. Repeat purchases are plenty, and the freshest ones say most.
LONG_SIGHTED = ("discover",)
# What each older window weighs beside the next one, for the others.
FADING = 0.7


@dataclass(eq=False)
class Rows:
    """Rows to learn from, gathered block by block: features, labels, and weights that keep heavy buyers from drowning
    the rest: a customer weighs the root of what it bought."""

    names: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    tables: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[NDArray[np.bool_]] = field(default_factory=list)
    weights: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def bought(self) -> int:
        return int(sum(label.sum() for label in self.labels))

    def add(
        self, columns: Table, table: NDArray[np.float32], row: NDArray[Any], label: NDArray[Any], weight: float
    ) -> None:
        per_row = np.bincount(row, label)
        self.names, self.early = columns.names, columns.early
        self.tables.append(table)
        self.labels.append(label)
        self.weights.append(weight / np.sqrt(np.maximum(per_row[row], 1)))


@dataclass(eq=False)
class Gathered:
    """By ranker: all rows with all that is known of them, and the same with what was known when their window ended,
    for rankers that are judged on the next one."""

    rows: dict[str, Rows] = field(default_factory=lambda: {name: Rows() for name in TREES})
    early: dict[str, Rows] = field(default_factory=lambda: {name: Rows() for name in TREES})

    @property
    def is_empty(self) -> bool:
        return not any(part.labels for part in self.rows.values())


class Teachers:
    """The customers of a window who teach; `age` windows lie after it. `add` takes block after block."""

    def __init__(
        self,
        into: Gathered,
        data: TrainingData,
        window: Window,
        customers: NDArray[np.int64],
        *,
        horizon: int,
        age: int,
        n_windows: int,
        rng: np.random.Generator,
    ) -> None:
        longer = window.bought_within(data, horizon)
        self.customers = customers
        self._into, self._window, self._n_windows, self._rng = into, window, n_windows, rng
        self._bought = {name: longer if name in LONG_SIGHTED else window.bought for name in TREES}
        self._weight = {name: 1.0 if name in LONG_SIGHTED else FADING**age for name in TREES}
        self._thinned: dict[str, float] = {}

    def add(self, some: NDArray[Any], candidates: Candidates, columns: Table) -> None:
        """A block's candidates; those of customers who do not teach are left out."""
        pairs = keys(some[candidates.row], candidates.item)
        teaches = np.isin(some, self.customers)
        for name, part in self._into.rows.items():
            label = contains(self._bought[name], pairs)
            considered = teaches[candidates.row] & (~candidates.owned if name == "discover" else True)
            # Only a customer who bought one of the candidates says anything of their order.
            some_bought = np.bincount(candidates.row, label & considered, minlength=len(some)) > 0
            considered &= some_bought[candidates.row]
            chance = self._share(name, considered.sum() / max(teaches.sum(), 1))
            kept = np.flatnonzero(considered & (label | (self._rng.random(len(candidates)) < chance)))
            row, table = candidates.row[kept], matrix(columns, columns.names, kept)
            part.add(columns, table, row, label[kept], self._weight[name])
            early = contains(self._window.bought, pairs[kept])
            self._into.early[name].add(columns, table, row, early, self._weight[name])

    def _share(self, name: str, rows_each: float) -> float:
        # How much of what was not bought is kept; the first block with anything in it tells how much there will be.
        if name not in self._thinned and rows_each:
            expected = rows_each * len(self.customers)
            self._thinned[name] = min(1.0, TREES[name].rows / self._n_windows / expected)
        return self._thinned.get(name, 1.0)
