"""Trees summed by numpy: what LightGBM says of the same rows."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BundleError
from models.forest import FEW, ROWS, Forest
from models.trees import trees_of

rng = np.random.default_rng(8)
VALUES = rng.normal(size=(6, 3_000)).astype(np.float32)
# One column in which values are often missing, one of few values, and one in which none is missing when it is learned.
VALUES[1, rng.random(3_000) < 0.3] = np.nan
VALUES[2] = np.rint(VALUES[2])
LABEL = np.nan_to_num(VALUES[1], nan=1.0) + VALUES[2] * VALUES[3] > 0.5


def model(leaves: int, trees: int = 30) -> lightgbm.Booster:
    parameters = {"objective": "regression", "num_leaves": leaves, "min_data_in_leaf": 3, "verbose": -1, "seed": 1}
    dataset = lightgbm.Dataset(VALUES.T.copy(), LABEL.astype(np.float32))
    return lightgbm.train({**parameters, "num_threads": 1}, dataset, trees)


BOOSTERS = {leaves: model(leaves) for leaves in (2, 3, 8, 15, 31, 300)}
FORESTS = {leaves: Forest.of(trees_of(booster.model_to_string())) for leaves, booster in BOOSTERS.items()}


@pytest.mark.parametrize("leaves", BOOSTERS)
def test_the_sums_are_those_of_lightgbm(leaves: int) -> None:
    table = VALUES.copy()
    table[:, ::7] = np.nan
    table[:, ::11] = np.float32(np.inf)
    expected = BOOSTERS[leaves].predict(table.T.copy(), raw_score=True)
    assert FORESTS[leaves].sums(table) == pytest.approx(expected, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, ROWS + FEW), st.sampled_from(sorted(FORESTS)))
def test_a_row_is_summed_alone_as_among_others(n_rows: int, leaves: int) -> None:
    sums = FORESTS[leaves].sums(VALUES)
    assert FORESTS[leaves].sums(VALUES[:, :n_rows]).tolist() == sums[:n_rows].tolist()


def test_a_value_at_the_threshold_goes_left() -> None:
    booster = model(2, 1)
    tree = trees_of(booster.model_to_string())[0]
    values = np.zeros((6, 3), np.float32)
    at = np.float32(tree.threshold[0])
    values[tree.feature[0]] = np.nextafter(at, np.float32(-9)), at, np.nextafter(at, np.float32(9))
    expected = booster.predict(values.T.astype(np.float64), raw_score=True)
    assert Forest.of([tree]).sums(values) == pytest.approx(expected, abs=1e-7)


def test_trees_of_a_single_leaf_add_it_to_every_row() -> None:
    dataset = lightgbm.Dataset(VALUES[:, :50].T.copy(), np.full(50, 2.5, np.float32))
    booster = lightgbm.train({"objective": "regression", "verbose": -1, "num_threads": 1}, dataset, 2)
    forest = Forest.of(trees_of(booster.model_to_string()))
    assert forest.sums(VALUES[:, :3]) == pytest.approx(booster.predict(VALUES[:, :3].T.copy(), raw_score=True))


def test_no_trees_and_no_rows() -> None:
    assert Forest.of([]).sums(VALUES[:, :2]).tolist() == [0.0, 0.0]
    assert FORESTS[15].sums(VALUES[:, :0]).tolist() == []


def test_a_text_that_is_no_model_is_refused() -> None:
    text = BOOSTERS[3].model_to_string()
    shorn = text.replace("\nthreshold=", "\n", 1)
    for damaged in ("", "tree\nversion=v4\n", text.replace("leaf_value=", "leaf_value=x"), shorn):
        with pytest.raises(BundleError, match="train again, or roll back"):
            trees_of(damaged)


def test_trees_that_ask_for_categories_are_refused() -> None:
    table = np.column_stack([rng.integers(0, 9, 500), rng.random(500)])
    dataset = lightgbm.Dataset(table, table[:, 0] % 2, categorical_feature=[0])
    booster = lightgbm.train({"objective": "regression", "verbose": -1, "num_threads": 1}, dataset, 2)
    with pytest.raises(BundleError, match="categories"):
        trees_of(booster.model_to_string())
