"""The simulated shop: its items, its customers, and what is true of both. Fixed by a seed, before any list is made.

Two thirds of the categories are consumables, which are used up at a rhythm of each customer's own; the others are
wants such as clothes, bought by taste and season and hardly ever twice. Numbers are what grocers and fashion shops look
like from outside (a visit a week, baskets of some items, margins of 20 to 45 %); none was chosen after a list was seen.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
STYLES = 3  # dimensions of style within a category, in which tastes differ


@dataclass(frozen=True, kw_only=True)
class ShopSettings:
    """Sizes, and the seed of everything that happens."""

    customers: int = 1_500
    items: int = 600
    consumables: int = 16
    wants: int = 8
    seed: int = 6

    @property
    def categories(self) -> int:
        return self.consumables + self.wants


@dataclass(frozen=True, eq=False)
class Shop:
    """What is true. Of items: `category`, `price`, `cost`, `prominence` (the chance to come upon one while shopping).
    Of categories: `phase` and `swing` of their season. Of customers: `visits` a day, `gap` (days a category lasts, ∞
    where it is not used; NaN for wants), `taste` for wants. `fit[customer, item]` is style, quality and price together.
    """

    settings: ShopSettings
    category: NDArray[np.int64]
    price: Floats
    cost: Floats
    prominence: Floats
    phase: Floats
    swing: Floats
    visits: Floats
    gap: Floats
    taste: Floats
    fit: Floats

    @property
    def margin(self) -> Floats:
        return self.price - self.cost

    def season(self, day: int) -> Floats:
        """What the time of the year adds to each category's utility."""
        return np.asarray(self.swing * np.cos(2 * np.pi * (day / 365 - self.phase)), np.float32)

    def item_id(self, item: int) -> str:
        return f"item-{item:04d}"

    def customer_id(self, customer: int) -> str:
        return f"customer-{customer:05d}"


def draw_shop(settings: ShopSettings) -> Shop:
    """A shop by its seed."""
    rng = np.random.default_rng((settings.seed, 0))
    customers, items, categories = settings.customers, settings.items, settings.categories
    wants = np.arange(categories) >= settings.consumables
    category = np.sort(np.concatenate([np.arange(categories), rng.integers(categories, size=items - categories)]))
    usual = np.where(wants, rng.lognormal(3.2, 0.4, categories), rng.lognormal(1.2, 0.5, categories))
    price = np.round(usual[category] * rng.lognormal(0.0, 0.35, items), 2) + 0.01
    share = rng.uniform(0.2, 0.45, categories)
    quality = rng.normal(0.0, 0.6, items)
    used = rng.random((customers, categories)) < 0.35
    gap = np.clip(rng.lognormal(2.9, 0.5, categories), 6, 60) * rng.lognormal(0.0, 0.3, (customers, categories))
    gap = np.where(used, gap, np.inf)
    gap[:, wants] = np.nan
    style = rng.normal(0.0, 1.0, (customers, STYLES)) @ rng.normal(0.0, 1.0, (STYLES, items)) / np.sqrt(STYLES)
    thrift = 0.8 * rng.lognormal(0.0, 0.4, (customers, 1))
    return Shop(
        settings,
        category,
        price.astype(np.float32),
        np.round(price * (1 - share[category]), 2).astype(np.float32),
        np.clip(0.03 * np.exp(quality), 0.005, 0.2).astype(np.float32),
        rng.random(categories).astype(np.float32),
        np.where(wants, 0.8, 0.25).astype(np.float32),
        np.minimum(rng.gamma(2.0, 1 / 14, customers), 0.9).astype(np.float32),
        gap.astype(np.float32),
        rng.normal(0.0, 0.7, (customers, categories)).astype(np.float32),
        (0.6 * style + quality - thrift * np.log(price / usual[category])).astype(np.float32),
    )


def write_products(shop: Shop, path: Path) -> None:
    """The feed, in Merchant Center attributes."""
    kind = ["Household", "Fashion"]
    rows = (
        {
            "id": shop.item_id(item),
            "title": f"Item {item} of category {category}",
            "product_type": f"{kind[category >= shop.settings.consumables]} > Category {category}",
            "price": f"{shop.price[item]:.2f} EUR",
            "cost_of_goods_sold": f"{shop.cost[item]:.2f} EUR",
            "link": f"https://shop.example/p/{item}",
            "image_link": f"https://shop.example/p/{item}.jpg",
            "availability": "in_stock",
        }
        for item, category in enumerate(shop.category.tolist())
    )
    _write(path, rows)


def write_customers(shop: Shop, path: Path) -> None:
    """Addresses and consent; everybody agreed to everything."""
    rows = (
        {
            "customer_id": shop.customer_id(customer), "email": f"c{customer}@mail.example", "locale": "en",
            "email_ok": "1", "profiling_ok": "1", "tracking_ok": "1",
        }
        for customer in range(shop.settings.customers)
    )  # fmt: skip
    _write(path, rows)


def write_purchases(shop: Shop, purchases: Sequence[tuple[int, int, str, str]], path: Path) -> None:
    """Lines of (customer, item, order id, moment) as a shop's nightly export has them."""
    rows = (
        {
            "customer_id": shop.customer_id(customer), "order_id": order, "item_id": shop.item_id(item), "quantity": 1,
            "unit_price": f"{shop.price[item]:.2f}", "timestamp": at,
        }
        for customer, item, order, at in purchases
    )  # fmt: skip
    _write(path, rows)


def _write(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(out, list(row))
                writer.writeheader()
            writer.writerow(row)
