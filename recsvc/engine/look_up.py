"""The stored list of one known customer as an answer: what `Engine.recommend_many` gives, without numpy's fixed costs.

A list of ten holds so little that Python is done with it before numpy has begun.
"""

from collections.abc import Mapping
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked, StoredLists
from models.ranking import Scored
from models.recommender import Recommender
from models.scenarios import SOURCES
from recsvc.engine.products import Products
from recsvc.engine.query import AnsweredItem
from recsvc.engine.rules import Rules
from recsvc.engine.wording import REGULARLY, sentence
from recsvc.i18n import Translator

# Of lists by the customer alone those whose reasons name a bought item.
CARRYING = frozenset({SOURCES.index("neighbours")})


# One item of a list, inside: the item; its source, a place in SOURCES; how many orders of the customer have it, where
# REGULARLY stands for more and 1 for fewer; the bought item that brought it here, −1 for none; whether it has a sale at
# the moment of asking; whether the customer bought anything.
FoundItem = tuple[int, int, int, int, bool, bool]


class Found(NamedTuple):
    """A list, best first: what stays the same whoever has the item for the same reason, and the scores beside it."""

    items: list[FoundItem]
    scores: list[float]


class LookUp:
    """`group`: the number of the variants that each item belongs to (−1: none), None for a shop without variants."""

    def __init__(
        self,
        stored: Mapping[str, StoredLists],
        recommender: Recommender,
        products: Products,
        group: NDArray[Any] | None,
    ) -> None:
        # What a memoryview gives is a number or a slice of Python's own, in a third of numpy's time.
        self._views = {
            name: (lists.indptr.data, lists.item.data, lists.score.data, lists.source.data)
            for name, lists in stored.items()
        }
        self._recommender, self._products = recommender, products
        self._group = None if group is None else group.data
        # By locale: whoever writes lists down leaves here what stays the same of an item.
        self.made: dict[str, dict[FoundItem, Any]] = {}
        histories = recommender.histories
        self._bounds, self._history = histories.indptr.data, histories.item

    def find(
        self, scenario: str, customer: int, n: int, excluded: set[int] | frozenset[int], rules: Rules, now: float
    ) -> Found | None:
        """The first `n` items of the list that may be shown; None where there are fewer, and for no stored list."""
        if customer < 0 or scenario not in self._views:
            return None
        indptr, items, scores, sources = self._views[scenario]
        start, end = indptr[customer], indptr[customer + 1]
        first, shown = items[start : min(start + n, end)].tolist(), rules.shown
        whole = len(first) == n and self._group is None and excluded.isdisjoint(first)
        if whole and all(map(shown.__getitem__, first)):
            chosen, end = first, start + n
            score, carried = scores[start:end].tolist(), sources[start:end].tolist()
        else:
            listed = items[start:end].tolist()
            places = [at for at, item in enumerate(listed) if shown[item] and item not in excluded]
            if self._group is not None:
                places = self._first_variants(places, listed)
            if len(places) < n:
                return None
            del places[n:]
            chosen = [listed[at] for at in places]
            score = [scores[start + at] for at in places]
            carried = [sources[start + at] for at in places]
        orders, buyer = self._orders(customer, chosen)
        carriers = self._carriers(customer, chosen, carried)
        on_sale = self._products.on_sale(chosen, now)
        # What a zip gives are tuples that nobody had to make one by one.
        found = list(zip(chosen, carried, orders, carriers, on_sale, repeat(buyer, n), strict=True))
        return Found(found, [round(one, 6) for one in score])

    def answered(self, found: Found, words: Translator, now: float) -> tuple[AnsweredItem, ...]:
        """The list in words."""
        return tuple(self.item(one, score, words, now) for one, score in zip(found.items, found.scores, strict=True))

    def item(self, found: FoundItem, score: float, words: Translator, now: float) -> AnsweredItem:
        """One item in words."""
        item, source, orders, carrier, _, buyer = found
        [product] = self._products.take_few((item,), now)
        title = self._products.take_few((carrier,), now)[0].title if carrier >= 0 else None
        text = sentence(source, orders, title, product, words, looked_at=title is None and not buyer)
        return AnsweredItem(product, score, SOURCES[source], text)

    def _first_variants(self, places: list[int], listed: list[int]) -> list[int]:
        assert self._group is not None
        groups = self._group
        taken: set[int] = set()
        kept = []
        for at in places:
            group = groups[listed[at]]
            if group < 0 or group not in taken:
                kept.append(at)
                taken.add(group)
        return kept

    def _orders(self, customer: int, chosen: list[int]) -> tuple[list[int], bool]:
        """In how many orders of the customer each item is, and whether there are any."""
        history = self._history[self._bounds[customer] : self._bounds[customer + 1]]
        wanted = np.array(chosen, np.int32)
        orders: list[int] = (history.searchsorted(wanted, "right") - history.searchsorted(wanted)).tolist()
        return [REGULARLY if n >= REGULARLY else 1 if n else 0 for n in orders], len(history) > 0

    def _carriers(self, customer: int, chosen: list[int], carried: list[int]) -> list[int]:
        """The bought item that carried each item here, −1 where none did."""
        if CARRYING.isdisjoint(carried):
            return [-1] * len(chosen)
        row, score = np.zeros(len(chosen), np.int64), np.zeros(len(chosen), np.float32)
        ranked = Ranked(Scored(1, row, np.array(chosen, np.int32), score), np.array(carried, np.uint8))
        carriers: list[int] = self._recommender.carriers(
            self._recommender.queries(np.array([customer])), ranked
        ).tolist()
        return carriers
