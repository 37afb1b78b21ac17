"""A candidate's features: the one function that training and serving share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.habits import BRIEF, LASTING, LONG, SHORT, Habits
from models.ranking import keys
from models.sources.protocol import Queries, Signals, Source
from models.sparse import segment_maxima
from models.statistics import Statistics

Floats = NDArray[np.float32]
Columns = dict[str, NDArray[Any]]
# What a customer's own rhythm with an item must outweigh: so many of the item's usual gaps.
GAP_PRIOR = 2
# Early features of the item itself.
EARLY = ("sales_short", "trials_lately", "repeat_rate")


def features(
    queries: Queries, candidates: Candidates, statistics: Statistics, said: Mapping[str, tuple[Source, Signals]]
) -> "Table":
    """Every feature by name, float32, NaN where it has no meaning; `said` holds each source's signals.

    Figures of the shop are shares or relative to the horizon, so that windows of a growing shop look alike.
    """
    return further(queries, candidates, statistics, early(queries, candidates, statistics, said))


def early(
    queries: Queries, candidates: Candidates, statistics: Statistics, said: Mapping[str, tuple[Source, Signals]]
) -> Columns:
    """Those by which a short list is chosen: they are nearly free, or need all candidates of a row."""
    columns = _of_purchases(queries.habits, candidates, statistics)
    columns |= {name: value[candidates.item] for name, value in _by_item(statistics).items() if name in EARLY}
    return columns | _of_sources(candidates, statistics, said, len(queries))


def further(queries: Queries, candidates: Candidates, statistics: Statistics, columns: Columns) -> "Table":
    """All, given the early ones of the same candidates. A candidate's features depend on no other candidate."""
    habits = queries.habits
    every = dict(columns)
    every |= _of_items(candidates, statistics, columns)
    every |= _of_categories(habits, candidates, statistics)
    every |= _of_taste(habits, candidates, statistics)
    every |= _of_customers(habits, candidates)
    return Table(every, tuple(columns))


class Table(Columns):
    """Columns by name that lie as the rows of one float32 array, `table`, in their order; `early` names those by which
    a short list is chosen."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], early: tuple[str, ...]) -> None:
        self.early = early
        self.table = np.empty((len(columns), len(next(iter(columns.values())))), np.float32)
        for place, column in enumerate(columns.values()):
            self.table[place] = column
        super().__init__(zip(columns, self.table, strict=True))
        self.names = tuple(columns)


def table_of(columns: Mapping[str, NDArray[Any]], names: tuple[str, ...], rows: NDArray[Any]) -> Floats:
    """The named columns of the chosen rows (ascending, each once) one after the other, shape (n_names, n_rows)."""
    if isinstance(columns, Table) and columns.names == names:
        return columns.table if len(rows) == columns.table.shape[1] else columns.table[:, rows]
    table = np.empty((len(names), len(rows)), np.float32)
    for place, name in enumerate(names):
        columns[name].take(rows, out=table[place], mode="clip")
    return table


def matrix(columns: Mapping[str, NDArray[Any]], names: tuple[str, ...], rows: NDArray[Any]) -> Floats:
    """The same as LightGBM takes it, shape (n_rows, n_names)."""
    return np.ascontiguousarray(table_of(columns, names, rows).T)


def _of_purchases(habits: Habits, candidates: Candidates, statistics: Statistics) -> Columns:
    """The customer's own purchases of the item: how often, how long ago, against which gap."""
    pairs, today = habits.pairs, habits.today
    times = pairs.orders.astype(np.float32)
    since = (today - pairs.last_day).astype(np.float32)
    span = (pairs.last_day - pairs.first_day).astype(np.float32)
    usual = (span + GAP_PRIOR * statistics.gap[pairs.item]) / (times - 1 + GAP_PRIOR)
    own_gap = np.where(times > 1, span / np.maximum(times - 1, 1), np.nan)
    quantity = pairs.sums(habits.history.quantity) / times
    zero: Columns = {
        "bought_brief": habits.counts[BRIEF],
        "bought_short": habits.counts[SHORT],
        "bought_long": habits.counts[LONG],
        "bought_lasting": habits.counts[LASTING],
        "times": times,
        "rate": times / np.maximum(habits.orders_since_first, 1),
        "share": habits.counts[LONG] / habits.total[pairs.row],
    }
    missing: Columns = {
        "since": since,
        "gap": usual,
        "due": since / np.maximum(usual, 1),
        "own_due": since / np.maximum(own_gap, 1),
        "orders_since": habits.orders_since_last,
        "quantity": quantity,
        "place": habits.rank,
    }
    return _taken(candidates, zero, 0.0) | _taken(candidates, missing, np.nan)


def _taken(candidates: Candidates, per_pair: Mapping[str, NDArray[Any]], otherwise: float) -> Columns:
    """Values of the pairs at each candidate, `otherwise` where the row never bought it."""
    n_pairs = len(next(iter(per_pair.values())))
    table = np.full((len(per_pair), n_pairs + 1), otherwise, np.float32)
    for place, value in enumerate(per_pair.values()):
        table[place, :n_pairs] = value
    # No pair is −1: the last one.
    return dict(zip(per_pair, table[:, candidates.pair], strict=True))


