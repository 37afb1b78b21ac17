"""Counts a shop's past into Statistics: one pass over pairs of customer and item, no loop over either."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.habits import LONG, MEMORIES, SHORT, Habits
from models.statistics import Statistics
from training.data import PurchaseLines, TrainingData

# How many customers' worth of the shop's average an item's own figures must outweigh.
REPEAT_PRIOR, GAP_PRIOR = 5, 3
PATH_DEPTH = 3


# Per item: sums over customers, then over all lines with a price; every one adds up over parts of the shop.
MEMORY_SUMS = tuple(f"sales_{memory}" for memory in range(len(MEMORIES)))
CUSTOMER_SUMS = ("buyers", *MEMORY_SUMS, "repeats", "gap_days", "gap_times", "newcomers", "newcomers_lately")
LINE_SUMS = ("priced", "log_price")
NEVER_SOLD = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class ItemCounts:
    """What Statistics are made of, for a whole shop or for some of its customers and guests: the counts of parts add up
    to those of the whole.

    `customers` who ever bought; per item float64 `sums` by name (CUSTOMER_SUMS, LINE_SUMS) and int64 `first_sale`, the
    day (NEVER_SOLD: none).
    """

    customers: int
    sums: Mapping[str, NDArray[np.float64]]
    first_sale: NDArray[np.int64]


def habits_of(data: TrainingData, horizon: int) -> Habits:
    """All known customers' habits on the day after the data's last."""
    return Habits(data.interactions(), len(data.catalogue), data.last_day + 1, horizon)


def fit_statistics(data: TrainingData, habits: Habits) -> Statistics:
    """What the past says on `habits.today`."""
    return statistics_of(count_items(data.lines, habits), data.catalogue, habits.today, habits.horizon)


def count_items(lines: PurchaseLines, habits: Habits) -> ItemCounts:
    """Counts of these customers' `habits` and of `lines`, which are theirs and perhaps guests'."""
    pairs, today, horizon, n_items = habits.pairs, habits.today, habits.horizon, habits.n_items
    again = pairs.orders > 1
    first_sale = np.full(n_items, NEVER_SOLD)
    np.minimum.at(first_sale, lines.item, lines.day)
    known = ~np.isnan(lines.unit_price)
    logs = np.log(np.maximum(lines.unit_price[known].astype(np.float64), 0.01))
    sums = {
        "buyers": _count(pairs.item, n_items),
        **{
            name: _count(pairs.item, n_items, np.minimum(count, 1))
            for name, count in zip(MEMORY_SUMS, habits.counts, strict=True)
        },
        "repeats": _count(pairs.item[again], n_items),
        "gap_days": _count(pairs.item, n_items, (pairs.last_day - pairs.first_day).astype(np.float64)),
        "gap_times": _count(pairs.item, n_items, (pairs.orders - 1).astype(np.float64)),
        "newcomers": _count(pairs.item[pairs.first_day >= today - horizon], n_items),
        "newcomers_lately": _count(pairs.item[pairs.first_day >= today - horizon // 4], n_items),
        "priced": _count(lines.item[known], n_items),
        "log_price": _count(lines.item[known], n_items, logs),
    }
    return ItemCounts(int(np.count_nonzero(habits.orders)), sums, first_sale)


def statistics_of(counts: ItemCounts, catalogue: Catalogue, today: int, horizon: int) -> Statistics:
    """Statistics of the whole shop from its counts."""
    sums = counts.sums
    leaf, mid = category_levels(catalogue)
    brand = np.unique(list(catalogue.texts["brand"]), return_inverse=True)[1].astype(np.int32)
    buyers, repeats, gap_days, gap_times = (_f32(sums[name]) for name in ("buyers", "repeats", "gap_days", "gap_times"))
    popularity = np.stack([_f32(sums[name]) for name in MEMORY_SUMS])
    shop_repeats = float(sums["repeats"].sum() / max(sums["buyers"].sum(), 1.0))
    shop_gap = sums["gap_days"].sum() / max(1.0, sums["gap_times"].sum()) or float(horizon)
    brand_sales = _by(brand, popularity[LONG])
    leaf_repeats, leaf_buyers = _by(leaf, repeats), _by(leaf, buyers)
    return Statistics(
        numbers=np.array([today, horizon, counts.customers]),
        popularity=popularity,
        buyers=buyers,
        newcomers=_f32(sums["newcomers"]),
        newcomers_lately=_f32(sums["newcomers_lately"]),
        repeat_rate=_f32((repeats + REPEAT_PRIOR * shop_repeats) / (buyers + REPEAT_PRIOR)),
        gap=_f32((gap_days + GAP_PRIOR * shop_gap) / (gap_times + GAP_PRIOR)),
        age=_f32(today - np.minimum(counts.first_sale, today)),
        log_price=_log_prices(sums["priced"], sums["log_price"], catalogue),
        leaf=leaf,
        leaf_repeat_rate=_f32((leaf_repeats + REPEAT_PRIOR * shop_repeats) / (leaf_buyers + REPEAT_PRIOR)),
        leaf_sales=_by(leaf, popularity[SHORT]),
        leaf_share=_share(_by(leaf, popularity[LONG])),
        mid=mid,
        mid_sales=_by(mid, popularity[SHORT]),
        brand=brand,
        brand_share=_share(brand_sales),
    )


def category_levels(catalogue: Catalogue) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Each item's category three levels deep and two levels deep, numbered; items without a path share one."""
    paths = [path.split(" > ") for path in catalogue.categories] + [[""]]
    levels = []
    for depth in (PATH_DEPTH, PATH_DEPTH - 1):
        names = [" > ".join(path[:depth]) for path in paths]
        numbers = np.unique(names, return_inverse=True)[1].astype(np.int32)
        levels.append(numbers[catalogue.category])
    return levels[0], levels[1]


def log_prices(data: TrainingData) -> NDArray[np.float32]:
    """Logarithm of each item's mean price paid; of its catalogue price, else the median, where nobody bought it."""
    known = ~np.isnan(data.lines.unit_price)
    item, n_items = data.lines.item[known], len(data.catalogue)
    logs = np.log(np.maximum(data.lines.unit_price[known].astype(np.float64), 0.01))
    return _log_prices(_count(item, n_items), _count(item, n_items, logs), data.catalogue)


def _log_prices(priced: NDArray[np.float64], logs: NDArray[np.float64], catalogue: Catalogue) -> NDArray[np.float32]:
    listed = np.log(np.maximum(catalogue.numbers["price"], 0.01))
    price = np.where(priced > 0, logs / np.maximum(priced, 1), listed)
    usual = float(np.median(price[~np.isnan(price)])) if (~np.isnan(price)).any() else 0.0
    return np.where(np.isnan(price), usual, price).astype(np.float32)


def _count(index: NDArray[Any], n: int, weight: NDArray[Any] | None = None) -> NDArray[np.float64]:
    return np.bincount(index, weight, minlength=n).astype(np.float64)


def _by(group: NDArray[np.int32], value: NDArray[Any]) -> NDArray[np.float32]:
    return np.bincount(group, value, minlength=int(group.max()) + 1).astype(np.float32)


def _f32(value: NDArray[Any]) -> NDArray[np.float32]:
    return value.astype(np.float32)


def _share(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value / np.float32(max(float(value.sum()), 1e-9))
