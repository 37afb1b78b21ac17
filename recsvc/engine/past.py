"""What a known customer bought, in the shop's own ids and days."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.interactions import Interactions

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class PastLine:
    """One item of an order; `title` and `category` are '' where the shop gives none."""

    item_id: str
    title: str
    category: str
    quantity: float


@dataclass(frozen=True, kw_only=True)
class PastOrder:
    """One order, its items in the catalogue's order."""

    day: date
    lines: tuple[PastLine, ...]


@dataclass(frozen=True, kw_only=True)
class Past:
    """How many `orders` of how many different `items` since the day `since` (None without any), and the `last` orders,
    newest first."""

    orders: int
    items: int
    since: date | None
    last: tuple[PastOrder, ...]


def past_of(history: Interactions, catalogue: Catalogue, orders: int) -> Past:
    """The past of the only row of `history`, with its `orders` newest orders."""
    found = newest_orders(history, orders)
    return Past(
        orders=len(np.unique(history.order)),
        items=len(np.unique(history.item)),
        since=day_of(int(history.day.min())) if len(history.day) else None,
        last=tuple(
            PastOrder(
                day=day_of(int(history.day[places[0]])),
                lines=tuple(
                    PastLine(
                        item_id=catalogue.items[item],
                        title=catalogue.texts["title"][item],
                        category=catalogue.texts["product_type"][item],
                        quantity=float(history.quantity[at]),
                    )
                    for at, item in zip(places.tolist(), history.item[places].tolist(), strict=True)
                ),
            )
            for places in found
        ),
    )


def newest_orders(history: Interactions, limit: int) -> list[NDArray[np.int64]]:
    """The entries of each of the newest orders of a single row, the newest order first, entries by item."""
    newest_first = np.lexsort((history.item, -history.order, -history.day)).astype(np.int64)
    order = history.order[newest_first]
    starts = np.flatnonzero(np.concatenate([[True], order[1:] != order[:-1]])) if len(order) else newest_first
    return np.split(newest_first, starts[1:])[:limit] if len(order) else []


def day_of(day: int) -> date:
    """The date of a day counted from 1970-01-01."""
    return EPOCH + timedelta(days=day)
