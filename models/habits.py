"""What a block of customers is in the habit of: their purchases by item, at several memories, and their rhythm."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions, Pairs
from models.ranking import distinct, keys, positions
from models.sparse import Rows, rows_of

# Half-lives of the decayed counts, in horizons (the days ahead that lists look).
MEMORIES = (0.25, 0.5, 2.0, 8.0)
BRIEF, SHORT, LONG, LASTING = range(4)
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Habits:
    """Histories of a block as seen on `today`, with lists that look `horizon` days ahead.

    Per pair (row, item), sorted by row, then item: the arrays of `pairs`. Per row: `orders`, `since`, `gap`, `lines`.
    """

    history: Interactions
    n_items: int
    today: int
    horizon: int

    @cached_property
    def pairs(self) -> Pairs:
        return Pairs.of(self.history)

    @property
    def n_rows(self) -> int:
        return len(self.history)

    @cached_property
    def pair_keys(self) -> NDArray[np.int64]:
        """One ascending integer a pair."""
        return keys(self.pairs.row, self.pairs.item)

    def decayed(self, half_life: float) -> Floats:
        """Purchases of each pair, halved for every `half_life` days of age."""
        age = (self.today - self.history.day).astype(np.float32)
        left = np.exp2(-age / np.float32(half_life))
        if self.history.weight is not None:
            left = left * self.history.weight
        sums: Floats = self.pairs.sums(left).astype(np.float32)
        return sums

    @cached_property
    def counts(self) -> tuple[Floats, ...]:
        """Decayed purchases of each pair, one array for each of MEMORIES."""
        return tuple(self.decayed(memory * self.horizon) for memory in MEMORIES)

    def count(self, memory: int) -> Floats:
        """One of `counts`, for who needs no other."""
        if "counts" in self.__dict__:
            return self.counts[memory]
        return self.decayed(MEMORIES[memory] * self.horizon)

    @cached_property
    def _days(self) -> NDArray[np.int64]:
        # Distinct (row, day) of purchase: a customer's shopping days.
        return distinct(keys(self.history.row, self.history.day))

    @cached_property
    def _first_day_of_row(self) -> NDArray[np.int64]:
        return np.searchsorted(self._days, np.arange(self.n_rows + 1, dtype=np.int64) << 32)

    @cached_property
    def orders(self) -> Floats:
        """Shopping days of each row."""
        return np.diff(self._first_day_of_row).astype(np.float32)

    def _days_after(self, row: NDArray[Any], day: NDArray[Any]) -> NDArray[np.int64]:
        """Shopping days of the row that are later than `day`."""
        ends: NDArray[np.int64] = self._first_day_of_row[row + 1]
        return ends - np.searchsorted(self._days, keys(row, day), side="right")

    @cached_property
    def orders_since_last(self) -> Floats:
        """The customer's shopping days after the pair's last one."""
        return self._days_after(self.pairs.row, self.pairs.last_day).astype(np.float32)

    @cached_property
    def orders_since_first(self) -> Floats:
        """The customer's shopping days from the pair's first one on."""
        pairs = self.pairs
        first = np.searchsorted(self._days, keys(pairs.row, pairs.first_day))
        return (self._first_day_of_row[pairs.row + 1] - first).astype(np.float32)

    @cached_property
    def bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last shopping day of each row; today and a day long ago for an empty one."""
        first = np.full(self.n_rows, self.today, np.int64)
        last = np.full(self.n_rows, self.today - 100_000, np.int64)
        some = np.flatnonzero(self.orders > 0)
        first[some] = self._days[self._first_day_of_row[:-1][some]] & 0xFFFFFFFF
        last[some] = self._days[self._first_day_of_row[1:][some] - 1] & 0xFFFFFFFF
        return first, last

    @cached_property
    def rank(self) -> Floats:
        """Each pair's place among its row's, by the LONG count."""
        pairs = self.pairs
        by_count = np.lexsort((pairs.item, -self.counts[LONG], pairs.row))
        place = np.empty(len(pairs), np.float32)
        place[by_count] = positions(pairs.row[by_count])
        return place

    @cached_property
    def total(self) -> Floats:
        """Sum of the LONG counts of each row, never 0."""
        return np.maximum(self.of_rows(self.counts[LONG]), np.float32(1e-9))

    def of_rows(self, per_pair: NDArray[Any]) -> Floats:
        """Sum a value of the pairs over each row."""
        sums = np.bincount(self.pairs.row, per_pair.astype(np.float64), minlength=self.n_rows)
        return sums.astype(np.float32)

    def matrix(self, per_pair: NDArray[Any]) -> "Rows[Any]":
        """rows × items, with a value of the pairs."""
        return rows_of(self.n_rows, self.n_items, self.pairs.row, self.pairs.item, per_pair)

    def folded(self, group_of_item: NDArray[Any], per_pair: Mapping[str, NDArray[Any]]) -> "Groups":
        """The pairs by group of items (a category): how many, their last day, and sums of values."""
        pairs = self.pairs
        key = keys(pairs.row, group_of_item[pairs.item])
        by_key = np.argsort(key, kind="stable")
        ordered = key[by_key]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(key) else by_key
        sums = {name: _sums(value[by_key], starts) for name, value in per_pair.items()}
        last = np.maximum.reduceat(pairs.last_day[by_key], starts) if len(starts) else pairs.last_day
        count = np.diff(np.append(starts, len(key))).astype(np.float32)
        return Groups(ordered[starts], {**sums, "count": count, "last_day": last.astype(np.float32)})


def _sums(value: NDArray[Any], starts: NDArray[np.int64]) -> Floats:
    return np.add.reduceat(value, starts).astype(np.float32) if len(starts) else np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class Groups:
    """Values by (row, group): ascending `key`, and arrays beside it."""

    key: NDArray[np.int64]
    values: Mapping[str, Floats]

    def among(self, wanted: NDArray[np.int64]) -> "Found":
        """The values of these groups."""
        place = np.minimum(np.searchsorted(self.key, wanted), max(len(self.key) - 1, 0))
        held = np.equal(self.key[place], wanted) if len(self.key) else np.zeros(len(wanted), np.bool_)
        return Found(self, place, held)


@dataclass(frozen=True, eq=False)
class Found:
    """Wanted groups: the `place` of each, and whether the row has anything of it."""

    groups: Groups
    place: NDArray[np.int64]
    held: NDArray[np.bool_]

    def at(self, name: str, missing: float = 0.0) -> Floats:
        """A value of each wanted group, `missing` where the row has nothing of it."""
        if not len(self.groups.key):
            return np.full(len(self.place), missing, np.float32)
        return np.where(self.held, self.groups.values[name][self.place], np.float32(missing))
