"""What may be shown at all: stock, dates, what the shop lists."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue

# Stock, expiry and sales change with time; a minute's delay is not seen, and the mask need not be made for each
# request.
RULES_SECONDS = 60


def rules_at(now: datetime) -> int:
    """The moment (seconds since 1970) whose stock and dates an answer at `now` goes by."""
    return int(now.timestamp()) // RULES_SECONDS * RULES_SECONDS


@dataclass(frozen=True, eq=False)
class Rules:
    """What may be shown in one minute, which began at `since` (seconds since 1970): a mask of items, and the
    popular ones among them, best first."""

    since: int
    allowed: NDArray[np.bool_]
    popular: NDArray[np.int32]

    @cached_property
    def shown(self) -> memoryview:
        """The mask as a memoryview, of which one item is read in a third of numpy's time."""
        return self.allowed.data

    @classmethod
    def of(cls, catalogue: Catalogue, by_sales: NDArray[np.int32], since: int) -> "Rules":
        """`by_sales`: all items that sell, best first."""
        allowed = catalogue.recommendable(since)
        return cls(since, allowed, by_sales[allowed[by_sales]])
