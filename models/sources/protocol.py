"""What every source is: a name, arrays that live in the bundle, and scores for a block of queries."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.habits import Habits
from models.interactions import Interactions, Pairs
from models.ranking import Scored, rank
from models.sparse import Rows, row_numbers, values_at


@dataclass(frozen=True, eq=False)
class Queries:
    """A block of questions, one a row; the answers of a row depend on nothing but that row.

    `customer` int64 inside index, −1 unknown; `history` one row a query; `cart_row`, `cart_item`: the items asked
    about (a cart, a product page), sorted by row, each once; `today`: the day for which the lists are; `horizon`: how
    many days ahead they look; `n_items` of the catalogue. `live`: rows whose history is not the one that the training
    saw; without it, none.
    """

    customer: NDArray[np.int64]
    history: Interactions
    cart_row: NDArray[np.int64]
    cart_item: NDArray[np.int32]
    today: int
    horizon: int
    n_items: int
    live: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.customer)

    @cached_property
    def habits(self) -> Habits:
        """The histories as habits."""
        return Habits(self.history, self.n_items, self.today, self.horizon)

    @property
    def pairs(self) -> Pairs:
        """The histories by item."""
        return self.habits.pairs


@dataclass(frozen=True, eq=False)
class Signals:
    """What a source says of a block: rows of scores by name, of which `proposed` bring candidates."""

    rows: Mapping[str, "Rows[Any]"]
    extra: Mapping[str, Any] = field(default_factory=dict)


class Source(ABC):
    """A scorer. What it says of a row is the same, bit for bit, whatever block the row is in.

    `signals` names its scores; those in `proposing` bring candidates of their own. Scores are comparable within a row
    and a signal only; 0 means that the signal says nothing of the item.
    """

    name: ClassVar[str]
    signals: ClassVar[tuple[str, ...]]
    proposing: ClassVar[tuple[str, ...]]

    @abstractmethod
    def score(self, queries: Queries) -> Signals:
        """Rows × items of scores above 0, for each signal."""

    def at(self, said: Signals, signal: str, candidates: Candidates) -> NDArray[np.float32]:
        """A signal's score of each candidate, 0 where it has none."""
        return values_at(said.rows[signal], candidates.bounds, candidates.item)

    def candidates(self, queries: Queries, limit: int) -> Scored:
        """Up to `limit` items a row by the first proposing signal, best first."""
        found = self.score(queries).rows[self.proposing[0]]
        return rank(len(queries), row_numbers(found), found.indices, found.data, limit)

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the bundle stores."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The same source from stored arrays."""
