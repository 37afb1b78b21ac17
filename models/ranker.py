"""The second stage: gradient-boosted trees over the features, and what their scores mean as probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from models.features import Columns, matrix, table_of
from models.forest import Floats, Forest
from models.ranking import positions
from models.trees import Tree, booster, trees_of

if TYPE_CHECKING:
    from lightgbm import Booster

# After so many trees the candidates of a row compete for so many places; what loses sees no further trees. Of 40 items
# that all trees list first, one in five hundred loses.
ROUNDS: tuple[tuple[int, int], ...] = ((20, 128), (60, 72))
APART = 1e-3


@dataclass(frozen=True, eq=False)
class Ranker:
    """`text`: a LightGBM model as its plain text; `names`: its features in order; `scores` and `probabilities`
    (ascending, float64): points of the curve from a score to the probability of a purchase within the horizon."""

    text: str
    names: tuple[str, ...]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @cached_property
    def _trees(self) -> list[Tree]:
        return trees_of(self.text)

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of(self._trees)

    @cached_property
    def _rounds(self) -> tuple[Forest, ...]:
        edges = [0, *(trees for trees, _ in ROUNDS), len(self._trees)]
        return tuple(Forest.of(self._trees[start:end]) for start, end in pairwise(edges))

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

    def best(self, columns: Columns, rows: NDArray[Any], row: NDArray[Any]) -> NDArray[np.float64]:
        """The same for candidates of a block's rows (`row` ascending), of which only the best of each row see all trees
        (ROUNDS); the others come behind them, in the order of the trees that they saw. Of a binary objective.

        Lists are as long and their heads as good, for two fifths of the trees' work.
        """
        table = table_of(columns, self.names, rows)
        raw, left, lost = np.zeros(len(row)), np.arange(len(row)), []
        for forest, (_, places) in zip(self._rounds, ROUNDS, strict=False):
            raw[left] += forest.sums(_taken(table, left))
            order = left[np.lexsort((-raw[left], row[left]))]
            place = positions(row[order])
            lost.append(order[place >= places])
            left = np.sort(order[place < places])
        raw[left] += self._rounds[-1].sums(_taken(table, left))
        for behind in reversed(lost):
            if len(behind):
                _put_behind(raw, row, left, behind)
                left = np.concatenate([left, behind])
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
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], text: str) -> Self:
        # The model's text names its features itself.
        line = next(line for line in text.splitlines() if line.startswith("feature_names="))
        names = tuple(line.removeprefix("feature_names=").split())
        return cls(text, names, arrays["scores"], arrays["probabilities"])


def _taken(table: Floats, rows: NDArray[Any]) -> Floats:
    return table if len(rows) == table.shape[1] else table[:, rows]


def _put_behind(raw: NDArray[np.float64], row: NDArray[Any], ahead: NDArray[Any], behind: NDArray[Any]) -> None:
    """Lower the scores `behind`, best first within a row, so that in no row one comes before those `ahead`."""
    least = np.full(int(row[-1]) + 1, np.inf)
    np.minimum.at(least, row[ahead], raw[ahead])
    of = row[behind]
    first = behind[positions(of) == 0]
    drop = np.zeros(len(least))
    drop[row[first]] = np.maximum(raw[first] - least[row[first]] + APART, 0)
    raw[behind] -= drop[of]
