"""Trains the rankers: candidates of earlier days as rows, what was then bought as labels."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.features import Columns, features, matrix
from models.ranker import Ranker
from models.ranking import contains, keys
from models.recommender import PERSONAL, Recommender
from training.champion import Beside, Champion
from training.data import TrainingData
from training.fit.everything import fit_sources
from training.in_thread import InThread
from training.judging import Judgement, Judges, judged
from training.ranker_settings import BOUGHT_A_LEAF, LEAST_LEAVES, TREES, RankerSettings, TreeSettings
from training.settings import TrainingSettings
from training.windows import Window, label_days, some_customers, window_starts

BLOCK = 64
# Fewer purchases than this among the candidates teach trees nothing that holds.
LEAST_BOUGHT = 200
# Sources as of one day: `fit_sources`, or one that remembers what it fitted.
Fit = Callable[[TrainingData, TrainingSettings, int, Collection[str]], Recommender]


@dataclass(eq=False)
class Rows:
    """Rows to learn from, gathered block by block: features, labels, and weights that keep heavy buyers from drowning
    the rest: a customer weighs the root of what it bought."""

    names: tuple[str, ...] = ()
    tables: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[NDArray[np.bool_]] = field(default_factory=list)
    weights: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def bought(self) -> int:
        return int(sum(label.sum() for label in self.labels))

    def add(self, columns: Columns, at: NDArray[Any], row: NDArray[Any], label: NDArray[np.bool_]) -> None:
        self.names = tuple(columns)
        self.tables.append(matrix({name: column[at] for name, column in columns.items()}, self.names))
        self.labels.append(label)
        per_row = np.bincount(row, label)
        self.weights.append(1 / np.sqrt(np.maximum(per_row[row], 1)))


@dataclass(frozen=True, eq=False)
class Trained:
    """What the label windows gave: the rankers that beat their baselines, the same from older weeks as they were
    judged, how everything was judged, and the published model beside it.
    """

    rankers: dict[str, Ranker]
    judging: dict[str, Ranker]
    judgements: dict[str, Judgement]
    beside: Beside | None


def train_rankers(
    data: TrainingData,
    settings: TrainingSettings,
    horizon: int,
    show: Callable[[float], None],
    champion: Champion | None = None,
    *,
    fit: Fit = fit_sources,
    judge_only: bool = False,
) -> Trained:
    """Rankers for `home` and `discover`.

    The freshest window judges rankers of the older ones (beside the baselines, and for calibration); then rankers of
    all windows are trained. Where there is only one window, half of its customers judge what the other half taught. A
    ranker that is not better than the best single signal is left out. `champion` is judged beside them. With
    `judge_only`, nothing is trained beyond what is judged.
    """
    ranker_settings = settings.ranker
    rng = np.random.default_rng(ranker_settings.seed)
    days = label_days(data, horizon)
    starts = window_starts(data, days, ranker_settings.windows)
    rows = {name: Rows() for name in TREES}
    judgements: dict[str, Judgement] = {}
    judging: dict[str, Ranker] = {}
    beside: Beside | None = None
    for place, start in enumerate(reversed(starts)):
        window = Window.of(data, start, days)
        if not len(window.customers):
            continue
        recommender = fit(data.before(start), settings, horizon, PERSONAL)
        chosen = some_customers(window, ranker_settings.customers // len(starts), rng)
        freshest = place == len(starts) - 1
        if freshest and not any(len(part.labels) for part in rows.values()):
            _gather(rows, recommender, window, chosen[::2], len(starts), rng)
            chosen = chosen[1::2]
        if freshest:
            judging = _trees_of(rows, ranker_settings)
            # A stream of their own: the same customers judge whatever was drawn to learn from.
            stream = np.random.default_rng([ranker_settings.seed, start])
            judges = Judges.of(data, window, ranker_settings.judges, stream)
            if champion is None:
                judgements = judged(recommender, judges, judging)
            else:
                judgements, beside = champion.beside(data, settings, recommender, judges, judging)
            if judge_only:
                return Trained({}, judging, judgements, beside)
        _gather(rows, recommender, window, chosen, len(starts), rng)
        show((place + 1) / (len(starts) + 1))
    rankers = {
        name: ranker.calibrated(*judgements[name].curve)
        for name, ranker in _trees_of(rows, ranker_settings).items()
        if name in judgements and judgements[name].ranker_is_better
    }
    return Trained(rankers, {name: judging[name] for name in rankers}, judgements, beside)


def blocks_of(recommender: Recommender, customers: NDArray[Any]) -> Iterator[tuple[NDArray[Any], Candidates, Columns]]:
    """Customers in blocks, with their candidates and features."""
    for start in range(0, len(customers), BLOCK):
        some = customers[start : start + BLOCK]
        queries = recommender.queries(some)
        candidates, said = recommender.find(queries)
        yield some, candidates, features(queries, candidates, recommender.statistics, said)


def _gather(
    rows: dict[str, Rows],
    recommender: Recommender,
    window: Window,
    customers: NDArray[np.int64],
    n_windows: int,
    rng: np.random.Generator,
) -> None:
    thinned: dict[str, float] = {}
    for some, candidates, columns in blocks_of(recommender, customers):
        label = contains(window.bought, keys(some[candidates.row], candidates.item))
        for name, part in rows.items():
            considered = ~candidates.owned if name == "discover" else np.ones(len(candidates), np.bool_)
            # Only a customer who bought one of the candidates says anything of their order.
            some_bought = np.bincount(candidates.row, label & considered, minlength=len(some)) > 0
            considered &= some_bought[candidates.row]
            if name not in thinned:
                expected = considered.sum() / len(some) * len(customers)
                thinned[name] = min(1.0, TREES[name].rows / n_windows / max(expected, 1))
            kept = np.flatnonzero(considered & (label | (rng.random(len(candidates)) < thinned[name])))
            part.add(columns, kept, candidates.row[kept], label[kept])


def _trees_of(rows: dict[str, Rows], settings: RankerSettings) -> dict[str, Ranker]:
    # One thread a ranker: LightGBM's own threads wait for each other so often that on a busy machine they are slower.
    running = {
        name: InThread(partial(_fit_trees, part, settings.trees(name), settings.seed))
        for name, part in rows.items()
        if part.bought >= LEAST_BOUGHT
    }
    return {name: thread.result() for name, thread in running.items()}


def _fit_trees(rows: Rows, trees: TreeSettings, seed: int) -> Ranker:
    dataset = lightgbm.Dataset(
        np.concatenate(rows.tables),
        np.concatenate(rows.labels).astype(np.int8),
        weight=np.concatenate(rows.weights),
        feature_name=list(rows.names),
        free_raw_data=True,
    )
    parameters = {
        "objective": "binary",
        "num_leaves": int(np.clip(rows.bought // BOUGHT_A_LEAF, LEAST_LEAVES, trees.leaves)),
        "min_data_in_leaf": trees.least_rows_in_leaf,
        "lambda_l2": trees.ridge,
        "learning_rate": trees.learning_rate,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": 127,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    }
    booster = lightgbm.train(parameters, dataset, trees.rounds)
    return Ranker(booster.model_to_string(), rows.names, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
