"""Fits the sources that count what was bought: repeat, customers, neighbours, categories, popular."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.habits import LASTING, LONG, SHORT, Habits
from models.ranking import contains, distinct, keys, positions, rank
from models.sources.categories import Categories, CategorySettings
from models.sources.customers import Customers, CustomerSettings, taste
from models.sources.item_table import ItemTable
from models.sources.neighbours import Neighbours, NeighbourSettings
from models.sources.popular import Popular, PopularSettings
from models.sources.repeat import Repeat, RepeatSettings
from models.sparse import Rows, row_numbers, stored_where, unit_rows, with_values
from models.statistics import Statistics
from models.tops import top_of_rows
from training.data import PurchaseLines, TrainingData
from training.fit.cooccurrence import related_items

HALF_LIVES = (7.0, 15.0, 30.0, 60.0, 120.0, 240.0)
CHOICE_CUSTOMERS = 20_000
# What a neighbour's purchase must still count to be kept, by table.
FAINT = {"recent": 0.1, "lasting": 1e-3, "new": 0.01}
MOST_RECENT = 1.5


@dataclass(frozen=True, eq=False)
class Past:
    """What every fit starts from: the data, its customers' habits, and the shop's statistics, all as of one day."""

    data: TrainingData
    habits: Habits
    statistics: Statistics


def fit_repeat(past: Past, settings: RepeatSettings) -> Repeat:
    """Own purchases with decay; a half-life of 0 is chosen on the last horizon of the data."""
    return Repeat(settings.half_life_days or choose_half_life(past.data, past.statistics.horizon))


def choose_half_life(data: TrainingData, horizon: int) -> float:
    """The half-life whose own-purchase lists best foresee the last days, by ndcg@10 over a sample of customers."""
    cutoff = data.last_day + 1 - min(horizon, (data.last_day - data.first_day) // 4)
    later = data.lines.where((data.lines.day >= cutoff) & (data.lines.customer >= 0))
    customers = distinct(later.customer)[:CHOICE_CUSTOMERS]
    chosen = (data.lines.day < cutoff) & (data.lines.customer >= 0)
    chosen &= np.isin(data.lines.customer, customers)
    known = replace(data, lines=data.lines.where(chosen))
    habits = Habits(known.interactions().rows(customers), len(data.catalogue), cutoff, horizon)
    pairs = habits.pairs
    bought = distinct(keys(later.customer, later.item))
    gains = {}
    for half_life in HALF_LIVES:
        lists = rank(len(customers), pairs.row, pairs.item, habits.decayed(half_life), 10)
        hit = contains(bought, keys(customers[lists.row], lists.item))
        gains[half_life] = float((hit / np.log2(positions(lists.row) + 2.0)).sum())
    return max(gains, key=lambda half_life: gains[half_life]) if any(gains.values()) else 60.0


def fit_popular(past: Past, settings: PopularSettings) -> Popular:
    """Customers (and guest orders) that bought each item, each counted by its newest purchase; and first-time
    buyers.
    """
    lines, pairs = past.data.lines, past.habits.pairs
    # A guest order stands for one customer of its own, and holds an item once; guests' lines come first.
    guests = slice(0, int(np.searchsorted(lines.customer, 0)))
    half_life = popular_half_life(settings, past.statistics.horizon)
    sales = np.zeros(len(past.data.catalogue))
    for item, day in ((pairs.item, pairs.last_day), (lines.item[guests], lines.day[guests])):
        weight = np.exp2(-(past.statistics.today - day) / half_life)
        sales += np.bincount(item, weight, minlength=len(sales))
    return Popular.of(sales.astype(np.float32), past.statistics.newcomers_lately, settings.proposed)


def popular_half_life(settings: PopularSettings, horizon: int) -> float:
    """Days after which a sale counts half."""
    return settings.half_life_days or horizon / 2


def newest_sales(
    lines: PurchaseLines, n_customers: int, today: int, half_life: float, n_items: int
) -> NDArray[np.float64]:
    """Per item, its buyers decayed by their newest purchase, as `fit_popular` counts them; adds up over parts of the
    shop."""
    # A guest order stands for one customer of its own.
    holder = np.where(lines.customer >= 0, lines.customer, n_customers + lines.order.astype(np.int64))
    by_age = np.lexsort((-lines.day, lines.item, holder))
    newest = by_age[positions(keys(holder[by_age], lines.item[by_age])) == 0]
    weight = np.exp2(-(today - lines.day[newest]) / half_life)
    return np.bincount(lines.item[newest], weight, minlength=n_items).astype(np.float64)


def fit_categories(past: Past, settings: CategorySettings) -> Categories:
    """Each category's best sellers of late, damped by the size of the category."""
    statistics = past.statistics
    sales = statistics.popularity[SHORT] + np.float32(0.1) * statistics.newcomers
    sold = np.flatnonzero(sales > 0)
    shape = (int(statistics.leaf.max()) + 1, statistics.n_items)
    share = sales[sold] / sales.sum() * np.float32(1e4)
    every = sp.csr_array((share, (statistics.leaf[sold], sold)), shape=shape)
    size = np.bincount(statistics.leaf[sold], share, minlength=shape[0])
    best = top_of_rows(every, settings.items)
    damped = best.data / np.sqrt(size[row_numbers(best)])
    return Categories(statistics.leaf, with_values(best, damped))


