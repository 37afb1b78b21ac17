"""Judges rankers and single signals by what customers bought in a window that neither has seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from models.candidates import Candidates
from models.features import Columns, Table, features
from models.ranker import Ranker
from models.ranking import Scored, contains, distinct, keys, rank
from models.recommender import Recommender
from models.scenarios import BASELINES
from training.data import TrainingData
from training.evaluate.intervals import Interval, paired_difference
from training.evaluate.metrics import Truth, accuracy
from training.windows import Window

BLOCK = 64
K = 10
CURVE_POINTS = 40
NOBODY: NDArray[np.int64] = np.zeros(0, np.int64)
# Signals that may order a list on their own where the ranker is no better.
SINGLE = {
    "home": ("repeat", "habit", "bought_brief", "bought_short", "bought_lasting", "sales_short"),
    "discover": ("customers_recent", "customers_lasting", "neighbours", "ease", "factors", "categories", "sales_short"),
}


@dataclass(frozen=True, eq=False)
class Judges:
    """Customers with a past before the window, whether they came back in it or not; `window`'s purchases are the
    truth.
    """

    window: Window
    customers: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        data: TrainingData,
        window: Window,
        limit: int,
        rng: np.random.Generator,
        without: NDArray[np.int64] = NOBODY,
    ) -> "Judges":
        """At most `limit` of them, drawn at random; none of those `without`, who taught what is judged."""
        lines = data.lines
        past = distinct(lines.customer[(lines.day < window.start) & (lines.customer >= 0)]).astype(np.int64)
        past = np.setdiff1d(past, without)
        if len(past) > limit:
            past = np.sort(rng.choice(past, limit, replace=False))
        return cls(window, past)


@dataclass(frozen=True, eq=False)
class Served:
    """What orders each scenario's list in some bundle: its ranker, else the named signal."""

    rankers: Mapping[str, Ranker]
    baselines: Mapping[str, str]

    def score(self, name: str, columns: Columns, at: NDArray[Any]) -> NDArray[np.float32] | None:
        """Scores of the candidates `at`; None where today's features lack one that it needs."""
        ranker = self.rankers.get(name)
        if ranker is None:
            return columns[self.baselines[name]][at] if self.baselines[name] in columns else None
        if not set(ranker.names) <= columns.keys():
            return None
        return ranker.predict(columns, at).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Judgement:
    """One scenario: ndcg@10 by method, the best single signal, the ranker's gain over it, and the calibration curve.

    `curve`: scores and probabilities, ascending; `reliability`: rows of mean predicted, observed share and count;
    `gains`: ndcg@10 of each judge by method, NaN of who bought nothing.
    """

    ndcg: Mapping[str, float]
    best_single: str
    gain: Interval | None
    customers: int
    curve: tuple[NDArray[np.float64], NDArray[np.float64]]
    reliability: tuple[tuple[float, float, int], ...]
    gains: Mapping[str, NDArray[np.float64]]

    @property
    def served(self) -> str:
        """The method that orders the bundle's lists."""
        return "ranker" if self.ranker_is_better else self.best_single

    @property
    def ranker_is_better(self) -> bool:
        return self.gain is not None and self.gain.mean > 0

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        gain = None if self.gain is None else {"mean": self.gain.mean, "low": self.gain.low, "high": self.gain.high}
        return {
            "ndcg@10": {name: round(value, 5) for name, value in self.ndcg.items()},
            "best_single": self.best_single,
            "ranker_gain": gain,
            "customers": self.customers,
            "reliability": [list(row) for row in self.reliability],
        }


# Takes each block of judges, with their candidates and features.
Also = Callable[[NDArray[Any], Candidates, Table], object]


