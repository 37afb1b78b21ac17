"""What the customers of a window really bought: the other side of every comparison."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.ranking import contains, keys
from training.data import TrainingData
from training.evaluate.metrics import Truth
from training.evaluate.windows import Window

CUSTOMER_SCENARIOS = ("home", "discover", "again")


@dataclass(frozen=True, eq=False)
class Judged:
    """The customers by whom lists are judged: those with purchases before the window and in it; row r is customers[r].

    `absent`: some customers who bought before and not in the window; every row stands for `weight` customers, every
    absent
    one for `absent_weight`. `owned`: sorted keys of what each row bought before; `orders`: how many orders that
    were; `truth` by scenario:
    everything bought in the window (home), what the row did not have before (discover), and what it had (again).
    """

    window: Window
    past: TrainingData
    histories: Interactions
    customers: NDArray[np.int64]
    weight: float
    absent: NDArray[np.int64]
    absent_weight: float
    owned: NDArray[np.int64]
    orders: NDArray[np.int64]
    truth: dict[str, Truth]
    all_customers: int
    first_time_customers: int


def judge(data: TrainingData, window: Window, *, sample: int | None, rng: np.random.Generator) -> Judged:
    """At most `sample` customers of either kind, drawn at random, ascending."""
    past = data.before(window.start)
    histories = past.interactions()
    lines = data.lines
    later = lines.where((lines.customer >= 0) & (lines.day >= window.start) & (lines.day < window.end))
    came = np.unique(later.customer).astype(np.int64)
    entries = np.diff(histories.indptr)
    back = entries[came] > 0
    stayed_away = entries > 0
    stayed_away[came] = False
    customers, weight = _drawn(came[back], sample, rng)
    absent, absent_weight = _drawn(np.flatnonzero(stayed_away), sample, rng)
    own = histories.rows(customers)
    owned = np.unique(keys(own.row, own.item))
    orders = np.bincount(np.unique(keys(own.row, own.order)) >> 32, minlength=len(customers))
    row = row_of(customers, later.customer, len(entries))
    known = row >= 0
    everything = Truth.of(len(customers), row[known], later.item[known])
    had = contains(owned, everything.keys)
    truth = {"home": everything, "discover": everything.where(~had), "again": everything.where(had)}
    return Judged(
        window=window,
        past=past,
        histories=histories,
        customers=customers,
        weight=weight,
        absent=absent,
        absent_weight=absent_weight,
        owned=owned,
        orders=orders,
        truth=truth,
        all_customers=int(back.sum()),
        first_time_customers=int((~back).sum()),
    )


def _drawn(
    customers: NDArray[np.int64], sample: int | None, rng: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """At most `sample` of the customers, and how many each of them stands for."""
    if sample is None or len(customers) <= sample:
        return customers, 1.0
    return np.sort(rng.choice(customers, sample, replace=False)), len(customers) / sample


def row_of(customers: NDArray[Any], wanted: NDArray[Any], n_customers: int) -> NDArray[np.int64]:
    """The place of each wanted customer in `customers`, −1 where it is not there."""
    place = np.full(n_customers, -1, np.int64)
    place[customers] = np.arange(len(customers))
    rows: NDArray[np.int64] = place[wanted]
    return rows
