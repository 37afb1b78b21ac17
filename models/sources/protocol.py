"""What every source is: a name, arrays that live in the bundle, and candidates for a block of queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions, Pairs
from models.ranking import Scored


@dataclass(frozen=True, eq=False)
class Queries:
    """A block of questions, one a row; the answers of a row depend on nothing but that row.

    `customer` int64 inside index, −1 unknown; `history` one row a query; `cart_row`, `cart_item`: the items asked
    about (a cart, a product page), sorted by row, each once; `today`: the day for which the lists are.
    """

    customer: NDArray[np.int64]
    history: Interactions
    cart_row: NDArray[np.int64]
    cart_item: NDArray[np.int32]
    today: int

    def __len__(self) -> int:
        return len(self.customer)

    @cached_property
    def pairs(self) -> Pairs:
        """The histories by item."""
        return Pairs.of(self.history)

    @classmethod
    def of_customers(cls, customers: NDArray[Any], histories: Interactions, today: int) -> "Queries":
        """Known customers, no cart."""
        return cls(customers, histories.rows(customers), np.zeros(0, np.int64), np.zeros(0, np.int32), today)


class Source(Protocol):
    """A scorer. `candidates` must give a row the same result alone as in any block."""

    name: str

    def candidates(self, queries: Queries, limit: int) -> Scored:
        """Up to `limit` items a row, best first; scores are comparable within a row only."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the bundle stores."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The same source from stored arrays."""
        ...