def fit_customers(past: Past, settings: CustomerSettings) -> Customers:
    """The reference customers' tastes and purchases; a seeded sample where there are more than `reference`."""
    habits, statistics = past.habits, past.statistics
    some = np.flatnonzero(habits.orders > 0)
    if len(some) > settings.reference:
        some = np.sort(np.random.default_rng(settings.seed).choice(some, settings.reference, replace=False))
    rarity = np.log((statistics.n_customers + 1) / (statistics.buyers + 1)).astype(np.float32)
    members = Habits(habits.history.rows(some), habits.n_items, habits.today, habits.horizon)
    tastes = sp.csr_array(taste(members, rarity).T)
    tastes.sort_indices()
    first = members.pairs.first_day
    age = (habits.today - first).astype(np.float32)
    new = np.where(first >= habits.today - habits.horizon, np.exp2(-age / (habits.horizon / 2)), 0)
    tables = {
        "recent": members.matrix(np.minimum(members.counts[SHORT], MOST_RECENT)),
        "lasting": unit_rows(members.matrix(members.counts[LONG])),
        "new": members.matrix(new),
    }
    kept = {name: stored_where(table, table.data >= FAINT[name]) for name, table in tables.items()}
    return Customers(some.astype(np.int32), rarity, tastes, kept, settings.neighbours)


def fit_neighbours(past: Past, settings: NeighbourSettings) -> Neighbours:
    """Items alike in who buys them, among the head: degree-normalised co-purchase over the customers' lasting items."""
    head = neighbour_head(past.statistics, settings)
    bought = lasting_items(past.habits, head, settings.history)
    weight = degree_weight(np.bincount(bought.indices, minlength=len(head)))
    length = 1 / np.sqrt(1 + np.diff(bought.indptr))
    scaled = with_values(bought, bought.data * weight[bought.indices] * length[row_numbers(bought)])

    def weigh(_: NDArray[np.int64], other: NDArray[np.int32], together: NDArray[np.float32]) -> NDArray[np.float32]:
        return neighbour_weight(together, weight[other])

    return neighbours_of(related_items(scaled, weigh, settings.neighbours), weight, head)


def neighbour_head(statistics: Statistics, settings: NeighbourSettings) -> NDArray[np.bool_]:
    """The items that are related: the best sellers that enough customers bought; a mask of n_items."""
    n_items = statistics.n_items
    order = np.lexsort((np.arange(n_items), -statistics.buyers, -statistics.popularity[LONG]))
    head = np.zeros(n_items, np.bool_)
    head[order[: settings.head]] = True
    return head & (statistics.buyers >= settings.buyers)


def lasting_items(habits: Habits, head: NDArray[np.bool_], history: int) -> "Rows[Any]":
    """Customers × items: the `history` items of the head that each customer bought most, over a long memory, damped."""
    lasting = habits.matrix(np.log1p(habits.counts[LASTING]))
    return top_of_rows(stored_where(lasting, head[lasting.indices]), history)


def degree_weight(degree: NDArray[Any]) -> NDArray[np.float32]:
    """What a purchase of an item says that so many customers hold."""
    return np.asarray(1 / np.sqrt(1 + degree), np.float32)


def neighbour_weight(together: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """How strongly an item is related to another one of this `weight`."""
    # Another full division by the other's root degree would make this a cosine; half keeps what sells in sight.
    kept = np.where(together >= 1e-4, together / np.sqrt(weight), 0)
    return np.asarray(kept, np.float32)


def neighbours_of(table: ItemTable, weight: NDArray[np.float32], head: NDArray[np.bool_]) -> Neighbours:
    """The source over a finished table."""
    return Neighbours(table, table.transposed(), np.where(head, weight, 0).astype(np.float32))
