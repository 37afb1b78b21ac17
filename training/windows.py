"""Label windows: days from which a training looks ahead, and what customers then bought."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ranking import distinct, keys
from training.data import TrainingData

LONGEST, SHORTEST = 28, 7
# So much of the data at least lies before every window.
PAST_SHARE = 0.35
# Purchase lines of known customers in half a horizon that make a longer window of labels needless.
ENOUGH_LINES = 20_000
# Purchase lines in all windows together that rankers learn from: the fewer a window holds, the more windows.
ENOUGH_LABELS = 250_000
FEWEST, MOST = 2, 5


@dataclass(frozen=True, eq=False)
class Window:
    """Purchases from day `start` up to `start + days`: `customers` known before it who bought in it, ascending;
    `bought`: ascending keys of (customer, item)."""

    start: int
    days: int
    customers: NDArray[np.int64]
    bought: NDArray[np.int64]

    @classmethod
    def of(cls, data: TrainingData, start: int, days: int) -> "Window":
        lines = data.lines
        known = np.zeros(len(data.customers) + 1, np.bool_)
        known[lines.customer[lines.day < start]] = True
        known[-1] = False
        inside = (lines.day >= start) & (lines.day < start + days) & known[lines.customer]
        bought = distinct(keys(lines.customer[inside], lines.item[inside]))
        return cls(start, days, distinct(bought >> 32), bought)

    def bought_within(self, data: TrainingData, days: int) -> NDArray[np.int64]:
        """Keys of what its customers bought in the `days` from its start, as far as the data go; ascending."""
        lines = data.lines
        inside = (lines.day >= self.start) & (lines.day < self.start + days) & np.isin(lines.customer, self.customers)
        return distinct(keys(lines.customer[inside], lines.item[inside]))


def horizon_of(data: TrainingData, days: int = 0) -> int:
    """Days that lists look ahead: as set, else 28 in a shop whose customers come back within that time.

    A shop with a short past looks less far ahead, so that enough of it is left to learn from. Where customers take
    longer to come back, labels need the whole of 28 days all the more.
    """
    if days:
        return days
    return horizon_within(data.first_day, data.last_day)


def horizon_within(first_day: int, last_day: int) -> int:
    """The same of a shop by its first and last day."""
    return int(np.clip((last_day + 1 - first_day) // 4, SHORTEST, LONGEST))


def label_days(data: TrainingData, horizon: int) -> int:
    """How many days of purchases label a window: half the horizon where that half holds enough of them.

    A shorter window lies closer to the day for which lists are made, and that is worth more than more labels.
    """
    half = max(horizon // 2, SHORTEST)
    recent = (data.lines.day > data.last_day - half) & (data.lines.customer >= 0)
    return half if np.count_nonzero(recent) >= ENOUGH_LINES else horizon


def window_starts(data: TrainingData, days: int, count: int = 0) -> list[int]:
    """Up to `count` days (0: as many as hold enough purchases) to look `days` ahead from, the latest first, side by
    side: what judges is never what taught.
    """
    end = data.last_day + 1
    oldest = data.first_day + max(int(np.ceil((end - data.first_day) * PAST_SHARE)), 1)
    latest = end - days
    if latest <= data.first_day:
        return []
    starts = range(latest, oldest - 1, -days)
    return list(starts)[: count or windows_worth(data, days)] or [latest]


def windows_worth(data: TrainingData, days: int) -> int:
    """How many windows rankers learn from: a small shop needs many to see enough purchases."""
    lines = data.lines
    recent = int(np.count_nonzero((lines.day > data.last_day - days) & (lines.customer >= 0)))
    return int(np.clip(ENOUGH_LABELS / max(recent, 1), FEWEST, MOST))


def some_customers(window: Window, limit: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The window's customers, a sample if there are more than `limit`; ascending."""
    if len(window.customers) <= limit:
        return window.customers
    chosen: NDArray[Any] = rng.choice(window.customers, limit, replace=False)
    return np.sort(chosen)
