"""*complements*: completes carts by candidates from the tables, ranked by trees, or by one table where trees are no
better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.carts.asked import Asked
from models.carts.blocks import joined, part_of, rows_at_once
from models.carts.carriers import carriers_of
from models.carts.features import candidates_of, features_of, of_one_category
from models.carts.tables import SIGNALS, CartTables
from models.catalogue import prefixed, under
from models.features import Columns
from models.lists import Ranked
from models.ranker import Ranker
from models.ranking import Scored, positions, rank
from models.scenarios import SOURCES
from models.sources.protocol import Queries, Signals, Source
from models.sparse import stored_where

# The ranker's text in the bundle.
DOCUMENT = "ranker.complements.txt"
NO_DOCUMENTS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class ComplementSettings:
    """`neighbours`: links kept an item; `lean`: how much of a link is divided by what sells of the item asked about
    rather than of the other (0.5 is the symmetric cosine); `shrink`: orders that a link must outweigh; `half_life_days`
    of an order, 0 for half the time that the data covers; `head`: the most bought items, which EASE relates;
    `regularisation` of EASE, 0 lets the trainer choose; `largest_order`: orders with more items (wholesale) are left
    out; `orders`: the latest orders that are learned from, `compared`: of these, the latest that a cart is compared
    with; `customers` it is compared with, a sample of all; `carts` that train the ranker, 0 for none; `trees` and
    `leaves` of the ranker; `per_category`: items of one category beside a single item, 0 for no limit; `seed` of
    samples and trees."""

    neighbours: int = 150
    lean: float = 0.6
    shrink: float = 20.0
    half_life_days: float = 0.0
    head: int = 5_000
    regularisation: float = 0.0
    largest_order: int = 200
    orders: int = 2_000_000
    compared: int = 300_000
    customers: int = 20_000
    carts: int = 8_000
    trees: int = 200
    leaves: int = 15
    per_category: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        least = {"neighbours": 1, "head": 0, "largest_order": 2, "orders": 1, "compared": 1, "customers": 1}
        least |= {"carts": 0, "trees": 1, "leaves": 2, "per_category": 0, "shrink": 0, "half_life_days": 0}
        for name, bound in {**least, "regularisation": 0}.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least {bound}")
        if not 0 <= self.lean <= 1:
            raise ValueError(f"lean is {self.lean}; expected 0 to 1")


@dataclass(frozen=True, eq=False)
class Carts(Source):
    """`ranker` is None where the signal `single` alone orders; `per_category` and `suppress` hold for a single item
    only: at most so many of one category, and none that could stand in for it."""

    tables: CartTables
    ranker: Ranker | None
    single: str
    per_category: int
    suppress: bool
    name = "complements"
    signals = SIGNALS
    proposing = SIGNALS

    def rank(self, queries: Queries, limit: int | None = None) -> Ranked:
        """What goes with the items asked about, best first and none of them; no list where none of them is known."""
        rows = rows_at_once(queries.n_items)
        starts = range(0, len(queries), rows)
        parts = [self._rank(part_of(queries, start, start + rows), limit) for start in starts]
        return joined(parts, len(queries), starts)

    def _rank(self, queries: Queries, limit: int | None) -> Ranked:
        asked = self.asked(queries)
        candidates, columns = self.judge(queries, asked)
        score = self.scores(columns, np.arange(len(candidates)))
        keep = np.flatnonzero(score > 0) if self.ranker is None else np.arange(len(candidates))
        scored = rank(len(queries), candidates.row[keep], candidates.item[keep], score[keep])
        scored = self._valued(scored, self._over(asked, scored))
        if limit is not None:
            scored = scored.where(positions(scored.row) < limit)
        return Ranked(scored, _sources(candidates, columns)[candidates.places.number[scored.row, scored.item]])

    def asked(self, queries: Queries) -> Asked:
        """What the block asks about, and who speaks for it."""
        return Asked.of(queries, self.tables.stand_ins)

    def score(self, queries: Queries) -> Signals:
        """What each table says by itself, unranked; items of the cart included."""
        found = self.tables.score(self.asked(queries))
        return Signals({name: stored_where(rows, rows.data > 0) for name, rows in found.rows.items()})

    def candidates(self, queries: Queries, limit: int) -> Scored:
        return self.rank(queries, limit).scored

    def judge(self, queries: Queries, asked: Asked) -> tuple[Candidates, Columns]:
        """The candidates with their features."""
        found = self.tables.score(asked)
        candidates = candidates_of(queries, asked, self.tables, found)
        if self.suppress:
            kept = ~of_one_category(asked, self.tables, candidates)
            candidates = Candidates(
                candidates.row[kept], candidates.item[kept], candidates.pair[kept], candidates.shape
            )
        return candidates, features_of(queries, asked, self.tables, found, candidates)

    def scores(self, columns: Columns, at: NDArray[Any]) -> NDArray[np.float64]:
        """What the chosen candidates are ordered by; comparable within a cart."""
        if self.ranker is None:
            alone: NDArray[np.float64] = single_score(columns, self.single)[at]
            return alone
        return self.ranker.predict(columns, at)

    def _over(self, asked: Asked, scored: Scored) -> NDArray[np.bool_]:
        """Listed beside a single item after `per_category` others of their category."""
        if not self.per_category or not (asked.size == 1).any():
            return np.zeros(len(scored), np.bool_)
        tables = self.tables
        leaf = tables.leaf[scored.item].astype(np.int64)
        by_leaf = np.lexsort((np.arange(len(scored)), leaf, scored.row))
        place = np.empty(len(scored), np.int64)
        place[by_leaf] = positions((scored.row * (int(tables.leaf.max()) + 1) + leaf)[by_leaf])
        beside_one = (asked.size[scored.row] == 1) & ~tables.leafless[scored.item]
        over: NDArray[np.bool_] = (place >= self.per_category) & beside_one
        return over

    def _valued(self, scored: Scored, over: NDArray[np.bool_]) -> Scored:
        """With probabilities for scores; what is `over` goes below all others, where a filter by category still finds
        it."""
        score = scored.score if self.ranker is None else self.ranker.probability(scored.score)
        if not over.any():
            return scored.with_scores(score)
        least = np.ones(scored.n_rows)
        np.minimum.at(least, scored.row[~over], score[~over])
        score = np.where(over, score * least[scored.row] / 2, score)
        moved = np.lexsort((np.arange(len(scored)), over, scored.row))
        return Scored(scored.n_rows, scored.row, scored.item[moved], score[moved].astype(np.float32))

    def carriers(self, queries: Queries, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int32]:
        """For each (row, item), rows ascending, the one asked about that adds most to its links and EASE weights, −1
        where none does."""
        tables = self.tables
        return carriers_of(queries, row, item, (tables.links, tables.ease), tables.stand_ins)

    def arrays(self) -> dict[str, NDArray[Any]]:
        plain = np.array([SIGNALS.index(self.single), self.per_category, self.suppress])
        ranker = self.ranker.arrays() if self.ranker is not None else {}
        return {"plain": plain, **prefixed({"tables": self.tables.arrays(), "ranker": ranker})}

    def documents(self) -> dict[str, str]:
        """The ranker's trees as text, by file name; none where there is no ranker."""
        return {DOCUMENT: self.ranker.text} if self.ranker is not None else {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], documents: Mapping[str, str] = NO_DOCUMENTS) -> Self:
        """`documents` as `documents()` gives them; without the trees' text the tables order."""
        single, per_category, suppress = (int(value) for value in arrays["plain"])
        text = documents.get(DOCUMENT)
        ranker = Ranker.from_arrays(under(arrays, "ranker"), text) if text is not None else None
        tables = CartTables.from_arrays(under(arrays, "tables"))
        return cls(tables, ranker, SIGNALS[single], per_category, bool(suppress))


def single_score(columns: Columns, signal: str) -> NDArray[np.float64]:
    """Order by one signal; what it does not know follows by links. 0 for what neither speaks for."""
    links = columns["links_relative"].astype(np.float64)
    return np.maximum((columns[f"{signal}_relative"] + 1e-3 * links) / 1.001, 0)


def _sources(candidates: Candidates, columns: Columns) -> NDArray[np.uint8]:
    """Complements where an item asked about speaks for it; else own purchases; else orders or customers like this; else
    what sells."""
    names = ("complements", "repeat", "complements", "popular")
    linked = (columns["links"] > 0) | (columns["ease"] > 0)
    alike = (columns["orders"] > 0) | (columns["customers"] > 0)
    which = np.select([linked, candidates.owned, alike], [0, 1, 2], 3)
    index: NDArray[np.uint8] = np.array([SOURCES.index(name) for name in names], np.uint8)[which]
    return index
