"""Baselines that count: what sells, and what the customer bought before."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Pairs
from models.ranking import Scored, rank
from models.sources.item_table import without
from training.baselines.ranking import BLOCK, CUSTOMER_SCENARIOS, Past, in_blocks, list_of
from training.data import TrainingData


def decayed(pairs: Pairs, today: int, half_life_days: float) -> NDArray[np.float32]:
    """Orders of each pair, halved for every half-life of age; an infinite one counts all alike."""
    age = (today - pairs.history.day).astype(np.float32)
    return pairs.sums(np.exp2(-age / np.float32(half_life_days))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PopularItems:
    """Items by their distinct customers, each counted by its newest purchase; `order` best first."""

    past: Past
    score: NDArray[np.float32]
    order: NDArray[np.int32]
    scenarios = CUSTOMER_SCENARIOS

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        return in_blocks(customers, BLOCK, lambda block: self._block(block, scenario, limit))

    def _block(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        owned = self.past.pairs(customers)
        if scenario == "again":
            return rank(len(customers), owned.row, owned.item, self.score[owned.item], limit)
        row, item = self.best_for(owned, limit)
        return list_of(owned, row, item, self.score[item], scenario, limit)

    def best_for(self, owned: Pairs, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """For each row the items that sell best: enough that `limit` of them are new to it."""
        n_rows = len(owned.history)
        enough = limit + np.diff(owned.indptr)
        row = np.repeat(np.arange(n_rows), np.minimum(enough, len(self.order)))
        place = np.arange(len(row)) - np.searchsorted(row, row)
        return row, self.order[place]


def fit_popular(data: TrainingData, today: int, half_life_days: float) -> PopularItems:
    """A half-life of infinity counts all of the past alike."""
    past = Past.of(data, today)
    pairs = Pairs.of(past.history)
    weight = np.exp2(-(today - pairs.last_day) / half_life_days)
    score = np.bincount(pairs.item, weight, minlength=past.n_items).astype(np.float32)
    ranked = rank(1, np.zeros(past.n_items, np.int64), np.arange(past.n_items), score)
    return PopularItems(past, score, ranked.item[ranked.score > 0])


@dataclass(frozen=True, eq=False)
class OwnPurchases:
    """Own purchases, newer and more frequent ones first; below them, for `home`, what sells best."""

    past: Past
    popular: PopularItems
    half_life_days: float
    scenarios = ("home", "again")

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        return in_blocks(customers, BLOCK, lambda block: self._block(block, scenario, limit))

    def _block(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        owned = self.past.pairs(customers)
        own = rank(len(customers), owned.row, owned.item, decayed(owned, self.past.today, self.half_life_days), limit)
        if scenario == "again":
            return own
        row, item = self.popular.best_for(owned, limit)
        new = without(row, item, owned.row, owned.item)
        row, item = row[new], item[new]
        # Popular items follow the own ones in their order, so their scores are negative places.
        place = np.arange(len(row)) - np.searchsorted(row, row)
        return rank(
            len(customers),
            np.concatenate([own.row, row]),
            np.concatenate([own.item, item]),
            np.concatenate([own.score, -1.0 - place]),
            limit,
        )


def fit_own_purchases(data: TrainingData, today: int, half_life_days: float) -> OwnPurchases:
    """Below the own purchases comes what sold lately."""
    popular = fit_popular(data, today, half_life_days)
    return OwnPurchases(popular.past, popular, half_life_days)
