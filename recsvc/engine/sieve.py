"""What may be in each list of a block, whatever brings it there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked
from models.ranking import contains, keys, positions
from recsvc.engine.lenses import Lens
from recsvc.engine.shaping import Shape
from recsvc.engine.stream import Stream


@dataclass(frozen=True, eq=False)
class Sieve:
    """`bare`: the rules, as a row without wishes sees them; `shape`: the block's wishes; `excluded`: sorted keys of
    (row, item); `group`: the number of the variants that each item belongs to (−1: none), None for a shop without
    variants; `excluded_groups`: sorted keys of (row, group)."""

    bare: Lens
    shape: Shape | None
    excluded: NDArray[np.int64]
    group: NDArray[Any] | None
    excluded_groups: NDArray[np.int64]

    def fit(self, ranked: Ranked) -> Ranked:
        """The lists without what rules, filters and exclusions take out, in their boosted order."""
        row, item = ranked.scored.row, ranked.scored.item
        allowed = self.bare.allows(item) if self.shape is None else self.shape.allows(row, item)
        found = ranked.where(allowed & self.free(self.excluded, row, item))
        return found if self.shape is None else self.shape.boosted(found)

    def free(self, taken: NDArray[np.int64], row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.bool_]:
        """Which entries are not among the keys `taken`, nor variants that are excluded."""
        free = ~contains(taken, keys(row, item))
        if self.group is not None and len(self.excluded_groups):
            free &= ~contains(self.excluded_groups, keys(row, self.group[item]))
        return free

    def trim(self, stream: Stream, most: NDArray[Any]) -> Stream:
        """The first `most` items of each row; of an item's variants the first, of a category as many as it may have."""
        if self.group is not None:
            stream = stream.where(first_variants(stream.row, self.group[stream.item]))
        if self.shape is not None:
            stream = self.shape.capped(stream)
        return stream.where(positions(stream.row) < most[stream.row])

    @property
    def thins(self) -> bool:
        """Whether `trim` may leave less than it could by length alone."""
        return self.group is not None or self.shape is not None

    def looks(self, rows: NDArray[Any]) -> Iterable[tuple[Lens, NDArray[Any]]]:
        """Each lens, and those of the rows that look through it."""
        return [(self.bare, rows)] if self.shape is None else self.shape.by_lens(rows)

    def without(self, stream: Stream) -> "Sieve":
        """What the stream holds is excluded too."""
        return replace(self, excluded=np.union1d(self.excluded, keys(stream.row, stream.item)))

    def rows(self, rows: NDArray[Any], excluded: NDArray[np.int64]) -> "Sieve":
        """For some rows, ascending, with more keys of theirs excluded."""
        return replace(
            self,
            shape=None if self.shape is None else self.shape.rows(rows),
            excluded=np.union1d(_keys_of(self.excluded, rows), excluded),
            excluded_groups=_keys_of(self.excluded_groups, rows),
        )


def first_variants(row: NDArray[Any], group: NDArray[Any]) -> NDArray[np.bool_]:
    """Which entries are the first of their group in their row; group −1 is nobody's."""
    first = group < 0
    at = np.flatnonzero(~first)
    first[at[np.unique(keys(row[at], group[at]), return_index=True)[1]]] = True
    return first


def _keys_of(sorted_keys: NDArray[np.int64], rows: NDArray[Any]) -> NDArray[np.int64]:
    row = sorted_keys >> 32
    place = np.minimum(np.searchsorted(rows, row), len(rows) - 1)
    kept = rows[place] == row
    return keys(place[kept], sorted_keys[kept] & 0xFFFFFFFF)
