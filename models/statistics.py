"""What a shop's past says of each item and category on a given day; arrays only, fitted by
training/fit/statistics.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LEVELS = ("leaf", "mid")


@dataclass(frozen=True, eq=False, kw_only=True)
class Statistics:
    """Per item unless said otherwise; float32.

    `numbers`: today and horizon (days), customers.
    `popularity` (memories × n_items): customers who bought it, each counted at most once and decayed by MEMORIES.
    `buyers`: customers ever. `newcomers`, `newcomers_lately`: customers whose first purchase of it fell into the last
    horizon, its last quarter. `repeat_rate`: share of buyers who bought it again, shrunk to the shop's. `gap`: days
    between purchases of one customer, shrunk. `age`: days since its first sale. `log_price`.
    `leaf`, `mid` (int32): its category at full depth and one level up; `leaf_*`, `mid_*` beside them: per category.
    `brand` (int32) and `brand_share` per brand: share of what is sold.
    """

    numbers: NDArray[np.float64]
    popularity: Floats
    buyers: Floats
    newcomers: Floats
    newcomers_lately: Floats
    repeat_rate: Floats
    gap: Floats
    age: Floats
    log_price: Floats
    leaf: NDArray[np.int32]
    leaf_repeat_rate: Floats
    leaf_sales: Floats
    leaf_share: Floats
    mid: NDArray[np.int32]
    mid_sales: Floats
    brand: NDArray[np.int32]
    brand_share: Floats

    @property
    def today(self) -> int:
        return int(self.numbers[0])

    @property
    def horizon(self) -> int:
        return int(self.numbers[1])

    @property
    def n_customers(self) -> float:
        return float(self.numbers[2])

    @property
    def n_items(self) -> int:
        return len(self.buyers)

    @cached_property
    def sales_per_10_000(self) -> tuple[Floats, ...]:
        """`popularity` as shares, one array a memory."""
        return tuple(_per_10_000(sales) for sales in self.popularity)

    @cached_property
    def trials_per_10_000(self) -> tuple[Floats, Floats]:
        """`newcomers` and `newcomers_lately` as shares."""
        return _per_10_000(self.newcomers), _per_10_000(self.newcomers_lately)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(**{entry.name: arrays[entry.name] for entry in fields(cls)})


def _per_10_000(value: Floats) -> Floats:
    return value * np.float32(1e4 / max(float(value.sum()), 1e-9))
