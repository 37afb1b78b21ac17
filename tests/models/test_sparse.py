"""Rows of sparse matrices, checked against dense ones."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.sparse import (
    Places,
    look_up,
    product,
    row_maxima,
    row_sums,
    rows_of,
    segment_maxima,
    stored_where,
    unit_rows,
    with_values,
)
from models.tops import top_of_rows

values = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, -1.0])
dense = st.lists(st.lists(values, min_size=5, max_size=5), min_size=1, max_size=6)


def sparse(table: list[list[float]]) -> "sp.csr_array":
    """Zeros are left out."""
    return sp.csr_array(np.array(table, np.float32))


@given(dense, st.integers(0, 6))
def test_top_of_rows_keeps_the_greatest_and_of_equals_the_first(table: list[list[float]], limit: int) -> None:
    found = top_of_rows(sparse(table), limit).toarray().tolist()
    expected = []
    for row in table:
        best = sorted((-value, column) for column, value in enumerate(row) if value)[:limit]
        expected.append([row[column] if (-row[column], column) in best else 0.0 for column in range(5)])
    assert found == expected


@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(0, 70))
def test_of_one_row_as_of_many(seed: int, stored: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    column, value = rng.permutation(500)[:stored], rng.integers(1, 20, stored) / 4
    one = rows_of(1, 500, np.zeros(stored, int), column, value)
    two = rows_of(2, 500, np.zeros(stored, int), column, value)
    some = value > 2
    table = sp.csr_array(sp.random_array((500, 300), density=0.05, dtype=np.float32, rng=rng))
    places = np.sort(rng.permutation(500)[:50])
    alone, among = (Places((n_rows, 500), np.zeros(50, int), places) for n_rows in (1, 2))
    for mine, theirs in (
        (top_of_rows(one, limit), top_of_rows(two, limit)),
        (stored_where(one, some), stored_where(two, some)),
        (product(one, table), product(two, table)),
        (product(one, table), one @ table),
    ):
        assert mine.indices.tolist() == theirs.indices.tolist()
        assert mine.data.tolist() == theirs.data.tolist()
        assert mine.indptr[:2].tolist() == theirs.indptr[:2].tolist()
    assert alone.take(one).tolist() == among.take(two).tolist()
    assert alone.hold(one).tolist() == among.hold(two).tolist()
    assert row_maxima(one).tolist() == row_maxima(two)[:1].tolist()


@given(dense)
def test_sums_maxima_and_lengths(table: list[list[float]]) -> None:
    matrix = sparse(table)
    assert row_sums(matrix).tolist() == [sum(row) for row in table]
    assert row_maxima(matrix).tolist() == [max(0.0, *row) for row in table]
    length = np.linalg.norm(unit_rows(matrix).toarray(), axis=1)
    assert length == pytest.approx([1.0 if any(row) else 0.0 for row in table], abs=1e-6)


@given(dense)
def test_look_up_gives_what_a_dense_table_gives(table: list[list[float]]) -> None:
    row, column = np.indices((len(table), 5)).reshape(2, -1)
    assert look_up(sparse(table), row, column).tolist() == [value for line in table for value in line]


def test_rows_of_and_with_values() -> None:
    matrix = rows_of(3, 4, np.array([0, 2, 2]), np.array([1, 3, 0]), np.array([1.0, 2.0, 3.0]))
    assert matrix.toarray().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 2]]
    assert with_values(matrix, np.array([5, 6, 7])).toarray().tolist() == [[0, 5, 0, 0], [0, 0, 0, 0], [7, 0, 0, 6]]
    assert matrix.data.tolist() == [1, 2, 3]


def test_nothing_at_all() -> None:
    empty = rows_of(2, 3, np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    assert look_up(empty, np.array([1]), np.array([2])).tolist() == [0.0]
    assert top_of_rows(empty, 2).nnz == 0
    assert segment_maxima(np.zeros(0, int), np.zeros(0), 2).tolist() == [0.0, 0.0]


def test_top_none_of_a_long_row() -> None:
    assert top_of_rows(sparse([[1.0, 2.0, 0.5, 3.0, 1.5] * 20]), 0).nnz == 0
