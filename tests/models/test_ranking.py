"""A total order, whatever the input's order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking import Scored, contains, keys, positions, rank

scores = st.floats(allow_nan=False, width=32)
triples = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300), scores), unique_by=lambda t: t[:2])


@given(triples, st.one_of(st.none(), st.integers(1, 4)))
def test_rank_agrees_with_sorting_by_row_score_and_item(loose: list[tuple[int, int, float]], limit: int | None) -> None:
    row, item, score = (np.array([entry[column] for entry in loose]) for column in range(3))
    ranked = rank(6, row.astype(np.int64), item.astype(np.int32), score.astype(np.float32), limit)
    expected = []
    for wanted in range(6):
        mine = sorted((-s, i) for r, i, s in loose if r == wanted)
        expected += [(wanted, i, -s) for s, i in mine[:limit]]
    assert list(zip(ranked.row.tolist(), ranked.item.tolist(), ranked.score.tolist(), strict=True)) == expected


def test_equal_scores_go_by_item() -> None:
    ranked = rank(1, np.zeros(3, np.int64), np.array([7, 2, 5]), np.array([0.5, 0.5, 0.5]))
    assert ranked.item.tolist() == [2, 5, 7]


def test_blocks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="smaller blocks"):
        rank(4096, np.array([4095]), np.array([2**21]), np.array([1.0]))


def test_indptr_counts_empty_rows() -> None:
    lists = Scored(4, np.array([1, 1, 3]), np.array([5, 6, 7], np.int32), np.ones(3, np.float32))
    assert lists.indptr.tolist() == [0, 0, 2, 2, 3]


def test_positions_start_anew_in_each_row() -> None:
    assert positions(np.array([0, 0, 2, 2, 2, 5])).tolist() == [0, 1, 0, 1, 2, 0]


def test_contains_finds_pairs() -> None:
    owned = keys(np.array([0, 1]), np.array([9, 4]))
    assert contains(owned, keys(np.array([0, 0, 1]), np.array([4, 9, 4]))).tolist() == [False, True, True]
    assert contains(owned[:0], owned).tolist() == [False, False]
