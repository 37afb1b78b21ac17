"""Lists that need no recommender: what is popular, and what each customer bought before."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.loop.people import Bought
from benchmarks.loop.shop import Shop

OWN_HALF_LIFE, POPULAR_HALF_LIFE = 60.0, 28.0


class Counts:
    """Purchases so far, each counting half after its half-life in days."""

    def __init__(self, shop: Shop) -> None:
        self.own = np.zeros(shop.fit.shape, np.float32)
        self.popular = np.zeros(len(shop.category), np.float64)

    def copy(self) -> "Counts":
        other = object.__new__(Counts)
        other.own, other.popular = self.own.copy(), self.popular.copy()
        return other

    def end_day(self, bought: Bought) -> None:
        """A day is over."""
        self.own *= np.float32(0.5 ** (1 / OWN_HALF_LIFE))
        self.popular *= 0.5 ** (1 / POPULAR_HALF_LIFE)
        np.add.at(self.own, (bought.customer, bought.item), 1.0)
        np.add.at(self.popular, bought.item, 1.0)

    def popular_lists(self, who: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        """The same list for everybody."""
        best = np.argsort(-self.popular, kind="stable")[:n]
        return np.tile(best, (len(who), 1))

    def own_lists(self, who: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        """What each bought most and last, filled up with what is popular."""
        popular = self.popular / (self.popular.max() + 1.0)  # below 1e-3 of any own purchase that still counts
        scores = self.own[who] + np.where(self.own[who] > 1e-3, 1.0, 0.0) + popular * 1e-3
        return np.argsort(-scores, axis=1, kind="stable")[:, :n]
