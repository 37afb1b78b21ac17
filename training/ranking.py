"""Trains the rankers and has them judged, each on weeks that it has not seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.features import Table, features
from models.forest import Forest
from models.ranker import Ranker
from models.recommender import PERSONAL, Recommender
from models.trees import trees_of
from training.champion import Beside, Champion
from training.data import TrainingData
from training.fit.everything import Fit, fit_sources
from training.gathering import Gathered, Rows, Teachers
from training.in_thread import InThread
from training.judging import Judgement, Judges, judged
from training.ranker_settings import BOUGHT_A_LEAF, LEAST_LEAVES, RankerSettings, TreeSettings
from training.settings import TrainingSettings
from training.windows import Window, label_days, some_customers, window_starts

BLOCK = 64
# Fewer purchases than this among the candidates teach trees nothing that holds.
LEAST_BOUGHT = 200
# One thread, and the same trees again from the same rows.
QUIETLY = {"num_threads": 1, "deterministic": True, "force_col_wise": True, "verbose": -1}
# Trees that choose the short list: few and coarse, for they see every candidate.
FORESIGHT_TREES, FORESIGHT_ROWS = 16, 200_000
FORESIGHT = {"objective": "regression", "num_leaves": 16, "learning_rate": 0.25, "min_data_in_leaf": 100, "max_bin": 63}


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
    windows = [Window.of(data, start, days) for start in window_starts(data, days, ranker_settings.windows)]
    windows = [window for window in reversed(windows) if len(window.customers)]
    gathered = Gathered()
    judgements: dict[str, Judgement] = {}
    judging: dict[str, Ranker] = {}
    beside: Beside | None = None
    for place, window in enumerate(windows):
        recommender = fit(data.before(window.start), settings, horizon, PERSONAL)
        limit = ranker_settings.of_window(len(window.bought), len(window.customers), len(windows))
        chosen = some_customers(window, limit, rng)
        age = len(windows) - 1 - place
        learn = partial(Teachers, gathered, data, window, horizon=horizon, age=age, n_windows=len(windows), rng=rng)
        if window is not windows[-1]:
            _teach(learn(chosen), recommender, chosen)
        else:
            taught: NDArray[np.int64] = chosen[:0]
            if gathered.is_empty:
                taught = chosen[::2]
                _teach(learn(taught), recommender, taught)
            judging = _trees_of(gathered.early, ranker_settings)
            # A stream of their own: the same customers judge whatever was drawn to learn from.
            stream = np.random.default_rng([ranker_settings.seed, window.start])
            judges = Judges.of(data, window, ranker_settings.judges, stream, without=taught)
            # Who judges teaches as well, once the judgement is made: their features are there already.
            teachers = learn(np.setdiff1d(chosen, taught))
            if champion is None:
                judgements = judged(recommender, judges, judging, also=teachers.add)
            else:
                judgements, beside = champion.beside(data, settings, recommender, judges, judging, teachers.add, fit)
            if judge_only:
                return Trained({}, judging, judgements, beside)
            _teach(teachers, recommender, np.setdiff1d(teachers.customers, judges.customers))
        show((place + 1) / (len(windows) + 1))
    rankers = {
        name: ranker.calibrated(*judgements[name].curve)
        for name, ranker in _trees_of(gathered.rows, ranker_settings).items()
        if name in judgements and judgements[name].ranker_is_better
    }
    return Trained(rankers, {name: judging[name] for name in rankers}, judgements, beside)


def _teach(teachers: Teachers, recommender: Recommender, customers: NDArray[np.int64]) -> None:
    for block in blocks_of(recommender, customers):
        teachers.add(*block)


def blocks_of(recommender: Recommender, customers: NDArray[Any]) -> Iterator[tuple[NDArray[Any], Candidates, Table]]:
    """Customers in blocks, with their candidates and features."""
    for start in range(0, len(customers), BLOCK):
        some = customers[start : start + BLOCK]
        queries = recommender.queries(some)
        candidates, said = recommender.find(queries)
        yield some, candidates, features(queries, candidates, recommender.statistics, said)


def _trees_of(rows: dict[str, Rows], settings: RankerSettings) -> dict[str, Ranker]:
    # One thread a ranker: LightGBM's own threads wait for each other so often that on a busy machine they are slower.
    running = {
        name: InThread(partial(_fit_trees, part, settings.trees(name), settings.seed))
        for name, part in rows.items()
        if part.bought >= LEAST_BOUGHT
    }
    return {name: thread.result() for name, thread in running.items()}


def _fit_trees(rows: Rows, trees: TreeSettings, seed: int) -> Ranker:
    table = np.concatenate(rows.tables)
    dataset = lightgbm.Dataset(
        table,
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
        **QUIETLY,
    }
    booster = lightgbm.train(parameters, dataset, trees.rounds)
    text = booster.model_to_string()
    foresight = _fit_foresight(text, rows, table, seed)
    return Ranker(text, rows.names, np.array([0.0, 1.0]), np.array([0.0, 1.0]), foresight)


def _fit_foresight(text: str, rows: Rows, table: NDArray[np.float32], seed: int) -> str:
    """A small model that foresees from early features what the trees of `text` say of a row."""
    early = [rows.names.index(name) for name in rows.early]
    some = np.sort(np.random.default_rng(seed).permutation(len(table))[:FORESIGHT_ROWS])
    raw = Forest.of(trees_of(text)).sums(np.ascontiguousarray(table[some].T))
    dataset = lightgbm.Dataset(table[some][:, early], raw, feature_name=list(rows.early), free_raw_data=True)
    return lightgbm.train({**FORESIGHT, "seed": seed, **QUIETLY}, dataset, FORESIGHT_TREES).model_to_string()
