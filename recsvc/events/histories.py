"""From a customer's stored events to what happened since the training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from models.bundle import Manifest
from recsvc.engine.happenings import Bought, Happenings
from recsvc.events.settings import EventSettings

DAY = 86_400
EPOCH = date(1970, 1, 1)
SMALLEST_QUANTITY = 1e-6


@dataclass(frozen=True, slots=True)
class Seen:
    """What one training has seen: purchases up to `last_day` (since 1970-01-01 UTC), and all live events up to `seq`,
    None where it learned from files alone."""

    last_day: int
    seq: int | None

    @classmethod
    def by(cls, manifest: Manifest) -> "Seen":
        last = (date.fromisoformat(manifest.window[1]) - EPOCH).days
        seq = manifest.metrics.get("input", {}).get("live_seq")
        return cls(last, None if seq is None else int(seq))

    @property
    def last_midnight(self) -> datetime:
        """When the last day began: events from before it were seen where `seq` does not say better."""
        return datetime.fromtimestamp(self.last_day * DAY, UTC)

    def holds(self, seq: int, day: int, *, inclusive: bool) -> bool:
        """Whether the training knows an event; the last day's own count as known if `inclusive`."""
        if self.seq is not None:
            return seq <= self.seq
        return day < self.last_day or (inclusive and day == self.last_day)


@dataclass(frozen=True, slots=True)
class Happened:
    """One stored event: `at` in seconds since 1970, `items` as (item_id, quantity)."""

    seq: int
    type: str
    at: float
    order_id: str | None
    items: tuple[tuple[str, float], ...]
    customer_id: str | None = None


def happenings(found: Iterable[Happened], seen: Seen, settings: EventSettings, now: datetime) -> Happenings:
    """What counts beside the bundle's history; `found` in any order."""
    rows = sorted(set(found), key=lambda one: (one.at, one.seq))
    since = (now - timedelta(minutes=settings.session_minutes)).timestamp()
    bought, returned = _orders(rows, seen)
    looked_at, cart = _session([row for row in rows if row.at >= since], settings)
    resting_since = (now - timedelta(hours=settings.rest_hours)).timestamp()
    resting = {
        item: None for row in rows if row.type == "purchase" and row.at >= resting_since for item, _ in row.items
    }
    return Happenings(
        bought=tuple(bought), returned=tuple(returned), looked_at=looked_at, cart=cart, resting=tuple(resting)
    )


def _orders(rows: Sequence[Happened], seen: Seen) -> tuple[list[Bought], list[tuple[str, float]]]:
    """Purchases net of the returns of their orders, and returns of what lies further back.

    An item of an order counts once, as it was said last: shops tell of an order from the page and from the server.
    """
    lines: dict[tuple[str, str], Bought] = {}
    known: set[tuple[str, str]] = set()
    returned: list[tuple[str, float]] = []
    for row in rows:
        day = int(row.at) // DAY
        if row.type == "purchase":
            order = row.order_id or ""
            for item, quantity in row.items:
                if seen.holds(row.seq, day, inclusive=False):
                    known.add((order, item))
                    continue
                # A late repetition of what the training knows is no other purchase.
                if (order, item) not in known:
                    may_be_known = day <= seen.last_day
                    line = Bought(item_id=item, order_id=order, day=day, quantity=quantity, may_be_known=may_be_known)
                    lines[order, item] = line
        elif row.type == "return" and not seen.holds(row.seq, day, inclusive=True):
            returned += _take_back(lines, row)
    return [line for line in lines.values() if line.quantity > SMALLEST_QUANTITY], returned


def _take_back(lines: dict[tuple[str, str], Bought], row: Happened) -> list[tuple[str, float]]:
    """Take a return from its order; what the order does not hold is returned from earlier purchases.

    A return without items takes the whole order.
    """
    order = row.order_id or ""
    if not row.items:
        for key in [key for key in lines if key[0] == order]:
            del lines[key]
        return []
    left = []
    for item, quantity in row.items:
        line = lines.get((order, item))
        here = 0.0 if line is None else min(line.quantity, quantity)
        if line is not None:
            lines[order, item] = Bought(
                item_id=item, order_id=order, day=line.day, quantity=line.quantity - here,
                may_be_known=line.may_be_known,
            )  # fmt: skip
        if quantity - here > SMALLEST_QUANTITY:
            left.append((item, quantity - here))
    return left


def _session(
    rows: Sequence[Happened], settings: EventSettings
) -> tuple[tuple[tuple[str, float], ...], tuple[str, ...]]:
    """What was looked at, with weights, the latest first, and what lies in the cart; neither holds what was bought."""
    looked: dict[str, float] = {}
    cart: dict[str, float] = {}
    weights = {"view": settings.view, "click": settings.click}
    for row in rows:
        for item, quantity in row.items:
            if row.type == "purchase":
                looked.pop(item, None)
                cart.pop(item, None)
            elif row.type in weights:
                looked[item] = min(looked.pop(item, 0.0) + weights[row.type], 1.0)
            elif row.type == "add_to_cart":
                cart[item] = cart.pop(item, 0.0) + quantity
            elif row.type == "remove_from_cart" and item in cart:
                cart[item] -= quantity
                if cart[item] <= SMALLEST_QUANTITY:
                    del cart[item]
    for item in cart:
        looked[item] = min(looked.pop(item, 0.0) + settings.add_to_cart, 1.0)
    latest = [(item, weight) for item, weight in reversed(looked.items()) if weight > 0]
    return tuple(latest[: settings.session_items]), tuple(cart)


def read_items(stored: list[dict[str, Any]]) -> tuple[tuple[str, float], ...]:
    """The items of a stored event."""
    return tuple((item["item_id"], float(item["quantity"])) for item in stored)
