"""Fits the sources that count: repeat, neighbours, complements, popular."""

import numpy as np
import scipy.sparse as sp

from models.interactions import Pairs
from models.ranking import contains, keys, positions, rank
from models.sources.complements import Complements, ComplementSettings
from models.sources.neighbours import Neighbours, NeighbourSettings
from models.sources.popular import Popular, PopularSettings
from models.sources.repeat import Repeat, RepeatSettings, decayed_counts
from training.data import TrainingData
from training.fit.cooccurrence import related_items, shrunk_cosine

HALF_LIVES = (7.0, 15.0, 30.0, 60.0, 120.0, 240.0)
HOLDOUT_DAYS = 28
CHOICE_CUSTOMERS = 20_000


def fit_repeat(data: TrainingData, settings: RepeatSettings) -> Repeat:
    """Own purchases with decay; a half-life of 0 is chosen on the last days of the data."""
    return Repeat(settings.half_life_days or choose_half_life(data))


def choose_half_life(data: TrainingData) -> float:
    """The half-life whose own-purchase lists best foresee the last days, by ndcg@10 over a sample of customers."""
    days = min(HOLDOUT_DAYS, (data.last_day - data.first_day) // 4)
    cutoff = data.last_day + 1 - days
    later = data.lines.where((data.lines.day >= cutoff) & (data.lines.customer >= 0))
    pairs = Pairs.of(data.before(cutoff).interactions().rows(np.unique(later.customer)[:CHOICE_CUSTOMERS]))
    if not len(pairs):
        return 60.0
    customers = np.unique(later.customer)[:CHOICE_CUSTOMERS]
    bought = np.unique(keys(later.customer, later.item))
    gains = {}
    for half_life in HALF_LIVES:
        lists = rank(len(customers), pairs.row, pairs.item, decayed_counts(pairs, cutoff, half_life), 10)
        hit = contains(bought, keys(customers[lists.row], lists.item))
        gains[half_life] = float((hit / np.log2(positions(lists.row) + 2.0)).sum())
    return max(gains, key=lambda half_life: gains[half_life])


def fit_popular(data: TrainingData, settings: PopularSettings) -> Popular:
    """Customers (and guest orders) that bought each item, each counted by its newest purchase."""
    lines = data.lines
    # A guest order stands for one customer of its own.
    holder = np.where(lines.customer >= 0, lines.customer, len(data.customers) + lines.order)
    by_age = np.lexsort((-lines.day, lines.item, holder))
    newest = positions(keys(holder[by_age], lines.item[by_age])) == 0
    kept = by_age[newest]
    weight = np.exp2(-(data.last_day - lines.day[kept]) / settings.half_life_days)
    score = np.bincount(lines.item[kept], weight, minlength=len(data.catalogue))
    return Popular.of(score.astype(np.float32))


def fit_neighbours(data: TrainingData, settings: NeighbourSettings) -> Neighbours:
    """Items alike in who buys them: shrunk cosine over the customers' newest items."""
    pairs = Pairs.of(data.interactions())
    newest = rank_newest(pairs, settings.history)
    damped = np.sqrt(decayed_counts(pairs, data.last_day + 1, settings.half_life_days))[newest]
    customers_items = sp.csr_array(
        (damped, (pairs.row[newest], pairs.item[newest])), shape=(len(data.customers), len(data.catalogue))
    )
    held = np.bincount(pairs.item[newest], damped.astype(np.float64) ** 2, minlength=len(data.catalogue)).astype(
        np.float64
    )
    table = related_items(customers_items, shrunk_cosine(held, settings.shrink), settings.neighbours)
    return Neighbours(table, table.transposed(), settings.half_life_days)


def rank_newest(pairs: Pairs, limit: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The places of each row's `limit` most recently bought pairs, in the order of the pairs."""
    by_age = np.lexsort((pairs.item, -pairs.last_day, pairs.row))
    return np.sort(by_age[positions(pairs.row[by_age]) < limit])


def fit_complements(data: TrainingData, settings: ComplementSettings) -> Complements:
    """Items that orders hold together: shrunk cosine over orders, guests' orders included."""
    lines = data.lines
    size = np.bincount(lines.order)
    kept = lines.where((size[lines.order] > 1) & (size[lines.order] <= settings.largest_order))
    _, order = np.unique(kept.order, return_inverse=True)
    ones = np.ones(len(kept), np.float32)
    shape = (int(order.max(initial=-1)) + 1, len(data.catalogue))
    orders_items = sp.csr_array((ones, (order, kept.item)), shape=shape)
    held = np.maximum(np.bincount(lines.item, minlength=len(data.catalogue)), 1).astype(np.float64)
    weigh = shrunk_cosine(held, settings.shrink, settings.support)
    table = related_items(orders_items, weigh, settings.neighbours)
    return Complements(table, table.transposed())
