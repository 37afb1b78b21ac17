"""Answers queries from one bundle: stored lists where they suffice, the ranking code elsewhere, the shop's rules on
both.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Manifest
from models.catalogue import Catalogue, under
from models.erased import ErasedIds, LivingIds
from models.errors import BundleError
from models.interactions import Interactions
from models.lists import Ranked, StoredLists
from models.ranking import Scored, positions
from models.recommender import Recommender
from models.scenarios import RANKED_BY, SCENARIOS, STORED
from models.sources.popular import Popular
from models.sources.protocol import Queries
from models.strings import IdIndex
from recsvc.engine.blocks import rows_of
from recsvc.engine.columns import Columns
from recsvc.engine.diversity import Paths
from recsvc.engine.filling import fill_up
from recsvc.engine.inside import Inside
from recsvc.engine.kept import KeptAnswers
from recsvc.engine.lenses import Lens, Lenses
from recsvc.engine.look_up import Found, LookUp
from recsvc.engine.past import Past, newest_orders, past_of
from recsvc.engine.products import MOST_KEPT, MOST_KEPT_IN_BULK, Products
from recsvc.engine.query import Answer, Query
from recsvc.engine.rules import Rules, rules_at
from recsvc.engine.shaping import Shape
from recsvc.engine.sieve import Sieve
from recsvc.engine.stream import INSTEAD, OWN, PINNED, POPULAR, Lists, Stream
from recsvc.engine.wording import answered_items
from recsvc.i18n import translator

BLOCK, BLOCK_IN_BULK = 64, 512  # queries answered at once
NO_WISHES = Query()
NOTHING: frozenset[int] = frozenset()


class Engine:
    """One bundle, ready to answer. Safe for several threads; holds nothing that a request changes but caches."""

    def __init__(
        self,
        manifest: Manifest,
        customers: IdIndex,
        catalogue: Catalogue,
        recommender: Recommender,
        stored: dict[str, StoredLists],
        in_bulk: bool = False,
    ) -> None:
        self.manifest = manifest
        self.customers = customers
        self.catalogue = catalogue
        self.recommender = recommender
        self.stored = stored
        popular = recommender.sources["popular"]
        assert isinstance(popular, Popular)
        self._popular = popular
        self._block = BLOCK_IN_BULK if in_bulk else BLOCK
        self._products = Products(catalogue, MOST_KEPT_IN_BULK if in_bulk else MOST_KEPT)
        columns = Columns(catalogue)
        self._lenses = Lenses(columns, popular.sales)
        self._paths = Paths(catalogue)
        variants = columns.coded("item_group_id")
        self._group = variants.code if variants.values else None
        self._asked = Inside(customers, catalogue.items, recommender, self._group)
        self._cached_rules: Rules | None = None
        self.looked_up = LookUp(stored, recommender, self._products, self._group)
        self._kept = KeptAnswers(catalogue)
        self.rankings = 0  # queries that no stored list could answer, for the metrics

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, in_bulk: bool = False) -> "Engine":
        """Work on all customers, `in_bulk`, takes more memory. Raises BundleError when the bundle lacks a part."""
        arrays = bundle.arrays
        try:
            return cls(
                bundle.manifest,
                LivingIds.over(IdIndex.from_arrays(under(arrays, "customers")), ErasedIds(bundle.path.parents[1])),
                Catalogue.from_arrays(under(arrays, "catalogue")),
                Recommender.from_bundle(bundle),
                {name: StoredLists.from_arrays(under(arrays, f"lists.{name}")) for name in STORED},
                in_bulk=in_bulk,
            )
        except (KeyError, TypeError) as error:
            raise BundleError(f"{bundle.path} lacks {error}: another version of recsvc made it; train again") from None

    def warm(self) -> None:
        """Rank once as for a visitor of today, so that no request waits for what is made at first use.

        Raises BundleError when this model cannot rank.
        """
        recommender = self.recommender
        known = np.arange(min(1, len(recommender.histories)))
        queries = recommender.queries(known)
        try:
            recommender.rank_several(replace(queries, live=np.ones(len(known), np.bool_)), STORED)
        except Exception as error:  # LightGBM has errors of its own
            raise BundleError(f"the model {self.version} cannot rank: {error}") from error

    @property
    def version(self) -> str:
        return self.manifest.version

    def recommend(self, query: Query, *, now: datetime) -> Answer:
        """One answer; the same as `recommend_many` gives for it."""
        if not query.of_the_list:
            return self._answer_block([query], now)[0]
        found = self.look_up(query, now=now)
        if found is not None:
            return self.worded(query, found, now=now)
        if query.exclude:
            return self._answer_block([query], now)[0]
        # Who asks is looked up anew, so that a customer who is forgotten meanwhile is unknown at once.
        place = self._customer(query), query.scenario, query.n, query.locale
        return self._kept.at(place, query, now) or self._kept.keep(place, self._answer_block([query], now)[0])

    def look_up(self, query: Query, *, now: datetime) -> Found | None:
        """The customer's stored list, where it answers the question; None where more is asked or it is too short."""
        if query.customer_id is None or not query.of_the_list:
            return None
        find = self.catalogue.items.find
        excluded = {find(item) for item in query.exclude} if query.exclude else NOTHING
        return self.looked_up.find(
            query.scenario, self._customer(query), query.n, excluded, self._rules(now), now.timestamp()
        )

    def worded(self, query: Query, found: Found, *, now: datetime) -> Answer:
        """A list that was looked up, as the answer to its question."""
        items = self.looked_up.answered(found, translator(query.locale), now.timestamp())
        return Answer(query=query, model_version=self.version, fallback=None, items=items)

    def _customer(self, query: Query) -> int:
        return -1 if query.customer_id is None else self.customers.find(query.customer_id)

    def recommend_many(self, queries: Iterable[Query], *, now: datetime) -> Iterator[Answer]:
        """Answers in the order of the queries, computed block by block."""
        waiting = iter(queries)
        while block := list(islice(waiting, self._block)):
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

        Without filters, boosts and MMR a longer list begins with the shorter one.
        """
        rules = self._rules(now)
        queries = self._asked.queries(block, scenario)
        excluded = self._asked.excluded(block, queries, scenario)
        shape = Shape.of(block, partial(self._lens, rules), self.catalogue.items, self._paths)
        sieve = Sieve(self._lens(rules), shape, excluded, self._group, self._asked.variants_shown(block, queries))
        needed, base = wanted, Stream.empty(len(block))
        if shape is not None:
            needed = shape.needed(wanted)
            base = Stream.of(sieve.fit(shape.pinned()), PINNED)
        stream = self._extended(base, OWN, scenario, queries, sieve, needed)
        if scenario != "popular":
            # What to buy again is not filled up: something never bought has no place there, unless there is nothing.
            least = np.minimum(wanted, 1) if scenario == "again" else wanted
            for name in sorted({query.instead for query in block if query.instead}):
                rows = np.flatnonzero((stream.counts < least) & np.array([query.instead == name for query in block]))
                if len(rows):
                    stream = self._instead(stream, rows, name, block, sieve, needed)
            stream = fill_up(stream, np.flatnonzero(stream.counts < least), needed, sieve)
        if shape is not None:
            stream = shape.arranged(stream)
            stream = stream.where(positions(stream.row) < wanted[stream.row])
        return Lists(queries, stream, excluded)

    def _extended(
        self, base: Stream, stage: int, scenario: str, queries: Queries, sieve: Sieve, needed: NDArray[Any]
    ) -> Stream:
        """The lists brought to `needed` items by a scenario: by stored lists where they hold enough, else ranked."""
        if len(base.row):
            sieve = sieve.without(base)
        if scenario == "popular":
            return fill_up(base, np.arange(len(queries)), needed, sieve, stage)
        stored, is_all = self._look_up(scenario, queries)
        found = sieve.trim(base.then(sieve.fit(stored), stage), needed)
        # A stored list is the head of the full ranking: where rules leave too little of it, rank for this row in full.
        lacking = found.counts < needed
        if sieve.shape is not None:
            is_all &= ~sieve.shape.filtered
            lacking |= sieve.shape.unsure(stored, found.where(found.stage == stage))
        short = np.flatnonzero(lacking & ~is_all & self.can_rank(scenario, queries))
        if len(short):
            self.rankings += len(short)
            found = found.where(~(np.isin(found.row, short) & (found.stage == stage)))
            for lens, rows in sieve.looks(short):
                part = self.recommender.rank(rows_of(queries, rows), scenario, within=lens.within)
                scored = Scored(len(queries), rows[part.scored.row], part.scored.item, part.scored.score)
                found = found.then(sieve.fit(Ranked(scored, part.source)), stage)
            found = sieve.trim(found, needed)
        return found

    def _instead(
        self, stream: Stream, rows: NDArray[Any], scenario: str, block: list[Query], sieve: Sieve, needed: NDArray[Any]
    ) -> Stream:
        """These rows brought to `needed` items by another scenario, whose scores go on below each list's last one."""
        part = [block[row] for row in rows.tolist()]
        queries = self._asked.queries(part, scenario)
        narrowed = sieve.rows(rows, self._asked.excluded(part, queries, scenario))
        found = self._extended(stream.rows(rows), INSTEAD, scenario, queries, narrowed, needed[rows])
        more = found.where(found.stage == INSTEAD).ranked
        return sieve.trim(stream.then(stream.below(rows, more), INSTEAD), needed)

    def _lens(self, rules: Rules, query: Query = NO_WISHES) -> Lens:
        return self._lenses.of(rules, query.filter, query.boosts)

    def can_rank(self, scenario: str, queries: Queries) -> NDArray[np.bool_]:
        """Rows that say enough for the scenario; the others go straight to the fallback, and say so."""
        if scenario not in RANKED_BY:
            return np.ones(len(queries), np.bool_)
        return np.diff(queries.history.indptr) > 0

    def _look_up(self, scenario: str, queries: Queries) -> tuple[Ranked, NDArray[np.bool_]]:
        """The stored lists, and for which rows they hold all that a full ranking would."""
        n_rows = len(queries)
        is_all = np.zeros(n_rows, np.bool_)
        # A cart may change the ranking, so only queries without one are look-ups.
        plain = np.ones(n_rows, np.bool_)
        plain[queries.cart_row] = False
        if queries.live is not None:
            plain &= ~queries.live
        row = np.flatnonzero(plain & (queries.customer >= 0))
        if scenario not in self.stored or not len(row):
            return Ranked(Scored.empty(n_rows), np.zeros(0, np.uint8)), is_all
        found = self.stored[scenario].rows(queries.customer[row], row, n_rows)
        is_all[row] = np.bincount(found.scored.row, minlength=n_rows)[row] < self.recommender.settings.stored
        return found, is_all

    def _worded(self, block: list[Query], lists: Lists, now: datetime) -> list[Answer]:
        locales = [query.locale for query in block]
        items = answered_items(self.recommender, lists.queries, lists.ranked, self._products, locales, now.timestamp())
        bounds = lists.ranked.scored.indptr.tolist()
        by_stage = [lists.rows_of_stage(stage) for stage in (POPULAR, INSTEAD)]
        return [
            Answer(
                query=query,
                model_version=self.version,
                fallback="popular" if row in by_stage[0] else query.instead if row in by_stage[1] else None,
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
