"""What a customer bought last, newest first: the yardstick that a viewer lays beside the lists."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from recsvc.engine import Engine
from recsvc.shopwindow.readable import readable_title
from recsvc.shopwindow.tiles import tile_address

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Bought:
    """One line of an order as it is shown."""

    item_id: str
    title: str
    quantity: int
    tile: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """`lines` are the first few; `more` counts the others."""

    day: date
    lines: tuple[Bought, ...]
    more: int


def day_of(day: int) -> date:
    """The date of a day counted from 1970-01-01."""
    return EPOCH + timedelta(days=day)


def last_orders(engine: Engine, customer_id: str, *, orders: int, lines: int) -> tuple[Order, ...]:
    """The newest orders of a customer; none for one that the model does not know."""
    history = engine.recommender.histories.rows(np.array([engine.customers.find(customer_id)]))
    newest_first = np.lexsort((history.item, -history.order, -history.day))
    found: dict[int, list[int]] = {}
    for at in newest_first.tolist():
        order = int(history.order[at])
        if order not in found and len(found) == orders:
            break
        found.setdefault(order, []).append(at)
    return tuple(
        Order(
            day=day_of(int(history.day[places[0]])),
            lines=tuple(_line(engine, int(history.item[at]), float(history.quantity[at])) for at in places[:lines]),
            more=max(len(places) - lines, 0),
        )
        for places in found.values()
    )


def _line(engine: Engine, item: int, quantity: float) -> Bought:
    texts = engine.catalogue.texts
    category = texts["product_type"][item]
    item_id = engine.catalogue.items[item]
    return Bought(
        item_id=item_id,
        title=readable_title(texts["title"][item], category) or item_id,
        quantity=max(round(quantity), 1),
        tile=tile_address(category, close=True),
    )
