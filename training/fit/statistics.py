"""Counts a shop's past into Statistics: one pass over pairs of customer and item, no loop over either."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.habits import LONG, SHORT, Habits
from models.statistics import Statistics
from training.data import TrainingData

# How many customers' worth of the shop's average an item's own figures must outweigh.
REPEAT_PRIOR, GAP_PRIOR = 5, 3
PATH_DEPTH = 3


def habits_of(data: TrainingData, horizon: int) -> Habits:
    """All known customers' habits on the day after the data's last."""
    return Habits(data.interactions(), len(data.catalogue), data.last_day + 1, horizon)


def fit_statistics(data: TrainingData, habits: Habits) -> Statistics:
    """What the past says on `habits.today`."""
    pairs, today, horizon = habits.pairs, habits.today, habits.horizon
    n_items = habits.n_items
    leaf, mid = category_levels(data.catalogue)
    brand = np.unique(list(data.catalogue.texts["brand"]), return_inverse=True)[1].astype(np.int32)
    buyers = _count(pairs.item, n_items)
    popularity = np.stack([_count(pairs.item, n_items, np.minimum(count, 1)) for count in habits.counts])
    again = pairs.orders > 1
    shop_repeats = float(again.mean()) if len(pairs) else 0.0
    repeats = _count(pairs.item[again], n_items)
    gaps = (pairs.last_day - pairs.first_day).astype(np.float64)
    times = (pairs.orders - 1).astype(np.float64)
    shop_gap = gaps.sum() / max(1.0, times.sum()) or float(horizon)
    gap_days, gap_times = _count(pairs.item, n_items, gaps), _count(pairs.item, n_items, times)
    first_sale = np.full(n_items, today)
    np.minimum.at(first_sale, data.lines.item, data.lines.day)
    brand_sales = _count(brand, int(brand.max()) + 1, popularity[LONG])
    leaf_repeats, leaf_buyers = _by(leaf, repeats), _by(leaf, buyers)
    return Statistics(
        numbers=np.array([today, horizon, np.count_nonzero(habits.orders)]),
        popularity=popularity,
        buyers=buyers,
        newcomers=_count(pairs.item[pairs.first_day >= today - horizon], n_items),
        newcomers_lately=_count(pairs.item[pairs.first_day >= today - horizon // 4], n_items),
        repeat_rate=_f32((repeats + REPEAT_PRIOR * shop_repeats) / (buyers + REPEAT_PRIOR)),
        gap=_f32((gap_days + GAP_PRIOR * shop_gap) / (gap_times + GAP_PRIOR)),
        age=_f32(today - first_sale),
        log_price=log_prices(data),
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
    item = data.lines.item[known]
    n_items = len(data.catalogue)
    sold = np.bincount(item, minlength=n_items)
    logs = np.log(np.maximum(data.lines.unit_price[known].astype(np.float64), 0.01))
    paid = np.bincount(item, logs, minlength=n_items) / np.maximum(sold, 1)
    listed = np.log(np.maximum(data.catalogue.numbers["price"], 0.01))
    price = np.where(sold > 0, paid, listed)
    usual = float(np.median(price[~np.isnan(price)])) if (~np.isnan(price)).any() else 0.0
    return np.where(np.isnan(price), usual, price).astype(np.float32)


def _count(index: NDArray[Any], n: int, weight: NDArray[Any] | None = None) -> NDArray[np.float32]:
    return np.bincount(index, weight, minlength=n).astype(np.float32)


def _by(group: NDArray[np.int32], value: NDArray[Any]) -> NDArray[np.float32]:
    return np.bincount(group, value, minlength=int(group.max()) + 1).astype(np.float32)


def _f32(value: NDArray[Any]) -> NDArray[np.float32]:
    return value.astype(np.float32)


def _share(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value / np.float32(max(float(value.sum()), 1e-9))
