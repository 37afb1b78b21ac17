"""The catalogue's items as `Product`s: lists name the same few thousand again and again."""

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
        self._has_sales = bool(np.isfinite(catalogue.numbers["sale_price"]).any())

    def take(self, items: NDArray[Any], now: float) -> list[Product]:
        """Each item as it is at `now`, seconds since 1970."""
        keys = 2 * items.astype(np.int64)
        if self._has_sales:
            times, price = self._catalogue.times, self._catalogue.numbers["sale_price"][items]
            keys += (times["sale_from"][items] <= now) & (now < times["sale_until"][items]) & ~np.isnan(price)
        kept = self._kept
        return [kept.get(key) or self._made(key, now) for key in keys.tolist()]

    def _made(self, key: int, now: float) -> Product:
        product = self._kept.get(key)
        if product is None:
            product = self._catalogue.product(key // 2, now)
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = product
        return product
