"""The table of alternatives: alike in content and in what they are bought with, and not bought together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.carts.similar import Similar, SimilarSettings
from models.ranking import Scored, keys, positions, rank
from models.sources.item_table import ItemTable
from models.sparse import Rows, look_up, row_numbers, stored_where, unit_rows
from models.tops import top_of_rows
from training.fit.carts.alike import LEAST, SAME_CATEGORY, Alike, Shelf
from training.fit.cooccurrence import Related

# How much being bought with the same things adds; links that count for it, and the orders that both items need.
CONTEXT, CONTEXT_LINKS, CONTEXT_ORDERS = 1.0, 50, 5
# Factors of e by which an alternative falls for each factor of e beyond habit that orders hold both.
COMPANION = 1.5
# Items without orders that one sold item takes into its list before others are asked to.
ROOM = 20
PAIRS = 200_000
BLOCK = 4_096
# Above every weight: what is taken in stays in.
CERTAIN = np.float32(1e3)


def fit_similar(
    alike: Alike,
    shelf: Shelf,
    links: "Rows[Any]",
    held: NDArray[np.int64],
    beyond: "Rows[Any]",
    settings: SimilarSettings,
) -> Similar:
    """likeness × (base + context) × closeness of prices × exp(−1.5 × what orders hold both beyond habit).

    Every item without orders is in the list of a sold one of its category, if there is one.
    """
    n_items = len(held)
    company = unit_rows(top_of_rows(links, CONTEXT_LINKS))
    taken, home = _homes(alike.homes, shelf)
    near = np.maximum(look_up(alike.homes, taken, home) - SAME_CATEGORY, LEAST / 2)
    worth = near * shelf.worth(home, taken)
    by_home = np.argsort(home, kind="stable")
    taken, home, worth = taken[by_home], home[by_home], worth[by_home]
    related = Related(n_items)
    for start in range(0, n_items, BLOCK):
        natural = _natural(alike.considered[start : start + BLOCK], start, shelf, company, held, beyond)
        inside = slice(*np.searchsorted(home, [start, start + BLOCK]))
        certain = home[inside] - start, taken[inside], worth[inside]
        related.add(start, _best(natural, certain, settings.alternatives))
    return Similar(ItemTable.of(related.matrix()))


def _natural(
    considered: "Rows[Any]",
    start: int,
    shelf: Shelf,
    company: "Rows[Any]",
    held: NDArray[np.int64],
    beyond: "Rows[Any]",
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """(row, item, weight) of a block of rows from `start`, rows ascending."""
    row, other = row_numbers(considered), considered.indices
    context = _context(company, held, row + start, other)
    together = look_up(beyond[start : start + considered.shape[0]], row, other)
    apart = np.exp(-COMPANION * np.maximum(together, 0))
    weight = considered.data * (1 + CONTEXT * context / shelf.base[other]) * apart
    return row, other, np.maximum(weight, 1e-9).astype(np.float32)


def _best(
    natural: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    certain: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    limit: int,
) -> Scored:
    """The best of each row, those that are certain first; a pair that is both keeps its natural weight."""
    row, item, weight = (np.concatenate(columns) for columns in zip(natural, certain, strict=True))
    sure = np.arange(len(row)) >= len(natural[0])
    key = keys(row, item)
    by_key = np.lexsort((sure, key))
    by_key = by_key[positions(key[by_key]) == 0]
    row, item, weight, key = row[by_key], item[by_key], weight[by_key], key[by_key]
    score = weight + CERTAIN * np.isin(key, keys(*certain[:2]))
    best = rank(BLOCK, row, item, score, limit)
    return best.with_scores(weight[np.searchsorted(key, keys(best.row, best.item))])


def _context(
    company: "Rows[Any]", held: NDArray[np.int64], item: NDArray[Any], other: NDArray[Any]
) -> NDArray[np.float32]:
    """Cosine of what the two are bought with, 0 where one of them has too few orders to tell."""
    cosine = np.zeros(len(item), np.float32)
    enough = np.flatnonzero((held[item] >= CONTEXT_ORDERS) & (held[other] >= CONTEXT_ORDERS))
    for start in range(0, len(enough), PAIRS):
        at = enough[start : start + PAIRS]
        cosine[at] = company[item[at]].multiply(company[other[at]]).sum(axis=1)
    return cosine


def _homes(homes: "Rows[Any]", shelf: Shelf) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(item without orders, sold item of its category) pairs, one for each that has one, spread over the sold ones."""
    same = shelf.same_category(row_numbers(homes), homes.indices)
    # A list is only seen on the page of an item that is shown.
    wishes = stored_where(homes, same & shelf.shown[homes.indices])
    row, place, wanted = row_numbers(wishes), np.zeros(0, np.int64), wishes.indices
    by_wish = np.lexsort((wanted, -wishes.data, row))
    row, wanted = row[by_wish], wanted[by_wish].astype(np.int64)
    place = positions(row)
    room = np.full(homes.shape[0], ROOM)
    given = np.full(homes.shape[0], -1, np.int64)
    for wish in range(int(place.max(initial=-1)) + 1):
        asking = (place == wish) & (given[row] < 0)
        cold, home = row[asking], wanted[asking]
        by_home = np.lexsort((cold, home))
        cold, home = cold[by_home], home[by_home]
        fits = positions(home) < room[home]
        given[cold[fits]] = home[fits]
        room -= np.bincount(home[fits], minlength=len(room))
    _share_out(given, shelf)
    taken = np.flatnonzero(given >= 0)
    return taken, given[taken]


def _share_out(given: NDArray[np.int64], shelf: Shelf) -> None:
    """Those still without a home go to the sold items of their category in turn."""
    left = np.flatnonzero(shelf.cold & (given < 0) & (shelf.category >= 0))
    hosts = np.flatnonzero(shelf.sold & shelf.shown & (shelf.category >= 0))
    hosts = hosts[np.lexsort((hosts, -shelf.base[hosts], shelf.category[hosts]))]
    left = left[np.lexsort((left, shelf.category[left]))]
    n_categories = int(shelf.category.max(initial=-1)) + 1
    count = np.bincount(shelf.category[hosts], minlength=n_categories)
    first = np.concatenate([[0], np.cumsum(count)])
    category = shelf.category[left]
    has_host = count[category] > 0
    left, category = left[has_host], category[has_host]
    given[left] = hosts[first[category] + positions(category) % count[category]]
