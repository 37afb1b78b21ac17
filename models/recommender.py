"""Ranks items for a block of queries: candidates from the sources, one score, one order; the same code for one and
for many.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.catalogue import prefixed, under
from models.interactions import ragged_arange
from models.ranking import Scored, contains, keys, positions, rank
from models.scenarios import BLENDS, NEW_ONLY, SOURCES, ListSettings
from models.sources.complements import Complements
from models.sources.factors import Factors
from models.sources.neighbours import Neighbours
from models.sources.popular import Popular
from models.sources.protocol import Queries, Source
from models.sources.repeat import Repeat

KINDS: Mapping[str, type[Source]] = {
    "repeat": Repeat,
    "neighbours": Neighbours,
    "factors": Factors,
    "complements": Complements,
    "popular": Popular,
}


@dataclass(frozen=True, eq=False)
class Ranked:
    """Ranked lists of several rows: scores, and for each item the source that carried it (an index into SOURCES,
    uint8).
    """

    scored: Scored
    source: NDArray[np.uint8]

    def where(self, mask: NDArray[Any]) -> "Ranked":
        return Ranked(self.scored.where(mask), self.source[mask])


@dataclass(frozen=True, eq=False)
class Recommender:
    """All sources of one bundle."""

    sources: Mapping[str, Source]
    settings: ListSettings

    def rank(self, queries: Queries, scenario: str, limit: int | None = None) -> Ranked:
        """Every candidate of the scenario, best first; business rules come after, on this order."""
        row, item, share, source = self._contributions(queries, scenario)
        if scenario in NEW_ONLY:
            owned = keys(queries.pairs.row, queries.pairs.item)
            new = ~contains(owned, keys(row, item))
            row, item, share, source = row[new], item[new], share[new], source[new]
        together, place = np.unique(keys(row, item), return_inverse=True)
        # bincount adds in the order of the sources, so that a score has the same bits in any block.
        score = np.bincount(place, share, minlength=len(together))
        strongest = np.lexsort((source, -share, place))
        carried = source[strongest[positions(place[strongest]) == 0]]
        ranked = rank(len(queries), together >> 32, together & 0xFFFFFFFF, score, limit)
        at = np.searchsorted(together, keys(ranked.row, ranked.item))
        return Ranked(ranked, carried[at])

    def _contributions(
        self, queries: Queries, scenario: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64], NDArray[np.uint8]]:
        parts = [(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float64), np.zeros(0, np.uint8))]
        for name, weight in BLENDS[scenario].items():
            found = self.sources[name].candidates(queries, self.settings.candidates)
            best = np.zeros(len(queries))
            np.maximum.at(best, found.row, found.score)
            known = best[found.row] > 0
            found = found.where(known)
            share = weight * found.score / best[found.row]
            parts.append((found.row, found.item, share, np.full(len(found), SOURCES.index(name), np.uint8)))
        row, item, share, source = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return row, item, share, source

    def carriers(self, queries: Queries, ranked: Ranked) -> NDArray[np.int32]:
        """For each listed item the bought or asked item that carried it there, −1 where none did."""
        best = np.full(len(ranked.scored), -1, np.int32)
        for name in ("neighbours", "complements"):
            at = np.flatnonzero(ranked.source == SOURCES.index(name))
            source = self.sources[name]
            if len(at) and isinstance(source, Neighbours | Complements):
                best[at] = source.carriers(queries, ranked.scored.row[at], ranked.scored.item[at])
        return best

    def arrays(self) -> dict[str, NDArray[Any]]:
        return prefixed({name: source.arrays() for name, source in self.sources.items()})

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Recommender":
        arrays = under(bundle.arrays, "sources")
        sources = {name: kind.from_arrays(under(arrays, name)) for name, kind in KINDS.items()}
        return cls(sources, ListSettings(**bundle.manifest.settings["lists"]))


@dataclass(frozen=True, eq=False)
class StoredLists:
    """The lists of all known customers for one scenario, computed at training: rows `indptr[c]:indptr[c + 1]`."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float32]
    source: NDArray[np.uint8]

    @classmethod
    def of(cls, blocks: list[Ranked]) -> "StoredLists":
        lengths = [np.bincount(b.scored.row, minlength=b.scored.n_rows) for b in blocks]
        return cls(
            np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64),
            np.concatenate([b.scored.item for b in blocks]),
            np.concatenate([b.scored.score for b in blocks]),
            np.concatenate([b.source for b in blocks]),
        )

    def rows(self, customers: NDArray[Any], row: NDArray[Any], n_rows: int) -> Ranked:
        """The lists of these customers as rows `row` (ascending) of a block of `n_rows`."""
        starts = self.indptr[customers]
        lengths = self.indptr[customers + 1] - starts
        at = ragged_arange(starts, lengths)
        return Ranked(Scored(n_rows, np.repeat(row, lengths), self.item[at], self.score[at]), self.source[at])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"indptr": self.indptr, "item": self.item, "score": self.score, "source": self.source}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "StoredLists":
        return cls(arrays["indptr"], arrays["item"], arrays["score"], arrays["source"])
