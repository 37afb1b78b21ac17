"""A cart's candidates and their features: the one function that training and serving share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidates
from models.carts.asked import Asked, Told
from models.carts.tables import SIGNALS, CartTables, Found
from models.features import Columns
from models.habits import LASTING, LONG, Habits
from models.ranking import contains, keys
from models.sources.protocol import Queries
from models.sparse import look_up, row_maxima, row_numbers, row_sums, rows_of, segment_maxima
from models.tops import top_of_rows

# Candidates of each signal and from the customer's own purchases.
TAKEN = {"links": 60, "ease": 60, "orders": 60, "customers": 40}
OWN = 60
# Orders that a share must outweigh.
PRIOR = 5


def candidates_of(queries: Queries, asked: Asked, tables: CartTables, found: Found) -> Candidates:
    """What any signal proposes, what sells, and what the customer buys; nothing that was asked about, and nothing for
    an empty cart."""
    parts = [keys(*found.best(signal, limit)) for signal, limit in TAKEN.items()]
    some = np.flatnonzero(asked.size)
    best = tables.popular
    parts.append(keys(np.repeat(some, len(best)), np.tile(best, len(some))))
    habits = queries.habits
    if len(habits.pairs):
        own = top_of_rows(habits.matrix(habits.counts[LONG] + np.float32(0.1) * habits.counts[LASTING]), OWN)
        row = row_numbers(own)
        parts.append(keys(row, own.indices)[asked.size[row] > 0])
    key = np.unique(np.concatenate(parts))
    return Candidates.of(habits, key[~contains(keys(queries.cart_row, queries.cart_item), key)])


def features_of(queries: Queries, asked: Asked, tables: CartTables, found: Found, candidates: Candidates) -> Columns:
    """Every feature by name, float32, NaN where it has no meaning."""
    columns = _of_signals(found, candidates, len(queries))
    columns |= _of_strongest(asked, tables, candidates)
    columns |= _of_items(asked, tables, candidates)
    columns |= _of_categories(asked, tables, candidates, len(queries))
    columns |= _of_customer(queries.habits, candidates)
    return {name: column.astype(np.float32, copy=False) for name, column in columns.items()}


def _of_signals(found: Found, candidates: Candidates, n_rows: int) -> Columns:
    """Each signal as it is and against its best for the cart; how near the nearest orders and customers are."""
    row = candidates.row
    columns: Columns = {}
    for signal in SIGNALS:
        score = candidates.places.take(found.rows[signal])
        best = segment_maxima(row, score, n_rows)
        columns[signal] = score
        columns[f"{signal}_relative"] = score / np.maximum(best, 1e-9)[row]
    for name, near in (("orders", found.near_orders), ("customers", found.near_customers)):
        columns[f"{name}_near"] = row_sums(near).astype(np.float32)[row]
        columns[f"{name}_nearest"] = row_maxima(near)[row]
    return columns


def _of_strongest(asked: Asked, tables: CartTables, candidates: Candidates) -> Columns:
    """The strongest link from the cart: how sure of the one the other makes, both ways, and the step in price."""
    told = Told.of(tables.links, asked, candidates.places).strongest()
    speaker, item = asked.speaker[told.entry], candidates.item[told.place]
    link = told.value / asked.weight[told.entry]
    together = tables.together(speaker, item, link)
    held, other = tables.held[speaker], tables.held[item]
    chance = held * other / np.float32(max(tables.numbers[0], 1.0))
    named = {
        "strongest": told.value,
        "forward": together / (held + PRIOR),
        "backward": together / (other + PRIOR),
        "lift": together / (chance + 1),
        "price_step": tables.log_price[item] - tables.log_price[speaker],
    }
    columns = {}
    for name, value in named.items():
        columns[name] = np.full(len(candidates), np.nan if name == "price_step" else 0, np.float32)
        columns[name][told.place] = value
    return columns


def _of_items(asked: Asked, tables: CartTables, candidates: Candidates) -> Columns:
    """The item in the shop, and against the cart."""
    row, item = candidates.row, candidates.item
    return {
        "size": asked.size.astype(np.float32)[row],
        "sales": tables.sales[item],
        "sales_lately": tables.sales_lately[item],
        "basket": tables.basket[item],
        "repeats": tables.repeats[item],
        "price": tables.log_price[item],
        "price_fit": tables.log_price[item] - asked.mean(tables.log_price)[row],
    }


def _of_categories(asked: Asked, tables: CartTables, candidates: Candidates, n_rows: int) -> Columns:
    """How the item's category goes with those of the cart, at two depths."""
    row, item, columns = candidates.row, candidates.item, {}
    size = np.maximum(asked.size, 1).astype(np.float32)[row]
    for level, category, affinity, share in (
        ("leaf", tables.leaf, tables.leaf_affinity, tables.leaf_share),
        ("mid", tables.mid, tables.mid_affinity, tables.mid_share),
    ):
        cart = rows_of(n_rows, affinity.shape[0], asked.row, category[asked.speaker], asked.weight)
        columns[f"{level}_affinity"] = (cart @ affinity).toarray()[row, category[item]] / size
        columns[f"{level}_same"] = cart.toarray()[row, category[item]] / size
        columns[f"{level}_share"] = share[item]
    return columns


def _of_customer(habits: Habits, candidates: Candidates) -> Columns:
    """The customer's own purchases of the item; NaN where nothing is known of the customer."""
    pairs, row = habits.pairs, candidates.row
    known = habits.orders[row] > 0
    columns = {}
    for name, value in (
        ("bought", lambda: habits.counts[LONG]),
        ("bought_lasting", lambda: habits.counts[LASTING]),
        ("rate", lambda: pairs.orders / np.maximum(habits.orders[pairs.row], 1)),
        ("since", lambda: (habits.today - pairs.last_day).astype(np.float32)),
    ):
        columns[name] = np.full(len(candidates), np.nan, np.float32)
        if len(pairs):
            otherwise = np.nan if name == "since" else 0
            taken = np.where(candidates.owned, value()[candidates.pair], otherwise)
            columns[name][known] = taken[known]
    return columns


def of_one_category(asked: Asked, tables: CartTables, candidates: Candidates) -> NDArray[np.bool_]:
    """Candidates that can stand in for the only item asked about: of its category, and not bought with it more often
    than the habits of its buyers explain."""
    the_item = np.full(len(asked.size), -1, np.int64)
    the_item[asked.row] = asked.item
    one, of = the_item[candidates.row], asked.size[candidates.row] == 1
    alike: NDArray[np.bool_] = of & (tables.leaf[one] == tables.leaf[candidates.item]) & ~tables.leafless[one]
    alike[alike] = ~_stored(tables.companions, one[alike], candidates.item[alike])
    return alike


def _stored(table: Any, row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which (row, column) the table has a value for; the rows' entries alone are looked at."""
    asked_rows = np.unique(row)
    stored = look_up(table[asked_rows], np.searchsorted(asked_rows, row), column)
    found: NDArray[np.bool_] = stored > 0
    return found