def judged(
    recommender: Recommender,
    judges: Judges,
    rankers: Mapping[str, Ranker],
    champion: Served | None = None,
    also: Also | None = None,
) -> dict[str, Judgement]:
    """Judge both scenarios on the same candidates; `champion` adds its gains, where the features let it; `also` makes
    further use of each block."""
    gathered: dict[str, _Gathered] = {name: _Gathered(list(SINGLE[name])) for name in SINGLE}
    window = judges.window
    for start in range(0, len(judges.customers), BLOCK):
        some = judges.customers[start : start + BLOCK]
        queries = recommender.queries(some)
        candidates, said = recommender.find(queries)
        every = features(queries, candidates, recommender.statistics, said)
        if also is not None:
            also(some, candidates, every)
        columns = dict(every)
        source, signals = said["repeat"]
        for signal in source.signals:
            columns[signal] = source.at(signals, signal, candidates)
        label = contains(window.bought, keys(some[candidates.row], candidates.item))
        for name, part in gathered.items():
            at = np.flatnonzero(~candidates.owned) if name == "discover" else np.arange(len(candidates))
            scores = {signal: columns[signal][at] for signal in part.signals}
            if name in rankers:
                scores["ranker"] = rankers[name].predict(columns, at).astype(np.float32)
            if champion is not None and (score := champion.score(name, columns, at)) is not None:
                scores["champion"] = score
            part.add(start, candidates.row[at], candidates.item[at], scores, label[at], len(some))
    return {
        name: part.judgement(truth_of(judges, recommender, name), BASELINES[name]) for name, part in gathered.items()
    }


def truth_of(judges: Judges, recommender: Recommender, name: str) -> Truth:
    """What each judge bought in the window; for `discover` what was new to them."""
    customer, item = judges.window.bought >> 32, judges.window.bought & 0xFFFFFFFF
    mine = np.isin(customer, judges.customers)
    row, item = np.searchsorted(judges.customers, customer[mine]), item[mine]
    if name == "discover":
        history = recommender.histories.rows(judges.customers)
        new = ~contains(distinct(keys(history.row, history.item)), keys(row, item))
        row, item = row[new], item[new]
    return Truth.of(len(judges.customers), row, item)


class _Gathered:
    """The judges' top lists by each method, and the ranker's scores with their labels."""

    def __init__(self, signals: list[str]) -> None:
        self.signals = signals
        self._lists: dict[str, list[Scored]] = {}
        self._scores: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.bool_]] = []

    def add(
        self,
        start: int,
        row: NDArray[Any],
        item: NDArray[Any],
        scores: Mapping[str, NDArray[np.float32]],
        label: NDArray[np.bool_],
        n_rows: int,
    ) -> None:
        for name, score in scores.items():
            said = np.isfinite(score)
            best = rank(n_rows, row[said], item[said], score[said], K)
            self._lists.setdefault(name, []).append(Scored(n_rows, best.row + start, best.item, best.score))
        if "ranker" in scores:
            self._scores.append(scores["ranker"])
            self._labels.append(label)

    def judgement(self, truth: Truth, otherwise: str) -> Judgement:
        gains = {}
        for name, parts in self._lists.items():
            row, item, score = (np.concatenate([getattr(part, c) for part in parts]) for c in ("row", "item", "score"))
            gains[name] = accuracy(Scored(len(truth), row, item, score), truth, K)["ndcg"]
        counted = truth.size > 0
        means = {name: float(gain[counted].mean()) if counted.any() else 0.0 for name, gain in gains.items()}
        singles = {name: value for name, value in means.items() if name in self.signals}
        best = max(singles, key=lambda name: singles[name]) if any(singles.values()) else otherwise
        gain = None
        if "ranker" in gains and counted.any():
            rng = np.random.default_rng(0)
            gain = paired_difference(gains["ranker"][counted], gains[best][counted], rng)
        curve, reliability = self._calibration()
        return Judgement(means, best, gain, int(counted.sum()), curve, reliability, gains)

    def _calibration(
        self,
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[tuple[float, float, int], ...]]:
        if not self._scores:
            return (np.array([0.0, 1.0]), np.array([0.0, 1.0])), ()
        score = np.concatenate(self._scores).astype(np.float64)
        label = np.concatenate(self._labels).astype(np.float64)
        fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(score, label)
        knots, values = fitted.X_thresholds_, fitted.y_thresholds_
        if len(knots) > CURVE_POINTS:
            chosen = np.unique(np.linspace(0, len(knots) - 1, CURVE_POINTS).astype(int))
            knots, values = knots[chosen], values[chosen]
        edges = np.unique(np.quantile(score, np.linspace(0, 1, 11)))
        at = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, max(len(edges) - 2, 0))
        count = np.bincount(at)
        predicted = np.bincount(at, np.interp(score, knots, values)) / np.maximum(count, 1)
        observed = np.bincount(at, label) / np.maximum(count, 1)
        rows = tuple(
            (round(float(p), 5), round(float(o), 5), int(n))
            for p, o, n in zip(predicted, observed, count, strict=True)
            if n
        )
        return (knots.astype(np.float64), values.astype(np.float64)), rows
