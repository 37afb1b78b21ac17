"""One thing that happened in the shop, checked and typed."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

TYPES = ("view", "add_to_cart", "remove_from_cart", "purchase", "return", "impression", "click", "login")
ORDERS = ("purchase", "return")


@dataclass(frozen=True, kw_only=True, slots=True)
class EventItem:
    """One item of an event; `price` is of one piece, None where it was not said."""

    item_id: str
    quantity: float = 1.0
    price: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event. `event_id` is unique within its type; `happened_at` has a time zone; `recommendation_id` was
    signed by this service."""

    type: str
    event_id: str
    happened_at: datetime
    customer_id: str | None = None
    session_id: str | None = None
    order_id: str | None = None
    items: tuple[EventItem, ...] = ()
    currency: str | None = None
    recommendation_id: str | None = None


def merged(items: Iterable[EventItem]) -> tuple[EventItem, ...]:
    """Each item once, in the order of the first mention: quantities add up, prices are averaged by them."""
    together: dict[str, EventItem] = {}
    for item in items:
        before = together.get(item.item_id)
        if before is None:
            together[item.item_id] = item
            continue
        quantity = before.quantity + item.quantity
        price = before.price if item.price is None else item.price
        if before.price is not None and item.price is not None:
            price = (before.price * before.quantity + item.price * item.quantity) / quantity
        together[item.item_id] = EventItem(item_id=item.item_id, quantity=quantity, price=price)
    return tuple(together.values())


def derived_id(
    kind: str,
    *,
    who: tuple[str | None, str | None],
    order_id: str | None,
    items: Iterable[EventItem],
    recommendation_id: str | None,
    timestamp: datetime | None,
) -> str:
    """The id of an event that came without one, so that the same event sent again is known again.

    A purchase is known by its order and items, a return by these and its time, anything else by all that it says.
    Of what is neither an order nor has a time, two cannot be told from one sent twice: each gets an id of its own.
    """
    if timestamp is None and kind not in ORDERS:
        return "auto-" + secrets.token_hex(16)
    listed = sorted((item.item_id, item.quantity) for item in items)
    known_by: list[object] = [kind, order_id, listed]
    if kind != "purchase":
        known_by.append(timestamp.isoformat() if timestamp else None)
    if kind not in ORDERS:
        known_by += [*who, recommendation_id]
    return "auto-" + hashlib.sha256(orjson.dumps(known_by)).hexdigest()[:32]
