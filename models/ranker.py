"""The second stage: gradient-boosted trees over the features, and what their scores mean as probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from models.features import Columns, matrix, table_of
from models.forest import Forest
from models.tops import best_of_runs
from models.trees import booster, names_of, trees_of

if TYPE_CHECKING:
    from lightgbm import Booster

# Candidates of a customer that all trees see; the others come behind them.
SHORT = 64
APART = 1e-3


@dataclass(frozen=True, eq=False)
class Draft:
    """What a ranker made of the early features: `at`, the candidates that it considers, ascending, and their `row`;
    what it foresees of their scores; and which of these are on the short list (`kept`, ascending)."""

    at: NDArray[np.int64]
    row: NDArray[np.int64]
    foreseen: NDArray[np.float64]
    kept: NDArray[np.int64]

    @property
    def short_list(self) -> NDArray[np.int64]:
        """The candidates whose scores are wanted, ascending."""
        return self.at[self.kept]


@dataclass(frozen=True, eq=False)
class Ranker:
    """`text`: a LightGBM model as its plain text; `names`: its features in order; `scores` and `probabilities`
    (ascending, float64): points of the curve from a score to the probability of a purchase within the horizon.

    `foresight`: a small model that foresees the raw score of the other from early features; "" where there is none, and
    all trees see all candidates."""

    text: str
    names: tuple[str, ...]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    foresight: str = ""

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of(trees_of(self.text))

    @cached_property
    def _foreseeing(self) -> tuple[tuple[str, ...], Forest]:
        return names_of(self.foresight), Forest.of(trees_of(self.foresight))

    @cached_property
    def _booster(self) -> "Booster":
        return booster(self.text)

    @cached_property
    def _is_binary(self) -> bool:
        return "\nobjective=binary" in self.text

    def predict(self, columns: Columns, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Scores of the chosen candidates; a candidate's score depends on its own features alone."""
        raw = self._forest.sums(table_of(columns, self.names, rows))
        return self._scores(raw) if self._is_binary else raw

    def draft(self, early: Columns, at: NDArray[np.int64], row: NDArray[np.int64]) -> Draft:
        """Choose from the candidates `at` of a block (ascending, with their rows) the SHORT best of each row."""
        if not self.foresight:
            return Draft(at, row, np.zeros(len(at)), np.arange(len(at)))
        names, forest = self._foreseeing
        foreseen = forest.sums(table_of(early, names, at))
        return Draft(at, row, foreseen, best_of_runs(row, foreseen, SHORT))

    def score(self, draft: Draft, columns: Columns, places: NDArray[Any]) -> NDArray[np.float64]:
        """Scores of a draft's candidates; those of its short list are at `places` of `columns`.

        In no row does one that is not on the short list come before one that is. Of a binary objective.
        """
        raw = draft.foreseen.copy()
        raw[draft.kept] = self._forest.sums(table_of(columns, self.names, places))
        if len(draft.kept) < len(raw):
            behind = np.ones(len(raw), np.bool_)
            behind[draft.kept] = False
            _put_behind(raw, draft.row, draft.kept, np.flatnonzero(behind))
        return self._scores(raw)

    @staticmethod
    def _scores(raw: NDArray[np.float64]) -> NDArray[np.float64]:
        score: NDArray[np.float64] = 1 / (1 + np.exp(-raw))
        return score

    def contributions(self, columns: Columns, rows: NDArray[Any]) -> NDArray[np.float64]:
        """What each feature adds to the raw score of the chosen candidates (SHAP values of the trees), and last what
        every candidate starts from; shape (n_candidates, n_names + 1), a row's sum is its raw score."""
        if not len(rows):
            return np.zeros((0, len(self.names) + 1))
        table = matrix(columns, self.names, rows)
        return np.asarray(self._booster.predict(table, pred_contrib=True, num_threads=1))

    def probability(self, score: NDArray[Any]) -> NDArray[np.float64]:
        """How likely a purchase within the horizon is at this score, 0 to 1; never falls as the score rises."""
        probability: NDArray[np.float64] = np.interp(score, self.scores, self.probabilities)
        return probability

    def calibrated(self, scores: NDArray[np.float64], probabilities: NDArray[np.float64]) -> "Ranker":
        """The same trees with another curve."""
        return replace(self, scores=scores, probabilities=probabilities)

    def importance(self) -> dict[str, float]:
        """Each feature's share of what the trees gained."""
        gains = self._booster.feature_importance("gain")
        total = max(float(gains.sum()), 1e-9)
        return {name: float(gain) / total for name, gain in zip(self.names, gains, strict=True)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"scores": self.scores, "probabilities": self.probabilities}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], text: str, foresight: str = "") -> Self:
        return cls(text, names_of(text), arrays["scores"], arrays["probabilities"], foresight)


def _put_behind(raw: NDArray[np.float64], row: NDArray[Any], ahead: NDArray[Any], behind: NDArray[Any]) -> None:
    """Lower the scores `behind` so that in no row one comes before those `ahead`; both ascend."""
    least, most = np.full(int(row[-1]) + 1, np.inf), np.full(int(row[-1]) + 1, -np.inf)
    np.minimum.at(least, row[ahead], raw[ahead])
    np.maximum.at(most, row[behind], raw[behind])
    drop = np.maximum(most - least + APART, 0)
    raw[behind] -= drop[row[behind]]