def _by_item(statistics: Statistics) -> Columns:
    """The items in the shop: what sells, what is new, what is bought again."""
    memories = ("sales_brief", "sales_short", "sales_long", "sales_lasting")
    columns: Columns = dict(zip(memories, statistics.sales_per_10_000, strict=True))
    columns["trials"], columns["trials_lately"] = statistics.trials_per_10_000
    columns["repeat_rate"], columns["item_gap"] = statistics.repeat_rate, statistics.gap
    columns["price"] = statistics.log_price
    return columns


def _of_items(candidates: Candidates, statistics: Statistics, known: Columns) -> Columns:
    """The item in the shop, but for what is `known`."""
    item = candidates.item
    columns = {name: value[item] for name, value in _by_item(statistics).items() if name not in known}
    columns["trend"] = (columns["sales_brief"] + 0.05) / (columns["sales_long"] + 0.05)
    columns["trial_share"] = statistics.newcomers[item] / np.maximum(statistics.popularity[SHORT][item], 0.5)
    columns["item_age"] = np.minimum(statistics.age[item], statistics.horizon)
    return columns


def _of_categories(habits: Habits, candidates: Candidates, statistics: Statistics) -> Columns:
    """The customer's purchases in the item's category, at two depths."""
    item = candidates.item
    columns: Columns = {}
    total = habits.total[candidates.row]
    per_pair = {
        "weight": habits.counts[LONG],
        "times": habits.pairs.orders.astype(np.float32),
        "price": statistics.log_price[habits.pairs.item],
    }
    for level, category, sales in (
        ("leaf", statistics.leaf, statistics.leaf_sales),
        ("mid", statistics.mid, statistics.mid_sales),
    ):
        groups = habits.folded(category, per_pair).among(keys(candidates.row, category[item]))
        count = groups.at("count")
        weight = groups.at("weight")
        columns[f"{level}_items"] = count
        columns[f"{level}_weight"] = weight
        columns[f"{level}_times"] = groups.at("times")
        columns[f"{level}_since"] = habits.today - groups.at("last_day", np.nan)
        columns[f"{level}_share"] = weight / total
        columns[f"{level}_sales_share"] = statistics.popularity[SHORT][item] / np.maximum(sales[category[item]], 0.5)
        if level == "leaf":
            columns["leaf_repeat_rate"] = statistics.leaf_repeat_rate[category[item]]
            usual = np.maximum(statistics.leaf_share[category[item]], 1e-6)
            columns["leaf_affinity"] = columns["leaf_share"] / usual
            paid = groups.at("price") / np.where(count > 0, count, np.nan)
            columns["price_in_leaf"] = statistics.log_price[item] - paid
    return columns


def _of_taste(habits: Habits, candidates: Candidates, statistics: Statistics) -> Columns:
    """Price and brand against what the customer usually chooses."""
    pairs, item, row = habits.pairs, candidates.item, candidates.row
    n_items = np.maximum(habits.of_rows(np.ones(len(pairs))), 1)
    usual_price = habits.of_rows(statistics.log_price[pairs.item]) / n_items
    brands = habits.folded(statistics.brand, {"weight": habits.counts[LONG]})
    bought = brands.among(keys(row, statistics.brand[item])).at("weight") / habits.total[row]
    return {
        "price_fit": statistics.log_price[item] - usual_price[row],
        "brand_fit": bought - statistics.brand_share[statistics.brand[item]],
    }


def _of_customers(habits: Habits, candidates: Candidates) -> Columns:
    """The customer: how often they shop, how much, how much of it new."""
    pairs, row, orders = habits.pairs, candidates.row, habits.orders
    first, last = habits.bounds
    lines = np.diff(habits.history.indptr)
    start = habits.today - habits.horizon
    recent = habits.of_rows(pairs.last_day >= start)
    new = habits.of_rows(pairs.first_day >= start)
    per_row: dict[str, NDArray[Any]] = {
        "customer_orders": orders,
        "customer_basket": lines / np.maximum(orders, 1),
        "customer_since": habits.today - last,
        "customer_gap": (last - first) / np.maximum(orders - 1, 1),
        "customer_recent": recent,
        "customer_new_share": new / np.maximum(recent, 1),
        "customer_items": habits.of_rows(np.ones(len(pairs))),
    }
    return {name: value[row].astype(np.float32) for name, value in per_row.items()}


def _of_sources(
    candidates: Candidates, statistics: Statistics, said: Mapping[str, tuple[Source, Signals]], n_rows: int
) -> Columns:
    """What the other sources say, as it is and against their best for something that the customer never bought."""
    columns: Columns = {}
    for name, (source, signals) in said.items():
        if name in ("repeat", "popular"):
            continue
        for signal in source.signals:
            score = source.at(signals, signal, candidates)
            best = segment_maxima(candidates.row, np.where(candidates.owned, 0, score), n_rows)
            columns[signal] = score
            columns[f"{signal}_relative"] = score / np.maximum(best[candidates.row], 1e-9)
    if "customers_recent" in columns:
        share = statistics.popularity[SHORT][candidates.item] / max(statistics.n_customers, 1.0)
        columns["customers_lift"] = columns["customers_recent"] / np.maximum(share, 1e-5)
    return columns
