"""Which list or mail a purchase is credited to: the last click on that item, at most once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.measure.purchases import SMALLEST, Purchases
from recsvc.measure.touches import Touches

DAY = 86_400.0
NONE = -1


@dataclass(frozen=True, eq=False)
class Credit:
    """For each purchase line its touch, an index into the touches, or −1; `by_view` where nobody clicked but saw."""

    touch: NDArray[np.int64]
    by_view: NDArray[np.bool_]


def credit(purchases: Purchases, touches: Touches, *, click_days: int, view_days: int) -> Credit:
    """Credit each line to its customer's last click on the item within `click_days` before it.

    What no click explains is credited to the last list that showed the item within `view_days`, where that is above 0.
    A line that was all returned is credited to nothing.
    """
    touch = _last_before(purchases, touches, np.flatnonzero(touches.clicked), click_days * DAY)
    by_view = np.zeros(len(purchases), np.bool_)
    if view_days:
        viewed = _last_before(purchases, touches, np.flatnonzero(~touches.clicked), view_days * DAY)
        by_view = (touch == NONE) & (viewed != NONE)
        touch = np.where(by_view, viewed, touch)
    gone = purchases.quantity <= SMALLEST
    return Credit(np.where(gone, NONE, touch), by_view & ~gone)


def _last_before(
    purchases: Purchases, touches: Touches, chosen: NDArray[np.int64], window: float
) -> NDArray[np.int64]:  # fmt: skip
    """For each line the last of the `chosen` touches of the same subject and item, not after it and within `window`."""
    known = chosen[touches.subject[chosen] >= 0]
    if not len(known) or not len(purchases):
        return np.full(len(purchases), NONE, np.int64)
    items = 1 + max(int(purchases.item.max()), int(touches.item[known].max()))
    pair = touches.subject[known] * items + touches.item[known]
    sort = np.lexsort((known, touches.at[known], pair))
    known, pair = known[sort], pair[sort]
    wanted = np.where(purchases.subject >= 0, purchases.subject * items + purchases.item, NONE)
    # Pair and time in one order: the place after the last touch of the pair that is not later than the purchase.
    whole = np.lexsort(
        (
            np.concatenate([np.zeros(len(pair), np.int8), np.ones(len(wanted), np.int8)]),
            np.concatenate([touches.at[known], purchases.at]),
            np.concatenate([pair, wanted]),
        )
    )
    is_touch = whole < len(pair)
    places = np.cumsum(is_touch) - 1
    before = np.empty(len(wanted), np.int64)
    before[whole[~is_touch] - len(pair)] = places[~is_touch]
    nearest = np.maximum(before, 0)
    fits = (before >= 0) & (pair[nearest] == wanted) & (purchases.at - touches.at[known[nearest]] <= window)
    return np.where(fits, known[nearest], NONE)
