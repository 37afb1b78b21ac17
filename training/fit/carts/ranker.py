"""Trains the ranker of carts on later orders, and tells whether it beats the best single table."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from models.candidates import Candidates
from models.carts.asked import Asked
from models.carts.blocks import rows_at_once
from models.carts.carts import Carts, ComplementSettings, single_score
from models.carts.features import of_one_category
from models.carts.tables import CartTables
from models.features import Columns, matrix
from models.interactions import Interactions
from models.ranker import Ranker
from training.fit.carts.examples import CartRows

# Every so-manieth cart judges, the others teach; candidates of a cart that teach, besides the hidden item.
JUDGING, SAMPLED = 5, 50
# Fewer taught carts than this whose hidden item is among the candidates teach trees nothing that holds.
FEWEST = 200
# Tables that can order on their own, the first of equals.
SINGLES = ("links", "ease", "orders")
K = 10
CURVE_POINTS = 40
# Where leaving out substitutes costs more hits than this share, the shop's categories do not hold substitutes.
DEAREST = 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """The ranker, if it is better than the `single` signal, and whether substitutes are to be suppressed beside a
    single item.

    `hit_at_10`: share of the judging carts whose hidden item is among the first ten, by method; `beside_one`: the same
    for carts of one item, as ranked and with substitutes suppressed; `recall` among all candidates; `carts` that
    judged.
    """

    ranker: Ranker | None
    single: str
    suppress: bool
    hit_at_10: dict[str, float]
    beside_one: tuple[float, float]
    recall: float
    carts: int

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "ordered_by": "ranker" if self.ranker is not None else self.single,
            "hit@10": {name: round(value, 5) for name, value in self.hit_at_10.items()},
            "hit@10 beside one item": {
                "as ranked": round(self.beside_one[0], 5),
                "without substitutes": round(self.beside_one[1], 5),
            },
            "substitutes": "left out" if self.suppress else "kept",
            "recall": round(self.recall, 5),
            "carts": self.carts,
        }


UNJUDGED = Judged(
    ranker=None, single=SINGLES[0], suppress=True, hit_at_10={}, beside_one=(0.0, 0.0), recall=0.0, carts=0
)


@dataclass(eq=False)
class _Lesson:
    names: tuple[str, ...] = ()
    tables: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[NDArray[np.bool_]] = field(default_factory=list)
    groups: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, columns: Columns, row: NDArray[Any], label: NDArray[np.bool_], rng: np.random.Generator) -> None:
        """Rows of carts whose hidden item is among the candidates: that one, and a sample of the others."""
        self.names = tuple(columns)
        candidates = np.bincount(row)
        found = np.bincount(row, label) > 0
        kept = np.flatnonzero(found[row] & (label | (rng.random(len(row)) < SAMPLED / candidates[row])))
        self.tables.append(matrix(columns, self.names, kept))
        self.labels.append(label[kept])
        counts = np.bincount(row[kept])
        self.groups.append(counts[counts > 0])

    @property
    def carts(self) -> int:
        return sum(len(groups) for groups in self.groups)


@dataclass(eq=False)
class _Examination:
    """Ranks of the hidden items, −1 where it is not among the candidates, and the ranker's scores with their labels;
    `single`: which carts hold one item, `without`: ranks when substitutes are left out."""

    ranker: Ranker | None
    ranks: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[NDArray[np.bool_]] = field(default_factory=list)
    single: list[NDArray[np.bool_]] = field(default_factory=list)
    without: list[NDArray[np.int64]] = field(default_factory=list)

    def add(
        self, asked: Asked, candidates: Candidates, columns: Columns, label: NDArray[np.bool_], tables: CartTables
    ) -> None:
        methods = {name: single_score(columns, name) for name in SINGLES}
        if self.ranker is not None:
            methods["ranker"] = self.ranker.predict(columns, np.arange(len(candidates)))
            self.scores.append(methods["ranker"])
            self.labels.append(label)
        for name, score in methods.items():
            self.ranks.setdefault(name, []).append(rank_of_hidden(candidates, score, label))
        left = ~of_one_category(asked, tables, candidates)
        score = methods.get("ranker", methods["links"])
        self.without.append(rank_of_hidden(candidates, np.where(left, score, -np.inf), label & left))
        self.single.append(asked.size == 1)

    def judged(self) -> Judged:
        ranks = {name: np.concatenate(parts) for name, parts in self.ranks.items()}
        hits = {name: _hits(rank) for name, rank in ranks.items()}
        best = max(SINGLES, key=lambda name: hits[name])
        single = np.concatenate(self.single)
        beside = _hits(ranks.get("ranker", ranks["links"])[single]), _hits(np.concatenate(self.without)[single])
        better = self.ranker is not None and hits["ranker"] > hits[best]
        return Judged(
            ranker=self._calibrated() if better else None,
            single=best,
            suppress=beside[1] >= beside[0] * (1 - DEAREST),
            hit_at_10=hits,
            beside_one=beside,
            recall=float((ranks[best] >= 0).mean()),
            carts=len(single),
        )

    def _calibrated(self) -> Ranker | None:
        """With the curve from a score to the share of hidden items at it (isotonic regression)."""
        if self.ranker is None:
            return None
        score, label = np.concatenate(self.scores), np.concatenate(self.labels).astype(np.float64)
        fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(score, label)
        knots, values = fitted.X_thresholds_, fitted.y_thresholds_
        chosen = np.unique(np.linspace(0, len(knots) - 1, min(CURVE_POINTS, len(knots))).astype(int))
        return self.ranker.calibrated(knots[chosen].astype(np.float64), values[chosen].astype(np.float64))


def _hits(ranks: NDArray[np.int64]) -> float:
    return float(((ranks >= 0) & (ranks < K)).mean()) if len(ranks) else 0.0


def train_ranker(
    carts: Carts,
    examples: CartRows,
    histories: Interactions,
    today: int,
    horizon: int,
    settings: ComplementSettings,
    rng: np.random.Generator,
) -> Judged:
    """Trees from four fifths of the carts, judged on the last fifth; `carts` and `histories` know nothing of them."""
    last = len(examples) - len(examples) // JUDGING
    lesson = _Lesson()
    for _, candidates, columns, label in blocks_of(carts, examples, (0, last), histories, today, horizon):
        lesson.add(columns, candidates.row, label, rng)
    examination = _Examination(_trees(lesson, settings) if lesson.carts >= FEWEST else None)
    for block in blocks_of(carts, examples, (last, len(examples)), histories, today, horizon):
        examination.add(*block, carts.tables)
    return examination.judged() if examination.ranks else UNJUDGED


def blocks_of(
    carts: Carts, examples: CartRows, bounds: tuple[int, int], histories: Interactions, today: int, horizon: int
) -> Iterator[tuple[Asked, Candidates, Columns, NDArray[np.bool_]]]:
    """The examples of these rows in blocks: what was asked, candidates, features, and which candidate is the hidden
    item."""
    n_items = carts.tables.n_items
    rows = rows_at_once(n_items)
    for start in range(bounds[0], bounds[1], rows):
        end = min(start + rows, bounds[1])
        queries = examples.block(start, end, histories, today, horizon, n_items)
        asked = carts.asked(queries)
        candidates, columns = carts.judge(queries, asked)
        yield asked, candidates, columns, candidates.item == examples.hidden[start:end][candidates.row]


def rank_of_hidden(candidates: Candidates, score: NDArray[Any], label: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row how many candidates go before the hidden item, equal ones included; −1 where it is none of them."""
    n_rows = candidates.shape[0]
    of_hidden = np.full(n_rows, np.inf)
    of_hidden[candidates.row[label]] = score[label]
    before = np.bincount(candidates.row[score >= of_hidden[candidates.row]], minlength=n_rows)
    return np.where(np.isinf(of_hidden), -1, before - 1)


def _trees(lesson: _Lesson, settings: ComplementSettings) -> Ranker:
    dataset = lightgbm.Dataset(
        np.concatenate(lesson.tables),
        np.concatenate(lesson.labels).astype(np.int8),
        group=np.concatenate(lesson.groups),
        feature_name=list(lesson.names),
        free_raw_data=True,
    )
    parameters = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 2 * K,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": 50,
        "learning_rate": 0.05,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": settings.seed,
        # One thread: two on a busy machine wait for each other longer than they gain.
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    }
    booster = lightgbm.train(parameters, dataset, settings.trees)
    return Ranker(booster.model_to_string(), lesson.names, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
