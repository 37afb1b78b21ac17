"""Metrics against values worked out by hand, and against a plain loop over customers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking import Scored, keys
from training.evaluate.metrics import (
    METRICS,
    Truth,
    accuracy,
    completion,
    coverage,
    hide_one,
    hits,
    novelty,
    pair_recall,
    repeat_share,
)

Lists = list[list[int]]


def ranked(lists: Lists) -> Scored:
    row = [number for number, items in enumerate(lists) for _ in items]
    item = [one for items in lists for one in items]
    score = [-float(place) for items in lists for place in range(len(items))]
    return Scored(len(lists), np.array(row, np.int64), np.array(item, np.int32), np.array(score, np.float32))


def truth_of(bought: list[set[int]]) -> Truth:
    pairs = [(row, item) for row, items in enumerate(bought) for item in items]
    row, item = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    return Truth.of(len(bought), row, item)


def test_the_values_of_one_list() -> None:
    # The second of three listed items is a hit; another purchase is not on the list.
    values = accuracy(ranked([[7, 8, 9]]), truth_of([{8, 5}]), 3)
    assert values["recall"][0] == 1 / 2
    assert values["precision"][0] == 1 / 3
    assert values["hit"][0] == 1
    assert values["ndcg"][0] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert values["map"][0] == pytest.approx((1 / 2) / 2)


def test_a_perfect_list_shorter_than_k_is_perfect_but_for_precision() -> None:
    values = accuracy(ranked([[1, 2]]), truth_of([{1, 2}]), 10)
    assert {name: values[name][0] for name in METRICS} == {
        "ndcg": pytest.approx(1),
        "recall": 1,
        "precision": 2 / 10,
        "hit": 1,
        "map": 1,
    }


def test_the_ideal_list_is_cut_at_k() -> None:
    # Five purchases, two places: both hits make ndcg and MAP 1, recall 2 of 5.
    values = accuracy(ranked([[1, 2, 9]]), truth_of([{1, 2, 3, 4, 5}]), 2)
    assert values["ndcg"][0] == pytest.approx(1)
    assert values["map"][0] == 1
    assert values["recall"][0] == 2 / 5


def test_a_row_without_a_list_scores_0_and_one_without_truth_does_not_count() -> None:
    values = accuracy(ranked([[], [1]]), truth_of([{1}, set()]), 5)
    for name in METRICS:
        assert values[name][0] == 0
        assert math.isnan(values[name][1])


def test_hits_stand_at_their_places() -> None:
    found = hits(ranked([[1, 2, 3], [3]]), truth_of([{2, 3}, {3}]), 2)
    assert found.tolist() == [[False, True], [True, False]]


def by_loop(items: list[int], bought: set[int], k: int) -> dict[str, float]:
    top = items[:k]
    hit = [item in bought for item in top]
    discount = [1 / math.log2(place + 2) for place in range(k)]
    reachable = min(k, len(bought))
    precisions = [sum(hit[: place + 1]) / (place + 1) for place in range(len(top)) if hit[place]]
    return {
        "ndcg": sum(d for d, h in zip(discount, hit, strict=False) if h) / sum(discount[:reachable]),
        "recall": sum(hit) / len(bought),
        "precision": sum(hit) / k,
        "hit": float(any(hit)),
        "map": sum(precisions) / reachable,
    }


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 12), max_size=8, unique=True), st.sets(st.integers(0, 12), min_size=1)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 9),
)
def test_many_rows_at_once_are_as_one_by_one(rows: list[tuple[list[int], set[int]]], k: int) -> None:
    values = accuracy(ranked([items for items, _ in rows]), truth_of([bought for _, bought in rows]), k)
    for number, (items, bought) in enumerate(rows):
        expected = by_loop(items, bought, k)
        for name in METRICS:
            assert values[name][number] == pytest.approx(expected[name])
            assert 0 <= values[name][number] <= 1 + 1e-12


@given(st.sets(st.integers(0, 9), min_size=1), st.permutations(range(10)))
def test_moving_a_hit_up_never_lowers_ndcg(bought: set[int], items: list[int]) -> None:
    best_first = sorted(items, key=lambda item: item not in bought)
    for k in (1, 3, 10):
        before, after = (accuracy(ranked([order]), truth_of([bought]), k)["ndcg"][0] for order in (items, best_first))
        assert after >= before
        assert after == pytest.approx(1)


def test_list_level_values() -> None:
    lists = ranked([[0, 1, 2], [0, 3]])
    assert coverage(lists, 2, 10) == 3 / 10
    share = np.array([0.5, 0.25, 0.125, 0.0625])
    assert novelty(lists, 1, share) == 1
    assert novelty(lists, 2, share) == pytest.approx((1 + 2 + 1 + 4) / 4)
    owned = np.sort(keys(np.array([0, 1]), np.array([0, 3])))
    assert repeat_share(lists, 1, owned) == 1 / 2
    assert repeat_share(lists, 5, owned) == 2 / 5
    assert math.isnan(novelty(ranked([[]]), 1, share))
    assert math.isnan(repeat_share(ranked([[]]), 1, owned))


def test_pair_recall_counts_purchases_not_customers() -> None:
    # The first customer bought four items, of which two are listed; the second one, which is listed.
    assert pair_recall(ranked([[1, 2], [9]]), truth_of([{1, 2, 3, 4}, {9}]), 10) == 3 / 5
    assert math.isnan(pair_recall(ranked([[1]]), truth_of([set()]), 10))


def test_completion_of_baskets() -> None:
    lists = ranked([[4, 5], list(range(20, 40)), [1]])
    values = completion(lists, np.array([5, 31, 2]))
    assert values["hit@10"].tolist() == [1, 0, 0]
    assert values["mrr@20"] == pytest.approx([1 / 2, 1 / 12, 0])


def test_hiding_takes_one_item_of_each_basket_that_is_large_enough() -> None:
    order = np.array([3, 3, 3, 8, 8, 5, 5, 5, 5])
    item = np.array([1, 2, 3, 1, 2, 4, 5, 6, 6])
    hidden = hide_one(order, item, rng=np.random.default_rng(1))
    assert hidden.order.tolist() == [3, 5]
    assert hidden.cart_row.tolist() == [0, 0, 1, 1]
    for row, basket in enumerate([{1, 2, 3}, {4, 5, 6}]):
        left = set(hidden.cart_item[hidden.cart_row == row].tolist())
        assert left | {int(hidden.item[row])} == basket


def test_hiding_is_repeatable_and_limited() -> None:
    order, item = np.repeat(np.arange(50), 4), np.tile(np.arange(4), 50)
    first, second = (hide_one(order, item, rng=np.random.default_rng(7), limit=20) for _ in range(2))
    assert len(first.item) == 20
    assert np.array_equal(first.item, second.item)
    assert np.array_equal(first.order, second.order)
    assert len(set(first.item.tolist())) == 4
