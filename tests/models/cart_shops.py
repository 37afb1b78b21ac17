"""Shops made for what completes a cart."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.sources.protocol import Queries
from models.strings import StringTable
from tests.models.shops import Line, catalogue_of, shop_of
from training.data import TrainingData

DAY = 20_000
HORIZON = 28


KINDS = "abcdefghijklmno"


def themed_shop(n_orders: int = 1_500, themes: int = 8, seed: int = 1) -> TrainingData:
    """Orders keep to a theme of fifteen categories with two sorts in each; every customer has a theme, six favourite
    categories in it, and one sort. A third of the orders are guests'.

    Of each category one more item is in the catalogue that nobody has bought.
    """
    rng = np.random.default_rng(seed)
    items = sorted(
        f"t{theme:02} {kind} {sort}" for theme in range(themes) for kind in KINDS for sort in ("x", "y", "new")
    )
    paths = [f"All > {name.split()[1]} > {name.rsplit(' ', 1)[0]}" for name in items]
    favourites = [rng.permutation(list(KINDS))[:6] for _ in range(60)]
    lines: list[Line] = []
    for order in range(n_orders):
        customer = int(rng.integers(60))
        theme = customer % themes if rng.random() < 0.9 else int(rng.integers(themes))
        kinds = rng.choice(favourites[customer], int(rng.integers(2, 5)), replace=False)
        name = None if rng.random() < 1 / 3 else f"c{customer:02}"
        for kind in kinds:
            sort = "xy"[(customer + int(rng.random() < 0.1)) % 2]
            lines.append((name, f"o{order:05}", f"t{theme:02} {kind} {sort}", DAY + order // 10))
    return shop_of(lines, catalogue_of(items, paths))


def phone_shop() -> TrainingData:
    """Whoever buys a phone takes a case with it; but most cases are bought for a phone that one has, with a cable.

    Guests only, a hundred days.
    """
    items = ["phone", "case", "cable", "film", "pen", "ink"]
    paths = ["Phones", "Cases", "Cables", "Films", "Office > Pens", "Office > Ink"]
    prices = {"phone": 500.0, "case": 15.0, "cable": 10.0, "film": 8.0, "pen": 2.0, "ink": 4.0}
    orders = (["phone", "case"],) * 2 + (["case", "cable"],) * 8 + (["cable", "film"], ["pen", "ink"])
    lines: list[Line] = []
    for number in range(600):
        lines += [(None, f"o{number}", item, DAY + number // 6) for item in orders[number % len(orders)]]
    return priced(shop_of(lines, catalogue_of(items, paths)), prices)


def priced(data: TrainingData, prices: dict[str, float]) -> TrainingData:
    """The same shop with what each item costs."""
    price = np.array([prices[item] for item in ids(data)], np.float32)
    return replace(data, lines=replace(data.lines, unit_price=price[data.lines.item]))


def titled(data: TrainingData, titles: Sequence[str]) -> TrainingData:
    """The same shop with other titles."""
    texts = {**data.catalogue.texts, "title": StringTable.of(titles)}
    return replace(data, catalogue=replace(data.catalogue, texts=texts))


def carts(data: TrainingData, *baskets: Sequence[str], customers: Sequence[int] | None = None) -> Queries:
    """A block of carts, each with its customer's history (−1: nobody known)."""
    customer = np.array(customers if customers is not None else [-1] * len(baskets), np.int64)
    inside = [sorted(data.catalogue.items.find(item) for item in basket) for basket in baskets]
    row = np.repeat(np.arange(len(baskets)), [len(basket) for basket in inside])
    item = np.array([item for basket in inside for item in basket], np.int32)
    return queries_of(data, customer, row, item)


def queries_of(
    data: TrainingData, customer: NDArray[np.int64], row: NDArray[np.int64], item: NDArray[np.int32]
) -> Queries:
    """Carts as arrays."""
    history: Interactions = data.interactions().rows(customer)
    return Queries(customer, history, row, item, data.last_day + 1, HORIZON, len(data.catalogue))


def ids(data: TrainingData) -> list[str]:
    """All items' ids, by index."""
    return [data.catalogue.items[item] for item in range(len(data.catalogue))]


def names(data: TrainingData, items: NDArray[np.int32]) -> list[str]:
    """Ids of items."""
    return [data.catalogue.items[int(item)] for item in items]
