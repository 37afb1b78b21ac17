"""Small shops as TrainingData, built in code."""

from collections.abc import Sequence

import numpy as np

from models.catalogue import ALWAYS, NEVER, NUMBERS, TEXTS, Catalogue
from models.strings import IdIndex, StringTable
from training.data import PurchaseLines, TrainingData

Line = tuple[str | None, str, str, int]


def catalogue_of(items: Sequence[str], paths: Sequence[str] | None = None) -> Catalogue:
    """Items with their id as title, all in stock."""
    n_items = len(items)
    paths = paths or ["Goods"] * n_items
    empty = StringTable.of([""] * n_items)
    categories = sorted(set(paths))
    return Catalogue(
        items=IdIndex.of(items),
        texts=dict.fromkeys(TEXTS, empty) | {"title": StringTable.of(items), "product_type": StringTable.of(paths)},
        numbers={name: np.full(n_items, np.nan) for name in NUMBERS},
        times={
            name: np.full(n_items, NEVER if name in ("sale_until", "expires") else ALWAYS)
            for name in ("sale_from", "sale_until", "available_from", "expires")
        },
        availability=np.zeros(n_items, np.uint8),
        listed=np.ones(n_items, np.bool_),
        category=np.array([categories.index(path) for path in paths], np.int32),
        categories=StringTable.of(categories),
    )


def shop_of(lines: Sequence[Line], catalogue: Catalogue | None = None) -> TrainingData:
    """A shop from (customer or None for a guest, order, item, day) lines."""
    catalogue = catalogue or catalogue_of(sorted({item for _, _, item, _ in lines}))
    names = sorted({customer for customer, _, _, _ in lines if customer is not None})
    customers = IdIndex.of(names)
    orders = {order: place for place, order in enumerate(dict.fromkeys(order for _, order, _, _ in lines))}
    loose = sorted(
        (-1 if customer is None else customers.find(customer), day, orders[order], catalogue.items.find(item))
        for customer, order, item, day in lines
    )
    columns = np.array(loose, np.int32).reshape(-1, 4)
    return TrainingData(
        customers=customers,
        catalogue=catalogue,
        lines=PurchaseLines(
            customer=columns[:, 0],
            order=columns[:, 2],
            item=columns[:, 3],
            day=columns[:, 1],
            quantity=np.ones(len(columns), np.float32),
            unit_price=np.full(len(columns), 2.0, np.float32),
        ),
    )


def random_shop(seed: int, n_customers: int = 40, n_items: int = 60, n_orders: int = 8) -> TrainingData:
    """A shop with tastes: customer c mostly buys from its own quarter of the items."""
    rng = np.random.default_rng(seed)
    quarter = n_items // 4
    lines: list[Line] = []
    for customer in range(n_customers):
        for order in range(n_orders):
            day = 20_000 + order * 7 + int(rng.integers(5))
            items = np.unique(rng.zipf(1.4, 4) % quarter + (customer % 4) * quarter)
            lines += [(f"c{customer:03}", f"o{customer}-{order}", f"i{int(item):03}", day) for item in items]
    return shop_of(lines)
