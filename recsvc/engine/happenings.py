"""What a customer or visitor did after the training: counted as history by the same ranking code."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.sources.protocol import Queries
from models.strings import IdIndex

SMALLEST_QUANTITY = 1e-6


@dataclass(frozen=True, kw_only=True)
class Bought:
    """One item of one order: `day` since 1970-01-01 UTC. `may_be_known`: the training may have seen the day in part,
    so that an equal purchase in the history is this one."""

    item_id: str
    order_id: str
    day: int
    quantity: float
    may_be_known: bool = False


@dataclass(frozen=True, kw_only=True)
class Happenings:
    """All in outside ids. `bought` net of returns of the same orders; `returned` pieces of earlier purchases;
    `looked_at` weights (0 to 1) of what was viewed or put into the cart, the latest first; `cart`; `resting` items are
    in no list."""

    bought: tuple[Bought, ...] = ()
    returned: tuple[tuple[str, float], ...] = ()
    looked_at: tuple[tuple[str, float], ...] = ()
    cart: tuple[str, ...] = ()
    resting: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.bought or self.returned or self.looked_at or self.cart or self.resting)


def asked_about(given: Sequence[str], happened: Happenings | None, scenario: str) -> Sequence[str]:
    """The items asked about: those given, or else, for what completes a cart, what lies in it."""
    return given or (happened.cart if happened is not None and scenario == "complements" else ())


def kept_back(happened: Happenings | None) -> Sequence[str]:
    """What is in no list: items in the cart, and those bought just now."""
    return () if happened is None else (*happened.cart, *happened.resting)


def with_happenings(queries: Queries, happened: Sequence[Happenings | None], items: IdIndex, *, looks: bool) -> Queries:
    """The queries with histories as they are now; those rows are marked `live`.

    `looks`: what was looked at counts like a lighter purchase of today, and goes into the cart, which lists leave out.
    """
    changed = [row for row, one in enumerate(happened) if one is not None and not one.is_empty]
    if not changed:
        return queries
    parts = [_Row.of(queries, row) for row in range(len(queries))]
    cart = [queries.cart_item[queries.cart_row == row] for row in range(len(queries))]
    for row in changed:
        one = happened[row]
        assert one is not None
        part = parts[row].give_back(one.returned, items).buy(one.bought, items, queries.today)
        if looks:
            part = part.look(one.looked_at, items, queries.today)
            seen = items.find_all(item for item, _ in one.looked_at)
            cart[row] = np.union1d(cart[row], seen[seen >= 0]).astype(np.int32)
        parts[row] = part
    live = np.zeros(len(queries), np.bool_)
    live[changed] = True
    cart_row = np.repeat(np.arange(len(queries)), [len(part) for part in cart])
    return replace(
        queries, history=_together(parts), cart_row=cart_row, cart_item=np.concatenate(cart).astype(np.int32), live=live
    )


@dataclass(frozen=True, eq=False)
class _Row:
    """The entries of one history, each with its weight."""

    item: NDArray[np.int32]
    day: NDArray[np.int32]
    quantity: NDArray[np.float32]
    order: NDArray[np.int32]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, queries: Queries, row: int) -> "_Row":
        history = queries.history
        part = slice(int(history.indptr[row]), int(history.indptr[row + 1]))
        weight = np.ones(part.stop - part.start, np.float32) if history.weight is None else history.weight[part]
        return cls(history.item[part], history.day[part], history.quantity[part], history.order[part], weight)

    def give_back(self, returned: Sequence[tuple[str, float]], items: IdIndex) -> "_Row":
        """Without the pieces returned: they are taken from the latest purchases of the item, as training does."""
        if not returned:
            return self
        quantity = self.quantity.copy()
        for item_id, pieces in returned:
            left = pieces
            for place in np.flatnonzero(self.item == items.find(item_id))[::-1]:  # entries of an item are by day
                taken = min(left, float(quantity[place]))
                quantity[place] -= taken
                left -= taken
        kept = quantity > SMALLEST_QUANTITY
        return _Row(self.item[kept], self.day[kept], quantity[kept], self.order[kept], self.weight[kept])

    def buy(self, bought: Sequence[Bought], items: IdIndex, today: int) -> "_Row":
        """With these purchases; one that the history has already does not count again."""
        known = set(zip(self.item.tolist(), self.day.tolist(), strict=True))
        orders: dict[str, int] = {}
        first = int(self.order.max(initial=-1)) + 1
        found: list[tuple[int, int, float, int]] = []
        for one in bought:
            item = items.find(one.item_id)
            if item < 0 or (one.may_be_known and (item, one.day) in known):
                continue
            order = orders.setdefault(one.order_id, first + len(orders))
            # The model's day is that of its training; nothing in a history lies after it.
            found.append((item, min(one.day, today), one.quantity, order))
        return self._more(found, 1.0)

    def look(self, looked_at: Sequence[tuple[str, float]], items: IdIndex, today: int) -> "_Row":
        """With what was looked at as one more order of today, each item by its weight."""
        order = int(self.order.max(initial=-1)) + 1
        part = self
        for item_id, weight in looked_at:
            item = items.find(item_id)
            if item >= 0 and weight > 0:
                part = part._more([(item, today, 1.0, order)], weight)
        return part

    def _more(self, entries: Sequence[tuple[int, int, float, int]], weight: float) -> "_Row":
        if not entries:
            return self
        item, day, quantity, order = zip(*entries, strict=True)
        return _Row(
            np.concatenate([self.item, np.array(item, np.int32)]),
            np.concatenate([self.day, np.array(day, np.int32)]),
            np.concatenate([self.quantity, np.array(quantity, np.float32)]),
            np.concatenate([self.order, np.array(order, np.int32)]),
            np.concatenate([self.weight, np.full(len(entries), weight, np.float32)]),
        )


def _together(parts: Sequence[_Row]) -> Interactions:
    row = np.repeat(np.arange(len(parts)), [len(part.item) for part in parts])
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("item", "day", "quantity", "order")
    }
    return Interactions.of(len(parts), row, **columns, weight=np.concatenate([part.weight for part in parts]))
