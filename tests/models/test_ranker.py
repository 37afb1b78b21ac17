"""The trees: of long rows only a short list sees all of them."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from models.features import Columns, matrix
from models.ranker import SHORT, Ranker

NAMES = ("liked", "noise")


def fitted(columns: Columns, names: tuple[str, ...], target: NDArray[np.generic], objective: str, trees: int) -> str:
    table = matrix(columns, names, np.arange(len(target)))
    parameters = {"objective": objective, "num_leaves": 15, "verbose": -1, "seed": 1, "num_threads": 1}
    return lightgbm.train(
        parameters, lightgbm.Dataset(table, target, feature_name=list(names)), trees
    ).model_to_string()


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    """All features count for its trees; one of them is known early."""
    rng = np.random.default_rng(3)
    columns = some(rng, 4_000)
    bought = (rng.random(4_000) < columns["liked"] ** 3).astype(np.int8)
    whole = Ranker(fitted(columns, NAMES, bought, "binary", 120), NAMES, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    score = whole.predict(columns, np.arange(4_000))
    return replace(whole, foresight=fitted(columns, NAMES[:1], np.log(score / (1 - score)), "regression", 8))


def some(rng: np.random.Generator, n: int) -> Columns:
    return {name: rng.random(n).astype(np.float32) for name in NAMES}


def scores(ranker: Ranker, columns: Columns, row: NDArray[np.int64]) -> NDArray[np.float64]:
    """By way of the short list, the other features being computed for that alone."""
    draft = ranker.draft({"liked": columns["liked"]}, np.arange(len(row)), row)
    known = {name: column[draft.short_list] for name, column in columns.items()}
    return ranker.score(draft, known, np.arange(len(draft.short_list)))


def test_a_short_row_is_scored_by_all_trees(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(4), SHORT)
    row = np.zeros(SHORT, np.int64)
    assert scores(ranker, columns, row).tolist() == ranker.predict(columns, np.arange(SHORT)).tolist()


def test_without_foresight_all_trees_see_every_candidate(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(4), 3 * SHORT)
    row = np.zeros(3 * SHORT, np.int64)
    whole = ranker.predict(columns, np.arange(3 * SHORT))
    assert scores(replace(ranker, foresight=""), columns, row).tolist() == whole.tolist()


def test_the_head_of_a_long_row_is_scored_by_all_trees_and_comes_before_the_rest(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(5), 10 * SHORT)
    row = np.repeat([0, 2], [4 * SHORT, 6 * SHORT])
    score, whole = scores(ranker, columns, row), ranker.predict(columns, np.arange(len(row)))
    for one in (0, 2):
        mine = score[row == one]
        best = np.argsort(-mine, kind="stable")
        assert mine[best[:SHORT]].tolist() == whole[row == one][best[:SHORT]].tolist()
        assert mine[best[SHORT:]].max() < mine[best[SHORT - 1]]
        first = np.argsort(-whole[row == one], kind="stable")[:20]
        assert len(set(first.tolist()) - set(best[:SHORT].tolist())) <= 1


def test_a_row_is_scored_alone_as_among_others(ranker: Ranker) -> None:
    columns = some(np.random.default_rng(6), 6 * SHORT)
    among = scores(ranker, columns, np.repeat([0, 1], 3 * SHORT))
    own = {name: column[3 * SHORT :] for name, column in columns.items()}
    assert scores(ranker, own, np.zeros(3 * SHORT, np.int64)).tolist() == among[3 * SHORT :].tolist()


def test_nothing_to_score(ranker: Ranker) -> None:
    assert len(scores(ranker, some(np.random.default_rng(7), 0), np.zeros(0, np.int64))) == 0
