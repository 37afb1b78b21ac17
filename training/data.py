"""What the readers hand to fitting: one shop's purchases and catalogue, with inside indices only."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.erased import ErasedIds
from models.interactions import Interactions
from models.strings import IdIndex


@dataclass(frozen=True, eq=False, kw_only=True)
class PurchaseLines:
    """Equal-length arrays, one entry an item of an order, net of returns, sorted by (customer, day, order, item).

    `customer` int32 (−1: a guest), `order` int32 (dense, 0 … n_orders − 1), `item` int32, `day` int32 (days since
    1970-01-01 UTC), `quantity` float32 (> 0), `unit_price` float32 (NaN: unknown).
    """

    customer: NDArray[np.int32]
    order: NDArray[np.int32]
    item: NDArray[np.int32]
    day: NDArray[np.int32]
    quantity: NDArray[np.float32]
    unit_price: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.item)

    def where(self, mask: NDArray[np.bool_]) -> "PurchaseLines":
        return PurchaseLines(**{name: array[mask] for name, array in vars(self).items()})

    def sorted(self) -> "PurchaseLines":
        """The same lines, in their order again after some became guests'."""
        order = np.lexsort((self.item, self.order, self.day, self.customer))
        return PurchaseLines(**{name: array[order] for name, array in vars(self).items()})


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingData:
    """One shop as a training sees it; items are those of `catalogue`, customers those of `customers`."""

    customers: IdIndex
    catalogue: Catalogue
    lines: PurchaseLines

    @property
    def first_day(self) -> int:
        return int(self.lines.day.min())

    @property
    def last_day(self) -> int:
        return int(self.lines.day.max())

    def interactions(self) -> Interactions:
        """The known customers' histories: row i is customer i."""
        lines = self.lines
        known = slice(int(np.searchsorted(lines.customer, 0)), None)  # guests come first
        columns = (lines.customer, lines.item, lines.day, lines.quantity, lines.order)
        return Interactions.of_sorted(len(self.customers), len(self.catalogue), *(column[known] for column in columns))

    def without(self, erased: ErasedIds) -> "TrainingData":
        """The same shop where the purchases of erased customers are guests' purchases, and their ids are gone."""
        gone = np.array([erased.hold(name) for name in self.customers.table], np.bool_) if erased else np.zeros(0, bool)
        if not gone.any():
            return self
        code = np.append(np.where(gone, -1, np.cumsum(~gone) - 1), -1).astype(np.int32)  # the last is a guest's
        lines = replace(self.lines, customer=code[self.lines.customer]).sorted()
        names = self.customers.table.take(np.flatnonzero(~gone).tolist())
        return replace(self, customers=IdIndex.of(names), lines=lines)

    def before(self, day: int) -> "TrainingData":
        """The same shop as it was known at the start of `day`: for a split in time."""
        return replace(self, lines=self.lines.where(self.lines.day < day))
