"""From the shop's own ids to inside indices: a block of questions as the recommender takes it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ranking import keys
from models.recommender import Recommender
from models.scenarios import NEW_ONLY, RANKED_BY
from models.sources.protocol import Queries
from models.strings import IdIndex
from recsvc.engine.happenings import asked_about, kept_back, with_happenings
from recsvc.engine.query import Query


@dataclass(frozen=True, eq=False)
class Inside:
    """`group`: the number of the variants that each item belongs to (−1: none), None for a shop without variants."""

    customers: IdIndex
    items: IdIndex
    recommender: Recommender
    group: NDArray[Any] | None

    def _seen(self, block: list[Query]) -> NDArray[np.int64]:
        """Keys of what other lists of the page show."""
        shown = [(row, query.seen) for row, query in enumerate(block) if query.seen]
        parts = [keys(np.array([row]), self.items.find_hashed(seen)) for row, seen in shown]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def variants_shown(self, block: list[Query], queries: Queries) -> NDArray[np.int64]:
        """Keys of the variants that are asked about or seen elsewhere on the page: rows and groups."""
        if self.group is None:
            return np.zeros(0, np.int64)
        shown = np.concatenate([keys(queries.cart_row, queries.cart_item), self._seen(block)])
        row, group = shown >> 32, self.group[shown & 0xFFFFFFFF]
        return np.unique(keys(row[group >= 0], group[group >= 0]))

    def queries(self, block: list[Query], scenario: str) -> Queries:
        """Who asks, with their histories and carts; what happened since the training is in them."""
        customers = np.array(
            [-1 if query.customer_id is None else self.customers.find(query.customer_id) for query in block], np.int64
        )
        carts = [
            sorted(
                {
                    found
                    for item in (*asked_about(query.items, query.live, scenario), *query.session_items)
                    if (found := self.items.find(item)) >= 0
                }
            )
            for query in block
        ]
        row = np.repeat(np.arange(len(block)), [len(cart) for cart in carts])
        item = np.array([item for cart in carts for item in cart], np.int32)
        queries = self.recommender.queries(customers, row, item)
        happened = [query.live for query in block]
        queries = with_happenings(queries, happened, self.items, looks=scenario in RANKED_BY)
        if scenario in RANKED_BY and len(item):
            # What lies in the cart or was just looked at says what the customer is up to, like a purchase of today.
            queries = replace(queries, history=queries.history.with_entries(row, item, queries.today))
        return queries

    def excluded(self, block: list[Query], queries: Queries, scenario: str) -> NDArray[np.int64]:
        """Sorted keys of (row, item) that must not be in the lists."""
        named = [
            (row, found)
            for row, query in enumerate(block)
            for item in (*query.exclude, *kept_back(query.live))
            if (found := self.items.find(item)) >= 0
        ]
        parts = [keys(queries.cart_row, queries.cart_item), self._seen(block)]
        if named:
            row, item = np.array(named, np.int64).T
            parts.append(keys(row, item))
        if scenario in NEW_ONLY:
            parts.append(keys(queries.pairs.row, queries.pairs.item))
        return np.sort(np.concatenate(parts))
