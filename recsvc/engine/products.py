"""The catalogue's items as `Product`s: lists name the same few thousand again and again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue, Product

# A product takes about 2 KB; what a shop sells most stays, and a worker's memory stays small. Work on all customers,
# which comes across the whole catalogue again and again, keeps more.
MOST_KEPT, MOST_KEPT_IN_BULK = 10_000, 100_000


class Products:
    """Keeps products once made. A sale that begins or ends makes another product of an item."""

    def __init__(self, catalogue: Catalogue, most: int = MOST_KEPT) -> None:
        self._catalogue = catalogue
        self._most = most
        self._kept: dict[int, Product] = {}

    def take(self, items: NDArray[Any], now: float) -> list[Product]:
        """Each item as it is at `now`, seconds since 1970."""
        times, price = self._catalogue.times, self._catalogue.numbers["sale_price"][items]
        on_sale = (times["sale_from"][items] <= now) & (now < times["sale_until"][items]) & ~np.isnan(price)
        keys = (2 * items.astype(np.int64) + on_sale).tolist()
        kept = self._kept
        taken = [kept.get(key) for key in keys]
        return [
            product if product is not None else self._made(key, now) for key, product in zip(keys, taken, strict=True)
        ]

    def _made(self, key: int, now: float) -> Product:
        product = self._kept.get(key)
        if product is None:
            product = self._catalogue.product(key // 2, now)
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = product
        return product
