"""Shops of a few lines, written in the test that uses them."""

from collections.abc import Sequence

import numpy as np

from models.catalogue import ALWAYS, NEVER, NUMBERS, TEXTS, TIMES, Catalogue
from models.strings import IdIndex, StringTable
from training.data import PurchaseLines, TrainingData

# Customer (−1: a guest), order, item, day.
Line = tuple[int, int, int, int]


def shop_of(lines: Sequence[Line], *, customers: int, items: int) -> TrainingData:
    """Customers c0, c1, …; items i0, i1, … titled 'Item 0' …; one unit a line."""
    customer, order, item, day = (np.array(column, np.int32) for column in zip(*lines, strict=True))
    by_customer = np.lexsort((item, order, day, customer))
    ones = np.ones(len(lines), np.float32)
    return TrainingData(
        customers=IdIndex.of([f"c{number}" for number in range(customers)]),
        catalogue=catalogue_of(items),
        lines=PurchaseLines(
            customer=customer[by_customer],
            order=order[by_customer],
            item=item[by_customer],
            day=day[by_customer],
            quantity=ones,
            unit_price=ones,
        ),
    )


def catalogue_of(items: int) -> Catalogue:
    """All of one category, all in stock."""
    texts = {name: StringTable.of([""] * items) for name in TEXTS}
    times = {name: np.full(items, ALWAYS if name in ("sale_from", "available_from") else NEVER) for name in TIMES}
    return Catalogue(
        IdIndex.of([f"i{number}" for number in range(items)]),
        {**texts, "title": StringTable.of([f"Item {number}" for number in range(items)])},
        {name: np.full(items, np.nan) for name in NUMBERS},
        times,
        np.zeros(items, np.uint8),
        np.ones(items, np.bool_),
        np.zeros(items, np.int32),
        StringTable.of(["Things"]),
    )
