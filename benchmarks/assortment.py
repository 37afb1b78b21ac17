"""What a made-up shop sells (`benchmarks.generate`): items in a tree of categories, and how they are bought."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DEPARTMENTS = (
    "Food", "Drinks", "Household", "Bath", "Garden", "Pets", "Office", "Toys", "Sports", "Kitchen", "Baby", "Health",
)  # fmt: skip
SORTS = ("Basics", "Classics", "Fine", "Fresh", "Handy", "Little", "Organic", "Practical", "Simple", "Small", "Spare")
WORDS = ("light", "large", "mini", "natural", "soft", "strong", "sweet", "white", "dark", "green", "twin", "family")
ITEMS_A_LEAF, LEAVES_A_SHELF = 50, 6
POPULARITY = 0.9  # exponent of the power law within a leaf
COLD = 0.05  # share of items that are offered and never bought
TASTES = 48
REPEATED = 0.6  # share of leaves whose items are bought again
MEAN_INTERVAL = 40.0  # days, of the items that are
SEASONS = 0.2  # share of leaves that have three months
PARTNERS = 3  # complements an item
SOLD_OUT = 0.02
PROMOTED, PROMOTION = 13, 0.8  # every 13th week of an item, and what it then costs

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Assortment:
    """Items are numbered leaf by leaf. `leaf_start` has the first item of each leaf and the end; `sales` sums the
    items' weights, 0 of cold ones; `interval` is a leaf's days between purchases, infinite where nobody buys again;
    `tastes` and `months` sum weights of leaves, a row each; `complements` are items, a row an item."""

    leaf: Ints
    leaf_start: Ints
    sales: Floats
    interval: Floats
    tastes: Floats
    months: Floats
    complements: Ints
    price: Floats
    brand: Ints
    shelf: Ints
    sold_out: NDArray[np.bool_]
    item_ids: pa.Array

    @property
    def n_tastes(self) -> int:
        return len(self.tastes)

    @property
    def repeated_share(self) -> float:
        """Share of leaves that are bought again."""
        return float(np.isfinite(self.interval).mean())

    @property
    def mean_interval(self) -> float:
        """Days between purchases, over the leaves that are bought again."""
        return float(self.interval[np.isfinite(self.interval)].mean())

    def item_of_leaf(self, leaf: Ints, chance: Floats) -> Ints:
        """An item of each leaf, by what sells; `chance` is in [0, 1)."""
        low, high = self.sales[self.leaf_start[leaf]], self.sales[self.leaf_start[leaf + 1]]
        found = np.searchsorted(self.sales, low + chance * (high - low), side="right") - 1
        return np.clip(found, self.leaf_start[leaf], self.leaf_start[leaf + 1] - 1)

    def leaf_of_taste(self, taste: Ints, chance: Floats) -> Ints:
        """A leaf that people of this taste like."""
        return _drawn(self.tastes, taste, chance)

    def leaf_of_month(self, month: Ints, chance: Floats) -> Ints:
        """A leaf that sells in this month, 0 to 11."""
        return _drawn(self.months, month, chance)

    def complement_of(self, item: Ints, chance: Floats) -> Ints:
        """One of the items that belong to each; the first one in every second case."""
        return self.complements[item, np.searchsorted((0.5, 0.8), chance, side="right")]

    def price_in_week(self, item: Ints, week: Ints) -> Floats:
        """What the item costs, less in some weeks."""
        promoted = (item * 7 + week) % PROMOTED == 0
        return np.round(self.price[item] * np.where(promoted, PROMOTION, 1.0), 2)

    def feed(self) -> pa.Table:
        """The products as Google Merchant Center takes them."""
        leaf, shelf, brand = self.leaf.tolist(), self.shelf.tolist(), self.brand.tolist()
        ids = self.item_ids.to_pylist()
        department = [DEPARTMENTS[one % len(DEPARTMENTS)] for one in shelf]
        names = [f"{SORTS[one % len(SORTS)]} {part.lower()} {one}" for one, part in zip(leaf, department, strict=True)]
        return pa.table(
            {
                "id": self.item_ids,
                "title": [
                    f"{name}, {WORDS[number % 12]} {WORDS[number // 12 % 12]}, no. {number}"
                    for number, name in enumerate(names)
                ],
                "product_type": [
                    f"{part} > {part} {one} > {name}" for part, one, name in zip(department, shelf, names, strict=True)
                ],
                "brand": [f"Brand {one}" for one in brand],
                "price": [f"{price:.2f} EUR" for price in self.price.tolist()],
                "link": [f"https://shop.example/p/{one}" for one in ids],
                "image_link": [f"https://cdn.shop.example/{one}.jpg" for one in ids],
                "availability": ["out_of_stock" if out else "in_stock" for out in self.sold_out.tolist()],
            }
        )


def make_assortment(n_items: int, rng: np.random.Generator) -> Assortment:
    """An assortment of so many items, at least 50."""
    n_leaves = max(6, n_items // ITEMS_A_LEAF)
    # Leaves differ in size; none is without an item that sells.
    size = 4 + np.floor((n_items - 4 * n_leaves) * _shares(rng.random(n_leaves) ** 2 + 0.05)).astype(np.int64)
    size[-1] += n_items - size.sum()
    start = np.concatenate([[0], np.cumsum(size)])
    leaf = np.repeat(np.arange(n_leaves), size)
    rank = np.arange(n_items) - start[leaf]
    weight = (rank + 1.0) ** -POPULARITY
    weight[(rng.random(n_items) < COLD) & (rank > 0)] = 0.0
    sales = np.concatenate([[0.0], np.cumsum(weight)])
    popular = (1.0 + np.argsort(rng.random(n_leaves))) ** -0.7  # leaves, too, sell by a power law
    tastes = popular * (-np.log1p(-rng.random((TASTES, n_leaves)))) ** 3
    interval = np.where(rng.random(n_leaves) < REPEATED, MEAN_INTERVAL * (0.3 + 1.4 * rng.random(n_leaves)), np.inf)
    interval[0] = MEAN_INTERVAL
    middle = np.where(rng.random(n_leaves) < SEASONS, _below(12, rng, n_leaves), -1)
    middle[:12] = np.arange(min(12, n_leaves)) if n_leaves >= 24 else -1
    distance = np.abs((np.arange(12)[:, None] - middle + 6) % 12 - 6)
    months = popular * np.where((middle >= 0) & (distance <= 1), 1.0, 1e-3 * (middle < 0))
    typical = 2.0 * np.exp(1.2 * rng.random(n_leaves) * 2)
    price = np.maximum(0.19, np.round(typical[leaf] * np.exp(rng.random(n_items) - 0.5), 1) - 0.01)
    return Assortment(
        leaf=leaf,
        leaf_start=start,
        sales=sales,
        interval=interval,
        tastes=_cumulated(tastes),
        months=_cumulated(months),
        complements=_complements(leaf, rank, start, weight == 0, rng),
        price=price,
        brand=(leaf // 4) * 5 + _below(5, rng, n_items),
        shelf=(np.arange(n_leaves) // LEAVES_A_SHELF)[leaf],
        sold_out=rng.random(n_items) < SOLD_OUT,
        item_ids=pa.array([f"i{number}" for number in range(n_items)]),
    )


def _complements(leaf: Ints, rank: Ints, start: Ints, cold: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    """Items of two other leaves that belong to each item, about as popular in their leaf: coffee and its filters."""
    n_leaves = len(start) - 1
    partner = (np.arange(n_leaves)[:, None] + 1 + _below(n_leaves - 1, rng, (n_leaves, 2))) % n_leaves
    of_item = partner[leaf][:, [0, 1, 0]]
    place = rank[:, None] // 2 + _below(3, rng, (len(leaf), PARTNERS))
    size = np.diff(start)[of_item]
    found: Ints = start[of_item] + place % size
    return np.where(cold[found], start[of_item], found)


def _below(bound: int, rng: np.random.Generator, size: int | tuple[int, int]) -> Ints:
    """Whole numbers from 0 on: of uniform numbers, whose stream numpy keeps between versions."""
    return np.floor(bound * rng.random(size)).astype(np.int64)


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares


def _cumulated(weights: NDArray[Any]) -> Floats:
    """Each row as a rising sum that ends at 1."""
    total = np.cumsum(weights, axis=1)
    shares: Floats = total / total[:, -1:]
    return shares


def _drawn(table: Floats, row: Ints, chance: NDArray[Any]) -> Ints:
    """A column of the table by its cumulated weights, for each row asked for."""
    n_columns = table.shape[1]
    flat = (table + np.arange(len(table))[:, None]).ravel()
    row, chance = np.broadcast_arrays(row, chance)
    column = np.searchsorted(flat, row + chance, side="right") - row * n_columns
    found: Ints = np.minimum(column, n_columns - 1)
    return found
