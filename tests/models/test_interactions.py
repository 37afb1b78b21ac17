"""Histories as rows."""

import numpy as np

from models.interactions import Interactions, Pairs, ragged_arange


def history() -> Interactions:
    """Row 0 bought item 3 twice and item 1 once; row 1 nothing; row 2 item 3 once."""
    row, item = np.array([2, 0, 0, 0]), np.array([3, 3, 1, 3])
    return Interactions.of(3, row, item, np.array([20, 12, 11, 10]), np.ones(4), np.array([4, 3, 2, 1]))


def test_entries_are_sorted_by_item_and_day() -> None:
    assert history().indptr.tolist() == [0, 3, 3, 4]
    assert history().item.tolist() == [1, 3, 3, 3]
    assert history().day.tolist() == [11, 10, 12, 20]


def test_sorted_entries_become_the_same_rows_by_counting() -> None:
    rng = np.random.default_rng(1)
    row, item, day, order = (rng.integers(0, n, 400) for n in (30, 12, 9, 200))
    by_day = np.lexsort((order, day, row))
    columns = [column[by_day] for column in (row, item, day, rng.random(400), order)]
    quick, plain = Interactions.of_sorted(31, 12, *columns), Interactions.of(31, *columns)
    for name, array in plain.arrays().items():
        np.testing.assert_array_equal(quick.arrays()[name], array)
        assert quick.arrays()[name].dtype == array.dtype


def test_rows_picks_histories_in_the_order_asked_and_nothing_for_a_stranger() -> None:
    picked = history().rows(np.array([2, -1, 0]))
    assert picked.indptr.tolist() == [0, 1, 1, 4]
    assert picked.day.tolist() == [20, 11, 10, 12]


def test_rows_of_a_shop_without_customers() -> None:
    assert Interactions.empty(0).rows(np.array([-1, -1])).indptr.tolist() == [0, 0, 0]


def test_pairs_join_the_entries_of_an_item() -> None:
    pairs = Pairs.of(history())
    assert pairs.row.tolist() == [0, 0, 2]
    assert pairs.item.tolist() == [1, 3, 3]
    assert pairs.orders.tolist() == [1, 2, 1]
    assert pairs.first_day.tolist() == [11, 10, 20]
    assert pairs.last_day.tolist() == [11, 12, 20]
    assert pairs.sums(pairs.history.day).tolist() == [11, 22, 20]


def test_pairs_of_nothing() -> None:
    pairs = Pairs.of(Interactions.empty(2))
    assert len(pairs) == 0
    assert pairs.indptr.tolist() == [0, 0, 0]
    assert pairs.sums(np.zeros(0)).tolist() == []


def test_ragged_arange() -> None:
    assert ragged_arange(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert ragged_arange(np.zeros(0, int), np.zeros(0, int)).tolist() == []
