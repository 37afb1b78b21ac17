"""Chooses what each customer's `home` list brings forward, so that items which nobody's first ten show are seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lists import StoredLists
from models.ranking import positions
from models.spread import DEPTH, PLACE, Spread

# Customers whose lists are looked at together: bounds the memory.
BLOCK = 100_000
# What an item must be worth of what it replaces, to the same customer.
LEAST = 0.35


def fit_spread(lists: StoredLists, n_items: int, enough: int, least: float = LEAST) -> Spread:
    """Items that no list shows in its first ten go to the customers to whom they cost least, until `enough` are shown.

    An item replaces the last of ten of one customer at most whose own probability of buying it is at least `least` of
    the replaced item's; the replaced item stays in some other list. Of an item's possible customers, and of a
    customer's possible items, the one with the smallest share lost is taken, round after round until none is left; of
    all these, the cheapest ones move. A shop whose lists show `enough` by themselves moves nothing.
    """
    n_customers = len(lists.indptr) - 1
    shown = np.zeros(n_items, np.int64)
    for rows in _blocks(n_customers):
        at, place, _ = _entries(lists, rows)
        shown += np.bincount(lists.item[at[place <= PLACE]], minlength=n_items)
    wanted = max(enough - int(np.count_nonzero(shown)), 0)
    if not wanted:
        return Spread.nothing()
    parts = [_offers(lists, rows, shown, least) for rows in _blocks(n_customers)]
    customer, item, replaced, loss = (np.concatenate(part) for part in zip(*parts, strict=True))
    # One total order, so that equal losses do not depend on how they were sorted.
    order = np.lexsort((item, customer, loss))
    customer, item, replaced, loss = customer[order], item[order], replaced[order], loss[order]
    chosen = np.full(n_customers, -1, np.int32)
    lost = np.zeros(n_customers)
    while len(item):
        # Of several that would replace the same item, as many as leave it in one list.
        best = np.flatnonzero(_first(customer, n_customers) & _first(item, n_items))
        by_replaced = best[np.argsort(replaced[best], kind="stable")]
        taken = by_replaced[positions(replaced[by_replaced]) < shown[replaced[by_replaced]] - 1]
        chosen[customer[taken]], lost[customer[taken]] = item[taken], loss[taken]
        shown[item[taken]] += 1
        np.subtract.at(shown, replaced[taken], 1)
        left = (chosen[customer] < 0) & (shown[item] == 0) & (shown[replaced] > 1)
        customer, item, replaced, loss = customer[left], item[left], replaced[left], loss[left]
    moving = np.flatnonzero(chosen >= 0)
    # What stays where it was ranked leaves what it would have replaced in one list more.
    chosen[moving[np.lexsort((moving, lost[moving]))][wanted:]] = -1
    return Spread(chosen)


def _blocks(n_customers: int) -> list[tuple[int, int]]:
    """Bounds of blocks of customers; at least one."""
    starts = range(0, max(n_customers, 1), BLOCK)
    return [(start, min(start + BLOCK, n_customers)) for start in starts]


def _entries(lists: StoredLists, rows: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """The entries of these customers' lists, the place of each, and whose it is."""
    start, end = rows
    customer = np.repeat(np.arange(start, end), np.diff(lists.indptr[start : end + 1]))
    return np.arange(int(lists.indptr[start]), int(lists.indptr[end])), positions(customer), customer


def _offers(
    lists: StoredLists, rows: tuple[int, int], shown: NDArray[np.int64], least: float
) -> tuple[NDArray[Any], ...]:
    """Which customer could bring forward which item that nobody shows, what it would replace, and the share
    of its worth that would be lost: whoever buys much counts no more than others."""
    at, place, customer = _entries(lists, rows)
    last = np.zeros(rows[1] - rows[0], np.int64)
    last[customer[place == PLACE] - rows[0]] = at[place == PLACE]
    kept = np.flatnonzero((place > PLACE) & (place < DEPTH) & (shown[lists.item[at]] == 0))
    at, customer = at[kept], customer[kept]
    last = last[customer - rows[0]]
    worth = (lists.score[last] > 0) & (lists.score[at] >= least * lists.score[last]) & (shown[lists.item[last]] > 1)
    at, customer, last = at[worth], customer[worth], last[worth]
    return customer, lists.item[at], lists.item[last], 1 - lists.score[at] / lists.score[last]


def _first(group: NDArray[np.int64] | NDArray[np.int32], n_groups: int) -> NDArray[np.bool_]:
    """Which entries come first of their group."""
    first = np.full(n_groups, len(group))
    np.minimum.at(first, group, np.arange(len(group)))
    is_first: NDArray[np.bool_] = np.equal(first[group], np.arange(len(group)))
    return is_first
