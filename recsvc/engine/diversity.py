"""Lists that do not say the same thing ten times: caps by category, and maximal marginal relevance (MMR)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.ranking import positions

# MMR chooses a list from so many times its length of the best.
POOL = 3
DEEPEST_LEVEL = 10


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """`max_per_category` items of one category in a list; `mmr`, 0 to 1: how much an item loses for resembling those
    before it, against 1 − `mmr` for its score. Both go by the first `category_level` parts of a category's path, or by
    the whole of it."""

    max_per_category: int | None = None
    mmr: float | None = None
    category_level: int | None = None


class Paths:
    """The category paths of a catalogue, cut off at levels; made when a query first asks for diversity."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._levels: NDArray[np.int32] | None = None

    @property
    def levels(self) -> NDArray[np.int32]:
        """A number for the first k + 1 parts of each category's path, shape (n_categories + 1, deepest level); −1 where
        the path is shorter; the last row stands for no category."""
        if self._levels is None:
            paths = [
                [part.strip().casefold() for part in path.split(">")][:DEEPEST_LEVEL]
                for path in self._catalogue.categories
            ]
            numbers: dict[tuple[str, ...], int] = {}
            levels = np.full((len(paths) + 1, max(map(len, paths), default=1)), -1, np.int32)
            for at, path in enumerate(paths):
                for depth in range(len(path)):
                    levels[at, depth] = numbers.setdefault(tuple(path[: depth + 1]), len(numbers))
            self._levels = levels
        return self._levels

    def of(self, item: NDArray[Any], level: int | None) -> NDArray[np.int32]:
        """The items' paths down to `level`, shape (len(item), levels)."""
        return self.levels[self._catalogue.category[item], :level]

    def category(self, item: NDArray[Any], level: int | None) -> NDArray[np.int64]:
        """A number for each item's category, cut off at `level`; items without one share none: −1 − item."""
        paths = self.of(item, level)
        deepest = (paths >= 0).sum(axis=1) - 1
        number = paths[np.arange(len(item)), np.maximum(deepest, 0)].astype(np.int64)
        return np.where(deepest >= 0, number, -1 - item.astype(np.int64))


def within_cap(row: NDArray[Any], category: NDArray[Any], cap: NDArray[Any]) -> NDArray[np.bool_]:
    """Which entries come before their row's list has `cap` (one an entry) of their category; `row` ascending, each row
    best first."""
    by_category = np.lexsort((np.arange(len(row)), category, row))
    changed = (np.diff(row[by_category]) != 0) | (np.diff(category[by_category]) != 0)
    run = np.concatenate([[0], np.cumsum(changed)]) if len(row) else np.zeros(0, np.int64)
    place = np.empty(len(row), np.int64)
    place[by_category] = positions(run)
    few: NDArray[np.bool_] = place < cap
    return few


def mmr_order(score: NDArray[Any], paths: NDArray[np.int32], strength: float, n: int) -> NDArray[np.int64]:
    """The order in which MMR (Carbonell and Goldstein, 1998) takes the first `n` of a ranked list; the others follow as
    they were.

    Two items resemble each other by the share of their paths that is the same, 0 to 1.
    """
    size = len(score)
    relevance = (1 - strength) * score / max(float(score[0]), 1e-12)
    depth = np.maximum((paths >= 0).sum(axis=1), 1)
    nearest = np.zeros(size)
    left = np.ones(size, np.bool_)
    taken = []
    for _ in range(min(n, size)):
        value = np.where(left, relevance - strength * nearest, -np.inf)
        best = int(np.argmax(value))  # of equals the one that was ranked first
        taken.append(best)
        left[best] = False
        shared = ((paths == paths[best]) & (paths >= 0)).sum(axis=1)
        nearest = np.maximum(nearest, shared / np.maximum(depth, depth[best]))
    return np.concatenate([np.array(taken, np.int64), np.flatnonzero(left)])
