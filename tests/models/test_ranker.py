"""The trees: of long rows only the best by the first trees see all of them."""

import lightgbm
import numpy as np
import pytest

from models.features import Columns, matrix
from models.ranker import ROUNDS, Ranker

NAMES = ("liked", "noise")
MANY, SURE = ROUNDS[0][1], ROUNDS[-1][1]


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    rng = np.random.default_rng(3)
    columns = some(rng, 4_000)
    bought = rng.random(4_000) < columns["liked"] ** 3
    table = matrix(columns, NAMES, np.arange(4_000))
    dataset = lightgbm.Dataset(table, bought.astype(np.int8), feature_name=list(NAMES))
    parameters = {"objective": "binary", "num_leaves": 15, "verbose": -1, "seed": 1, "num_threads": 1}
    text = lightgbm.train(parameters, dataset, 120).model_to_string()
    return Ranker(text, NAMES, np.array([0.0, 1.0]), np.array([0.0, 1.0]))


def some(rng: np.random.Generator, n: int) -> Columns:
    return {name: rng.random(n).astype(np.float32) for name in NAMES}


def test_a_short_row_is_scored_by_all_trees(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(4), SURE)
    every = np.arange(SURE)
    assert ranker.best(columns, every, np.zeros(SURE, int)) == pytest.approx(ranker.predict(columns, every))


def test_the_head_of_a_long_row_is_scored_by_all_trees_and_comes_before_the_rest(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(5), 5 * MANY)
    row = np.repeat([0, 2], [2 * MANY, 3 * MANY])
    every = np.arange(len(row))
    score, whole = ranker.best(columns, every, row), ranker.predict(columns, every)
    for one in (0, 2):
        mine = score[row == one]
        best = np.argsort(-mine, kind="stable")
        assert mine[best[:SURE]] == pytest.approx(whole[row == one][best[:SURE]])
        assert mine[best[SURE:]].max() < mine[best[SURE - 1]]
        assert mine[best[MANY:]].max() < mine[best[MANY - 1]]
        first = np.argsort(-whole[row == one], kind="stable")[:40]
        assert len(set(first.tolist()) - set(best[:SURE].tolist())) <= 1


def test_a_row_is_scored_alone_as_among_others(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(6), 4 * MANY)
    row = np.repeat([0, 1], 2 * MANY)
    among = ranker.best(columns, np.arange(4 * MANY), row)
    own = np.arange(2 * MANY, 4 * MANY)
    assert ranker.best(columns, own, np.zeros(2 * MANY, int)).tolist() == among[own].tolist()


def test_nothing_to_score(ranker: Ranker) -> None:
    nothing = np.zeros(0, int)
    assert len(ranker.best(some(np.random.default_rng(7), 3), nothing, nothing)) == 0
