"""What queries ask of their lists beyond an order: filters, boosts, diversity, pins."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked
from models.ranking import Scored
from models.scenarios import SOURCES
from models.strings import IdIndex
from recsvc.engine.diversity import POOL, Paths, mmr_order, within_cap
from recsvc.engine.lenses import Lens
from recsvc.engine.query import Query
from recsvc.engine.stream import PINNED, Stream


@dataclass(frozen=True, eq=False)
class Shape:
    """The wishes of a block's queries; `lens` says which of `lenses` is a row's, `pins` gives
    its pinned items their positions, in order."""

    block: Sequence[Query]
    lenses: tuple[Lens, ...]
    lens: NDArray[np.int64]
    pins: tuple[dict[int, int], ...]
    paths: Paths

    @classmethod
    def of(
        cls, block: Sequence[Query], lens_of: Callable[[Query], Lens], items: IdIndex, paths: Paths
    ) -> "Shape | None":
        """None where no query wishes anything."""
        if not any(query.filter or query.boosts or query.diversity or query.pins for query in block):
            return None
        lenses: dict[Lens, int] = {}
        lens = [lenses.setdefault(lens_of(query), len(lenses)) for query in block]
        pins = tuple(_pins(query, items) for query in block)
        return cls(block, tuple(lenses), np.array(lens), pins, paths)

    def rows(self, rows: NDArray[Any]) -> "Shape":
        """The wishes of some rows, but for pins: they stand in a list already."""
        block = [self.block[row] for row in rows.tolist()]
        return Shape(block, self.lenses, self.lens[rows], ({},) * len(rows), self.paths)

    def pinned(self) -> Ranked:
        """The pinned items as lists, by their positions; nothing scored them."""
        row = np.repeat(np.arange(len(self.block)), [len(pins) for pins in self.pins])
        item = np.array([item for pins in self.pins for item in pins], np.int32)
        scored = Scored(len(self.block), row, item, np.zeros(len(item), np.float32))
        return Ranked(scored, np.full(len(item), SOURCES.index("pinned"), np.uint8))

    def by_lens(self, rows: NDArray[Any]) -> Iterator[tuple[Lens, NDArray[np.int64]]]:
        """The rows that look through each lens."""
        for number in np.unique(self.lens[rows]).tolist():
            yield self.lenses[number], rows[self.lens[rows] == number]

    def allows(self, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.bool_]:
        """Which entries rules and filter let through; `row` ascending."""
        allowed = np.zeros(len(row), np.bool_)
        for number, lens in enumerate(self.lenses):
            at = np.flatnonzero(self.lens[row] == number)
            allowed[at] = lens.allows(item[at])
        return allowed

    @property
    def filtered(self) -> NDArray[np.bool_]:
        """Which rows have a filter."""
        filtered: NDArray[np.bool_] = np.array([lens.bits is not None for lens in self.lenses])[self.lens]
        return filtered

    def unsure(self, stored: Ranked, found: Stream) -> NDArray[np.bool_]:
        """Rows for which an item below the end of the stored list could, boosted, belong into what was `found`."""
        scored = stored.scored
        most = np.array([lens.most if lens.boosts else 0.0 for lens in self.lenses])[self.lens]
        last = np.full(len(self.block), np.float32(0))
        ends = scored.indptr[1:]
        some = ends > scored.indptr[:-1]
        last[some] = scored.score[ends[some] - 1]
        reached: NDArray[np.bool_] = (last * most >= found.floor()) & (most > 0)
        return reached

    def boosted(self, ranked: Ranked) -> Ranked:
        """The lists in the order of their boosted scores; equal ones stay as they were."""
        if not any(lens.boosts for lens in self.lenses):
            return ranked
        scored = ranked.scored
        score, order = scored.score.copy(), np.arange(len(scored), dtype=np.float64)
        for number, lens in enumerate(self.lenses):
            at = np.flatnonzero(self.lens[scored.row] == number)
            if lens.boosts and len(at):
                score[at] *= lens.factor(scored.item[at])
                order[at] = -score[at]
        place = np.lexsort((order, scored.row))
        moved = Scored(scored.n_rows, scored.row, scored.item[place], score[place])
        return Ranked(moved, ranked.source[place])

    def needed(self, wanted: NDArray[Any]) -> NDArray[Any]:
        """How long each row's list must be before it is cut to what is wanted: MMR chooses from more."""
        pools = [
            POOL * query.n if query.diversity is not None and query.diversity.mmr is not None else 0
            for query in self.block
        ]
        needed: NDArray[Any] = np.maximum(wanted, pools)
        return needed

    def capped(self, stream: Stream) -> Stream:
        """Without what is beyond `max_per_category`; pinned items count and stay."""
        caps: dict[int | None, dict[int, int]] = {}
        for number, query in enumerate(self.block):
            wish = query.diversity
            if wish is not None and wish.max_per_category is not None:
                caps.setdefault(wish.category_level, {})[number] = wish.max_per_category
        keep = np.ones(len(stream.row), np.bool_)
        for level, cap_of in caps.items():
            cap = np.array([cap_of.get(number, 0) for number in range(len(self.block))])
            at = np.flatnonzero(cap[stream.row] > 0)
            row = stream.row[at]
            keep[at] = within_cap(row, self.paths.category(stream.item[at], level), cap[row])
        return stream if keep.all() else stream.where(keep | (stream.stage == PINNED))

    def arranged(self, stream: Stream) -> Stream:
        """MMR, then pins at their positions."""
        rows = [row for row, query in enumerate(self.block) if query.diversity or self.pins[row]]
        if not rows:
            return stream
        order = np.arange(len(stream.row))
        bounds = stream.ranked.scored.indptr
        for row in rows:
            here = slice(bounds[row], bounds[row + 1])
            order[here] = self._arranged(self.block[row], self.pins[row], stream, order[here])
        return stream.ordered(order)

    def _arranged(
        self, query: Query, pins: dict[int, int], stream: Stream, places: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        pinned = stream.stage[places] == PINNED
        others, wish = places[~pinned], query.diversity
        if wish is not None and wish.mmr is not None and len(others):
            pool = others[: POOL * query.n]
            paths = self.paths.of(stream.item[pool], wish.category_level)
            chosen = mmr_order(stream.ranked.scored.score[pool], paths, wish.mmr, query.n)
            others = np.concatenate([pool[chosen], others[len(pool) :]])
        listed, free = others.tolist(), 0
        for place in places[pinned].tolist():  # in the order of their positions
            free = max(pins[int(stream.item[place])] - 1, free)
            listed.insert(free, place)
            free += 1
        return np.array(listed, np.int64)


def _pins(query: Query, items: IdIndex) -> dict[int, int]:
    """Known pinned items and their positions, in that order; of an item named twice the first place counts."""
    pins: dict[int, int] = {}
    for pin in sorted(query.pins, key=attrgetter("position")):
        found = items.find(pin.item_id)
        if found >= 0:
            pins.setdefault(found, pin.position)
    return pins
