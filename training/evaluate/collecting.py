"""What each method reached, row by row, gathered window after window."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Pairs
from models.ranking import Scored, positions
from training.evaluate.metrics import (
    METRICS,
    HiddenItems,
    Truth,
    accuracy,
    completion,
    coverage,
    hits,
    novelty,
    pair_recall,
    repeat_share,
)
from training.evaluate.truth import Judged

# An item with fewer customers before the window is cold.
COLD_BUYERS = 5


@dataclass
class MethodRun:
    """One method in one scenario: a block of `values` (rows × metrics, float32) a window, and what holds for whole
    lists. `cold`: (items reached, items, purchases hit, purchases) a window.
    """

    kind: str
    settings: str = ""
    values: list[NDArray[np.float32]] = field(default_factory=list)
    lists: list[dict[str, float]] = field(default_factory=list)
    cold: list[tuple[int, int, int, int]] = field(default_factory=list)
    candidates: list[float] = field(default_factory=list)
    places: int = 0


@dataclass
class ScenarioRun:
    """All methods in one scenario, on the same rows. `groups`: whose row it is; `orders`: how many it had before."""

    metrics: tuple[str, ...]
    groups: list[NDArray[np.int64]] = field(default_factory=list)
    orders: list[NDArray[np.int64]] = field(default_factory=list)
    methods: dict[str, MethodRun] = field(default_factory=dict)

    def method(self, name: str, kind: str, settings: str = "") -> MethodRun:
        """The method's run, begun when it is first asked for; raises ValueError where a name stands for two methods."""
        run = self.methods.setdefault(name, MethodRun(kind, settings))
        if run.kind != kind:
            raise ValueError(f"a {run.kind} and a {kind} are both called {name!r}")
        return run

    def rows_of(self, name: str) -> NDArray[np.float32]:
        """The method's values in all windows, shape (rows, metrics); NaN where a row cannot be judged."""
        return np.concatenate(self.methods[name].values)


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges lists of one window. `buyers`: known customers of each item before it; `k`: list lengths."""

    judged: Judged
    k: tuple[int, ...]
    buyers: NDArray[np.int64]
    n_sold: int
    share: NDArray[np.float64]

    @classmethod
    def of(cls, judged: Judged, k: tuple[int, ...]) -> "Judge":
        buyers = np.bincount(Pairs.of(judged.histories).item, minlength=len(judged.past.catalogue))
        customers = int((np.diff(judged.histories.indptr) > 0).sum())
        # Each item counts as if one customer had it, so that a new one is as novel as the rarest.
        share = np.maximum(buyers, 1) / max(1, customers)
        return cls(judged, k, buyers, max(1, len(np.unique(judged.past.lines.item))), share)

    def add(self, run: MethodRun, scenario: str, lists: Scored) -> None:
        """Judge one method's lists for the judged customers."""
        truth = self.judged.truth[scenario]
        columns = [accuracy(lists, truth, k)[name] for k in self.k for name in METRICS]
        run.values.append(np.stack(columns, axis=1).astype(np.float32))
        run.places += len(lists)
        run.lists.append(self._list_level(lists))
        if scenario != "again":
            run.cold.append(self._cold(lists, truth))

    def add_candidates(self, run: MethodRun, scenario: str, proposed: Scored, limit: int) -> None:
        """The share of all purchases that lies among the first `limit` proposals of the row."""
        run.candidates.append(pair_recall(proposed, self.judged.truth[scenario], limit))

    def add_baskets(self, run: MethodRun, hidden: HiddenItems, lists: Scored) -> None:
        """Judge one method's lists for the baskets."""
        columns = completion(lists, hidden.item)
        run.values.append(np.stack(list(columns.values()), axis=1).astype(np.float32))
        run.places += len(lists)
        run.lists.append(
            {"coverage@10": coverage(lists, 10, self.n_sold), "novelty@10": novelty(lists, 10, self.share)}
        )

    def _list_level(self, lists: Scored) -> dict[str, float]:
        values = {}
        for k in self.k:
            repeated = repeat_share(lists, k, self.judged.owned)
            values[f"coverage@{k}"] = coverage(lists, k, self.n_sold)
            values[f"novelty@{k}"] = novelty(lists, k, self.share)
            values[f"repeat@{k}"] = repeated
            values[f"new@{k}"] = 1 - repeated
        return values

    def _cold(self, lists: Scored, truth: Truth) -> tuple[int, int, int, int]:
        k = max(self.k)
        cold = truth.where(self.buyers[truth.item] < COLD_BUYERS)
        items = np.unique(cold.item)
        reached = np.isin(items, lists.item[positions(lists.row) < k]).sum()
        return int(reached), len(items), int(hits(lists, cold, k).sum()), len(cold.keys)


def cold_counts(run: MethodRun) -> tuple[int, int, int, int] | None:
    """Summed over the windows; None where no cold item was bought."""
    total = np.sum(run.cold, axis=0) if run.cold else np.zeros(4, np.int64)
    return (int(total[0]), int(total[1]), int(total[2]), int(total[3])) if total[1] else None


def mean_of(parts: list[dict[str, float]]) -> Mapping[str, float]:
    """The mean of each value over the windows that have it; NaN where none has."""
    names = parts[0] if parts else {}
    return {name: _nanmean([part[name] for part in parts]) for name in names}


def _nanmean(values: Any) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
