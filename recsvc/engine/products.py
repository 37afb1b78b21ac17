"""The catalogue's items as `Product`s: lists name the same few thousand again and again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue, Product

# A product takes about 1 KB; what a shop sells most stays, and a worker's memory stays small. Work on all customers,
# which comes across the whole catalogue again and again, keeps more.
MOST_KEPT, MOST_KEPT_IN_BULK = 15_000, 100_000


class Products:
    """Keeps products once made. A sale that begins or ends makes another product of an item."""

    def __init__(self, catalogue: Catalogue, most: int = MOST_KEPT) -> None:
        self._catalogue = catalogue
        self._most = most
        self._kept: dict[int, Product] = {}
        times = catalogue.times
        self._sales = times["sale_from"].data, times["sale_until"].data, catalogue.numbers["sale_price"].data
        self._has_sales = bool(np.isfinite(catalogue.numbers["sale_price"]).any())

    def take(self, items: NDArray[Any], now: float) -> list[Product]:
        """Each item as it is at `now`, seconds since 1970."""
        keys = 2 * items.astype(np.int64)
        if self._has_sales:
            times, price = self._catalogue.times, self._catalogue.numbers["sale_price"][items]
            keys += (times["sale_from"][items] <= now) & (now < times["sale_until"][items]) & ~np.isnan(price)
        kept = self._kept
        return [kept.get(key) or self._made(key, now) for key in keys.tolist()]

    def take_few(self, items: Sequence[int], now: float) -> list[Product]:
        """The same for a list, in Python alone."""
        kept = self._kept
        keys = [2 * item + sale for item, sale in zip(items, self.on_sale(items, now), strict=True)]
        return [kept.get(key) or self._made(key, now) for key in keys]

    def on_sale(self, items: Sequence[int], now: float) -> list[bool]:
        """Which of the items have a sale that runs at `now`."""
        if not self._has_sales:
            return [False] * len(items)
        since, until, price = self._sales
        return [since[item] <= now < until[item] and price[item] == price[item] for item in items]

    def _made(self, key: int, now: float) -> Product:
        product = self._kept.get(key)
        if product is None:
            product = self._catalogue.product(key // 2, now)
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = product
        return product
