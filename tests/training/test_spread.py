"""Rare items find one customer each, and those to whom they cost least."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from models.lists import StoredLists
from models.spread import PLACE, Spread
from training.fit.spread import fit_spread

COMMON = list(range(PLACE + 1))  # what everybody's first ten show
N_ITEMS = 20


def lists_of(tails: Sequence[dict[int, float]], last: Sequence[float]) -> StoredLists:
    """Each list shows COMMON, whose last is worth `last`, and then the items of its tail with their scores."""
    item = [np.array([*COMMON, *tail], np.int32) for tail in tails]
    score = [[*np.linspace(0.9, least, len(COMMON)), *tail.values()] for tail, least in zip(tails, last, strict=True)]
    return stored(item, [np.array(values, np.float32) for values in score])


def stored(item: list[NDArray[np.int32]], score: list[NDArray[np.float32]]) -> StoredLists:
    indptr = np.cumsum([0, *map(len, item)])
    return StoredLists(indptr, np.concatenate(item), np.concatenate(score), np.zeros(int(indptr[-1]), np.uint8))


def test_each_goes_to_whom_it_costs_least() -> None:
    lists = lists_of([{12: 0.40, 13: 0.39}, {12: 0.45, 14: 0.10}, {}], [0.5, 0.5, 0.5])
    # 12 costs the second customer least; the first takes 13; 14 is too far below what it would replace.
    assert fit_spread(lists, N_ITEMS, N_ITEMS, 0.6).item.tolist() == [13, 12, -1]


def test_a_customer_makes_room_once() -> None:
    lists = lists_of([{12: 0.45, 13: 0.44}, {}], [0.5, 0.5])
    assert fit_spread(lists, N_ITEMS, N_ITEMS, 0.6).item.tolist() == [12, -1]


def test_what_is_replaced_stays_in_some_list() -> None:
    lists = lists_of([{12: 0.45}, {13: 0.45}, {14: 0.3}], [0.5, 0.5, 0.5])
    # All three would replace the same item: only two may, the cheapest ones.
    assert fit_spread(lists, N_ITEMS, N_ITEMS, 0.0).item.tolist() == [12, 13, -1]


def test_only_as_many_move_as_are_wanted_the_cheapest_ones() -> None:
    lists = lists_of([{12: 0.40}, {13: 0.45}, {14: 0.48}, {}], [0.5] * 4)
    n_shown = len(COMMON)
    assert fit_spread(lists, N_ITEMS, n_shown + 2).item.tolist() == [-1, 13, 14, -1]
    assert fit_spread(lists, N_ITEMS, n_shown + 1).item.tolist() == [-1, -1, 14, -1]
    assert fit_spread(lists, N_ITEMS, n_shown).is_empty
    assert fit_spread(lists, N_ITEMS, 0).is_empty


def test_a_short_list_and_nobody_are_no_error() -> None:
    short = stored([np.arange(2, dtype=np.int32)], [np.ones(2, np.float32)])
    assert fit_spread(short, N_ITEMS, N_ITEMS).is_empty
    assert fit_spread(stored([np.zeros(0, np.int32)], [np.zeros(0, np.float32)]), N_ITEMS, N_ITEMS).is_empty


@pytest.mark.parametrize("limit", [None, 12, 10, 5])
def test_the_item_comes_forward_and_a_shorter_list_begins_alike(limit: int | None) -> None:
    lists = lists_of([{12: 0.45, 13: 0.44, 14: 0.43}, {12: 0.45}], [0.5, 0.5])
    customers = np.array([0, -1])
    ranked = lists.rows(np.array([0, 1]), np.array([0, 1]), 2)
    found = Spread(np.array([13, 12], np.int32)).applied(ranked, customers, limit)
    whole = [*COMMON[:-1], 13, COMMON[-1], 12, 14]
    assert found.scored.item[found.scored.row == 0].tolist() == whole[:limit]
    # Nobody known: nothing moves.
    assert found.scored.item[found.scored.row == 1].tolist() == [*COMMON, 12][:limit]
    moved = found.scored.score[(found.scored.row == 0) & (found.scored.item == 13)]
    assert moved.tolist() == ([pytest.approx(0.44)] if limit is None or limit >= 10 else [])
