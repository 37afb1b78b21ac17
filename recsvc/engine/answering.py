"""Answers queries from one bundle: stored lists where they suffice, the ranking code elsewhere, the shop's rules on
both.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Manifest
from models.catalogue import Catalogue, under
from models.errors import BundleError
from models.interactions import Interactions
from models.lists import Ranked, StoredLists
from models.ranking import Scored, contains, keys, positions
from models.recommender import Recommender
from models.scenarios import NEW_ONLY, RANKED_BY, SCENARIOS, SOURCES, STORED
from models.sources.popular import Popular
from models.sources.protocol import Queries
from models.strings import IdIndex
from recsvc.engine.blocks import merge, rows_of
from recsvc.engine.past import Past, newest_orders, past_of
from recsvc.engine.products import Products
from recsvc.engine.query import Answer, AnsweredItem, Query
from recsvc.engine.rules import Rules, rules_at
from recsvc.engine.wording import reasons

BLOCK = 64
POPULAR = SOURCES.index("popular")


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of a block before they are worded: `ranked` holds them, of which the first `own` items of each row come
    from the ranking and the others from the fallback; `excluded` holds the keys of what must not be in them."""

    queries: Queries
    ranked: Ranked
    own: NDArray[np.int64]
    excluded: NDArray[np.int64]

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which rows the fallback filled."""
        listed = np.bincount(self.ranked.scored.row, minlength=len(self.queries))
        return np.greater(listed, self.own)


class Engine:
    """One bundle, ready to answer. Safe for several threads; holds nothing that a request changes but caches."""

    def __init__(
        self,
        manifest: Manifest,
        customers: IdIndex,
        catalogue: Catalogue,
        recommender: Recommender,
        stored: dict[str, StoredLists],
    ) -> None:
        self.manifest = manifest
        self.customers = customers
        self.catalogue = catalogue
        self.recommender = recommender
        self.stored = stored
        popular = recommender.sources["popular"]
        assert isinstance(popular, Popular)
        self._popular = popular
        self._products = Products(catalogue)
        self._cached_rules: Rules | None = None

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Engine":
        """Raises BundleError when the bundle lacks a part."""
        arrays = bundle.arrays
        try:
            return cls(
                bundle.manifest,
                IdIndex.from_arrays(under(arrays, "customers")),
                Catalogue.from_arrays(under(arrays, "catalogue")),
                Recommender.from_bundle(bundle),
                {name: StoredLists.from_arrays(under(arrays, f"lists.{name}")) for name in STORED},
            )
        except (KeyError, TypeError) as error:
            raise BundleError(f"{bundle.path} lacks {error}: another version of recsvc made it; train again") from None

    @property
    def version(self) -> str:
        return self.manifest.version

    def recommend(self, query: Query, *, now: datetime) -> Answer:
        """One answer; the same as `recommend_many` gives for it."""
        return self._answer_block([query], now)[0]

    def recommend_many(self, queries: Iterable[Query], *, now: datetime) -> Iterator[Answer]:
        """Answers in the order of the queries, computed block by block."""
        waiting = iter(queries)
        while block := list(islice(waiting, BLOCK)):
            yield from self._answer_block(block, now)

    def _answer_block(self, block: Sequence[Query], now: datetime) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(block)
        for scenario in dict.fromkeys(query.scenario for query in block):
            if scenario not in SCENARIOS:
                raise ValueError(f"unknown scenario {scenario!r}")
            places = [place for place, query in enumerate(block) if query.scenario == scenario]
            part = self._answer(scenario, [block[place] for place in places], now)
            for place, answer in zip(places, part, strict=True):
                answers[place] = answer
        return [answer for answer in answers if answer is not None]

    def _answer(self, scenario: str, block: list[Query], now: datetime) -> list[Answer]:
        wanted = np.array([query.n for query in block])
        return self._worded(block, self.lists(scenario, block, wanted, now), now)

    def lists(self, scenario: str, block: list[Query], wanted: NDArray[Any], now: datetime) -> Lists:
        """The items for queries of one scenario, `wanted` of them instead of each query's own n.

        A longer list begins with the shorter one.
        """
        rules = self._rules(now)
        queries = self._inside(block, scenario)
        excluded = self._excluded(block, queries, scenario)
        stored, is_all = self._look_up(scenario, queries)
        lists, counts = self._take(stored, rules, excluded, wanted)
        # A stored list is the head of the full ranking: where rules leave too little of it, rank for this row in full.
        short = np.flatnonzero((counts < wanted) & ~is_all & self.can_rank(scenario, queries))
        if len(short):
            computed = self.recommender.rank(rows_of(queries, short), scenario)
            moved = Ranked(
                Scored(len(block), short[computed.scored.row], computed.scored.item, computed.scored.score),
                computed.source,
            )
            again, more = self._take(moved, rules, excluded, wanted)
            lists = merge(lists.where(~np.isin(lists.scored.row, short)), again)
            counts[short] = more[short]
        return Lists(queries, self._fill(scenario, lists, counts, wanted, rules, excluded), counts, excluded)

    def can_rank(self, scenario: str, queries: Queries) -> NDArray[np.bool_]:
        """Rows that say enough for the scenario; the others go straight to the fallback, and say so."""
        if scenario not in RANKED_BY:
            return np.ones(len(queries), np.bool_)
        return np.diff(queries.history.indptr) > 0

    def _inside(self, block: list[Query], scenario: str) -> Queries:
        customers = np.array(
            [-1 if query.customer_id is None else self.customers.find(query.customer_id) for query in block], np.int64
        )
        carts = [
            sorted(
                {
                    found
                    for item in (*query.items, *query.session_items)
                    if (found := self.catalogue.items.find(item)) >= 0
                }
            )
            for query in block
        ]
        row = np.repeat(np.arange(len(block)), [len(cart) for cart in carts])
        item = np.array([item for cart in carts for item in cart], np.int32)
        queries = self.recommender.queries(customers, row, item)
        if scenario in RANKED_BY and len(item):
            # What lies in the cart or was just looked at says what the customer is up to, like a purchase of today.
            queries = replace(queries, history=queries.history.with_entries(row, item, queries.today))
        return queries

    def _excluded(self, block: list[Query], queries: Queries, scenario: str) -> NDArray[np.int64]:
        named = [
            (row, found)
            for row, query in enumerate(block)
            for item in query.exclude
            if (found := self.catalogue.items.find(item)) >= 0
        ]
        parts = [keys(queries.cart_row, queries.cart_item)]
        if named:
            row, item = np.array(named, np.int64).T
            parts.append(keys(row, item))
        if scenario in NEW_ONLY:
            parts.append(keys(queries.pairs.row, queries.pairs.item))
        return np.sort(np.concatenate(parts))

    def _look_up(self, scenario: str, queries: Queries) -> tuple[Ranked, NDArray[np.bool_]]:
        """The stored lists, and for which rows they hold all that a full ranking would."""
        n_rows = len(queries)
        is_all = np.zeros(n_rows, np.bool_)
        # A cart may change the ranking, so only queries without one are look-ups.
        plain = np.ones(n_rows, np.bool_)
        plain[queries.cart_row] = False
        row = np.flatnonzero(plain & (queries.customer >= 0))
        if scenario not in self.stored or not len(row):
            return Ranked(Scored.empty(n_rows), np.zeros(0, np.uint8)), is_all
        found = self.stored[scenario].rows(queries.customer[row], row, n_rows)
        is_all[row] = np.bincount(found.scored.row, minlength=n_rows)[row] < self.recommender.settings.stored
        return found, is_all

    def _take(
        self, ranked: Ranked, rules: Rules, excluded: NDArray[np.int64], wanted: NDArray[Any]
    ) -> tuple[Ranked, NDArray[np.int64]]:
        scored = ranked.scored
        kept = ranked.where(rules.allowed[scored.item] & ~contains(excluded, keys(scored.row, scored.item)))
        best = kept.where(positions(kept.scored.row) < wanted[kept.scored.row])
        return best, np.bincount(best.scored.row, minlength=len(wanted))

    def _fill(
        self,
        scenario: str,
        lists: Ranked,
        counts: NDArray[np.int64],
        wanted: NDArray[Any],
        rules: Rules,
        excluded: NDArray[np.int64],
    ) -> Ranked:
        """Fill short lists with what is popular.

        A list of what to buy again is not filled up: something never bought has no place in it, unless it is empty.
        """
        if scenario == "popular":
            return lists
        short = counts == 0 if scenario == "again" else counts < wanted
        rows = np.flatnonzero(short)
        if not len(rows):
            return lists
        taken = np.sort(np.concatenate([excluded, keys(lists.scored.row, lists.scored.item)]))
        most = int(wanted[rows].max()) + int(np.bincount(taken >> 32, minlength=len(wanted))[rows].max())
        best = rules.popular[:most]
        row, item = np.repeat(rows, len(best)), np.tile(best, len(rows))
        free = ~contains(taken, keys(row, item))
        row, item = row[free], item[free]
        room = positions(row) < (wanted - counts)[row]
        row, item = row[room], item[room]
        # Scores go on below the list's last one, so that they stay in order.
        floor = np.ones(len(wanted), np.float32)
        np.minimum.at(floor, lists.scored.row, lists.scored.score)
        share = self._popular.sales[item] / max(float(self._popular.sales.max(initial=0)), 1e-9)
        filled = Scored(len(wanted), row, item, floor[row] * share.astype(np.float32) * np.float32(0.99))
        return merge(lists, Ranked(filled, np.full(len(filled), POPULAR, np.uint8)))

    def _worded(self, block: list[Query], lists: Lists, now: datetime) -> list[Answer]:
        ranked, seconds = lists.ranked, now.timestamp()
        products = self._products.take(ranked.scored.item, seconds)
        locales = [query.locale for query in block]
        texts = reasons(self.recommender, lists.queries, ranked, products, self._products, locales, seconds)
        items = [
            AnsweredItem(product=product, score=round(score, 6), source=SOURCES[source], reason=text)
            for product, score, source, text in zip(
                products, ranked.scored.score.tolist(), ranked.source.tolist(), texts, strict=True
            )
        ]
        bounds, filled = ranked.scored.indptr.tolist(), lists.filled.tolist()
        return [
            Answer(
                query=query,
                model_version=self.version,
                fallback="popular" if filled[row] else None,
                items=tuple(items[bounds[row] : bounds[row + 1]]),
            )
            for row, query in enumerate(block)
        ]

    def last_bought(self, customer_id: str) -> tuple[str, ...]:
        """The items of the customer's last order; none for one that the model does not know."""
        history = self._history(customer_id)
        return tuple(
            self.catalogue.items[item] for places in newest_orders(history, 1) for item in history.item[places].tolist()
        )

    def past(self, customer_id: str, *, orders: int) -> Past:
        """What the customer bought, with so many of the newest orders; nothing for one that the model does not know."""
        return past_of(self._history(customer_id), self.catalogue, orders)

    def _history(self, customer_id: str) -> Interactions:
        return self.recommender.histories.rows(np.array([self.customers.find(customer_id)]))

    def _rules(self, now: datetime) -> Rules:
        since = rules_at(now)
        cached = self._cached_rules
        if cached is None or cached.since != since:
            cached = self._cached_rules = Rules.of(self.catalogue, self._popular.by_sales, since)
        return cached
