"""Lists in the making: ranked items, and for each the stage that brought it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked
from models.ranking import Scored
from models.sources.protocol import Queries
from models.sparse import segment_maxima
from recsvc.engine.blocks import merge

# The scenario asked for; the scenario to take in its stead; what is popular; the request's own choice.
OWN, INSTEAD, POPULAR, PINNED = range(4)


@dataclass(frozen=True, eq=False)
class Stream:
    """`ranked` lists of a block, and the `stage` of each item, uint8."""

    ranked: Ranked
    stage: NDArray[np.uint8]

    @classmethod
    def of(cls, ranked: Ranked, stage: int) -> "Stream":
        return cls(ranked, np.full(len(ranked.scored), stage, np.uint8))

    @classmethod
    def empty(cls, n_rows: int) -> "Stream":
        return cls.of(Ranked(Scored.empty(n_rows), np.zeros(0, np.uint8)), OWN)

    @property
    def row(self) -> NDArray[np.int64]:
        return self.ranked.scored.row

    @property
    def item(self) -> NDArray[np.int32]:
        return self.ranked.scored.item

    @property
    def counts(self) -> NDArray[np.int64]:
        """Items in each row's list."""
        return np.bincount(self.row, minlength=self.ranked.scored.n_rows)

    def where(self, mask: NDArray[Any]) -> "Stream":
        return Stream(self.ranked.where(mask), self.stage[mask])

    def then(self, more: Ranked, stage: int) -> "Stream":
        """Each row's list with more items behind it."""
        if not len(self.row):
            return Stream.of(more, stage)
        row = np.concatenate([self.row, more.scored.row])
        stages = np.concatenate([self.stage, np.full(len(more.scored), stage, np.uint8)])
        return Stream(merge(self.ranked, more), stages[np.argsort(row, kind="stable")])

    def rows(self, rows: NDArray[Any]) -> "Stream":
        """Some of the lists, as a block of their own; `rows` ascending."""
        place = np.full(self.ranked.scored.n_rows, -1)
        place[rows] = np.arange(len(rows))
        kept = self.where(place[self.row] >= 0)
        scored = kept.ranked.scored
        moved = Scored(len(rows), place[scored.row], scored.item, scored.score)
        return Stream(Ranked(moved, kept.ranked.source), kept.stage)

    def below(self, rows: NDArray[Any], more: Ranked) -> Ranked:
        """Lists whose rows are the `rows` of this one, with scores that go on below the last of these."""
        scored = more.scored
        best = segment_maxima(scored.row, scored.score, scored.n_rows)
        share = scored.score / np.maximum(best, np.float32(1e-9))[scored.row]
        row = rows[scored.row]
        return Ranked(
            Scored(self.ranked.scored.n_rows, row, scored.item, self.floor()[row] * share * np.float32(0.99)),
            more.source,
        )

    def floor(self) -> NDArray[np.float32]:
        """The least score of each row, 1 where it is empty: what comes behind scores less. Pinned items have none."""
        floor = np.ones(self.ranked.scored.n_rows, np.float32)
        scored = self.stage != PINNED
        np.minimum.at(floor, self.row[scored], self.ranked.scored.score[scored])
        return floor

    def ordered(self, place: NDArray[Any]) -> "Stream":
        """The entries in another order; rows stay together."""
        scored = self.ranked.scored
        moved = Scored(scored.n_rows, scored.row[place], scored.item[place], scored.score[place])
        return Stream(Ranked(moved, self.ranked.source[place]), self.stage[place])


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of a block before they are worded; `excluded` holds the keys of what must not be in them."""

    queries: Queries
    stream: Stream
    excluded: NDArray[np.int64]

    @property
    def ranked(self) -> Ranked:
        return self.stream.ranked

    def rows_of_stage(self, stage: int) -> set[int]:
        """Which lists have an item of this stage."""
        return set(self.stream.row[self.stream.stage == stage].tolist())
