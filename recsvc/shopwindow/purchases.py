"""What a customer bought last, newest first: the yardstick that a viewer lays beside the lists."""

from dataclasses import dataclass
from datetime import date

from recsvc.engine import Engine, PastLine
from recsvc.shopwindow.readable import readable_title
from recsvc.shopwindow.tiles import tile_address


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


def last_orders(engine: Engine, customer_id: str, *, orders: int, lines: int) -> tuple[Order, ...]:
    """The newest orders of a customer; none for one that the model does not know."""
    return tuple(
        Order(
            day=order.day,
            lines=tuple(map(_shown, order.lines[:lines])),
            more=max(len(order.lines) - lines, 0),
        )
        for order in engine.past(customer_id, orders=orders).last
    )


def _shown(line: PastLine) -> Bought:
    return Bought(
        item_id=line.item_id,
        title=readable_title(line.title, line.category) or line.item_id,
        quantity=max(round(line.quantity), 1),
        tile=tile_address(line.category, close=True),
    )
