"""Real customers to look at: what they had, what they would have been offered, what they then bought."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Pairs
from models.ranking import contains, keys
from models.recommender import Recommender
from models.scenarios import SOURCES
from training.data import TrainingData
from training.evaluate.results import Example, ListedItem, PastItem
from training.evaluate.truth import Judged

SHOWN_HISTORY = 8


def examples_of(
    recommender: Recommender, judged: Judged, count: int, list_length: int, rng: np.random.Generator
) -> list[Example]:
    """`count` customers drawn across the range of activity, from the fewest orders to the most, with `home` lists."""
    rows = spread(judged.orders, count, rng)
    if not len(rows):
        return []
    queries = recommender.queries(judged.customers[rows])
    ranked = recommender.rank(queries, "home", list_length)
    carrier = recommender.carriers(queries, ranked)
    truth = judged.truth["home"]
    listed = ranked.scored
    bought = contains(truth.keys, keys(rows[listed.row], listed.item))
    pairs = queries.pairs
    pair_keys = keys(pairs.row, pairs.item)
    catalogue = judged.past
    found = []
    for row, place in enumerate(rows):
        at = np.flatnonzero(listed.row == row)
        known = contains(pair_keys, keys(listed.row[at], listed.item[at]))
        pair = np.searchsorted(pair_keys, keys(listed.row[at], listed.item[at]))
        before = np.where(known, pairs.orders[np.minimum(pair, len(pair_keys) - 1)], 0)
        items = tuple(
            ListedItem(
                item_id=catalogue.catalogue.items[int(item)],
                title=title_of(catalogue, int(item)),
                source=SOURCES[int(source)],
                carrier=title_of(catalogue, int(carried)) if carried >= 0 else None,
                bought_before=int(times),
                bought_after=bool(hit),
            )
            for item, source, carried, times, hit in zip(
                listed.item[at], ranked.source[at], carrier[at], before, bought[at], strict=True
            )
        )
        found.append(
            Example(
                customer_id=judged.past.customers[int(judged.customers[place])],
                orders=int(judged.orders[place]),
                history=_history(judged.past, pairs, row),
                items=items,
                bought=int(truth.size[place]),
            )
        )
    return found


def spread(orders: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` rows, one from each of as many equal parts of the rows sorted by number of orders; fewest first."""
    by_orders = np.lexsort((rng.random(len(orders)), orders))
    edges = np.linspace(0, len(orders), min(count, len(orders)) + 1).astype(np.int64)
    middle = [int(rng.integers(low, high)) for low, high in pairwise(edges)]
    return by_orders[middle]


def _history(past: TrainingData, pairs: Pairs, row: int) -> tuple[PastItem, ...]:
    """The items that the row had most often, newest first among equals."""
    part = np.arange(pairs.indptr[row], pairs.indptr[row + 1])
    orders, last = pairs.orders[part], pairs.last_day[part]
    best = part[np.lexsort((pairs.item[part], -last, -orders))][:SHOWN_HISTORY]
    return tuple(
        PastItem(
            item_id=past.catalogue.items[int(pairs.item[at])],
            title=title_of(past, int(pairs.item[at])),
            orders=int(pairs.orders[at]),
            last_day=day_text(int(pairs.last_day[at])),
        )
        for at in best
    )


def title_of(data: TrainingData, item: int) -> str:
    """The item's title, or its id where the catalogue has none."""
    return data.catalogue.texts["title"][item] or data.catalogue.items[item]


def day_text(day: int) -> str:
    """ISO date of a day counted from 1970-01-01."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
