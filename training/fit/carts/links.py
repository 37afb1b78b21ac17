"""Which items orders hold together: links for complements, and companions among items of one category."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import ragged_arange
from models.ranking import contains, keys
from models.sparse import Rows, row_numbers, with_values
from training.fit.carts.matrices import empty_table, table_of
from training.fit.carts.orders import Orders
from training.fit.cooccurrence import Related, Together, together_by_block

# From this logarithm on (1.4 times) a pair is bought together beyond its buyers' habits; orders added to both sides.
BEYOND_HABIT, PRIOR = 0.35, 2.0
PAIRS = 100_000


@dataclass(frozen=True, eq=False)
class Linked:
    """`links` items × items; `beyond`: for pairs that are of one category or were asked for, and that some order holds,
    the logarithm of how much more often than expected orders hold both."""

    links: "Rows[Any]"
    beyond: "Rows[Any]"

    def companions(self) -> "Rows[Any]":
        """Pairs of `beyond` that go together and are no substitutes."""
        table = self.beyond
        keep = table.data >= BEYOND_HABIT
        row = row_numbers(table)[keep]
        return table_of(table.shape, row, table.indices[keep], table.data[keep])


def fit_links(
    orders: Orders,
    fresh: NDArray[np.float32],
    *,
    lean: float,
    shrink: float,
    neighbours: int,
    category: NDArray[np.int32] | None = None,
    also: "Rows[Any] | None" = None,
) -> Linked:
    """together / (held(item)^lean × held(other)^(1 − lean) + shrink), all counts decayed by `fresh` per order.

    `category` int32 of n_items (−1: none) and the pairs of `also` say for which pairs `beyond` is computed.
    """
    held = orders.per_item(fresh).astype(np.float64)
    asked, other = np.power(held, lean), np.power(held, 1 - lean)
    related = Related(orders.n_items)
    kin: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]] = []
    for pairs in together_by_block(orders.weighted(np.sqrt(fresh))):
        weight = pairs.together / (asked[pairs.item] * other[pairs.other] + shrink)
        related.add(pairs.start, pairs.best(weight.astype(np.float32), neighbours))
        if category is not None:
            near = _near(pairs, category, also)
            kin.append((pairs.item[near], pairs.other[near], pairs.together[near]))
    shape = (orders.n_items, orders.n_items)
    if not kin:
        return Linked(related.matrix(), empty_table(orders.n_items))
    item, of, together = (np.concatenate(columns) for columns in zip(*kin, strict=True))
    expected = _expected(orders, fresh, item, of)
    beyond = np.log((together + PRIOR) / (expected + PRIOR))
    return Linked(related.matrix(), table_of(shape, item, of, beyond))


def _near(pairs: Together, category: NDArray[np.int32], also: "Rows[Any] | None") -> NDArray[np.bool_]:
    near = (category[pairs.item] == category[pairs.other]) & (category[pairs.item] >= 0)
    if also is not None:
        part = also[pairs.start : pairs.end]
        wanted = keys(row_numbers(part) + pairs.start, part.indices)
        near |= contains(np.sort(wanted), keys(pairs.item, pairs.other))
    both: NDArray[np.bool_] = near & (pairs.item != pairs.other)
    return both


def _expected(
    orders: Orders, fresh: NDArray[np.float32], item: NDArray[np.int64], other: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Orders that would hold both if every customer drew the items of an order independently; guests count as one
    customer.

    A family that buys both sorts of milk every week buys them together by habit, not because they go together.
    """
    guest = orders.customer < 0
    guests, all_guests = orders.per_item(fresh * guest), max(float(fresh[guest].sum()), 1e-9)
    expected = guests[item].astype(np.float64) * guests[other] / all_guests
    customer = np.where(guest, 0, orders.customer)
    n_customers = int(customer.max(initial=0)) + 1
    known = fresh * ~guest
    total = np.maximum(np.bincount(customer, known, minlength=n_customers), 1e-9)
    order = row_numbers(orders.held)
    places = (orders.held.indices, customer[order])
    bought = table_of((orders.n_items, n_customers), *places, known[order])
    rate = with_values(bought, bought.data / total[bought.indices])
    # Both orders of a pair are expected alike.
    first = np.flatnonzero(item < other)
    sums = np.zeros(len(item))
    for start in range(0, len(first), PAIRS):
        at = first[start : start + PAIRS]
        sums[at] = _dot_rows(bought, rate, item[at], other[at])
    key, mirrored = keys(item, other), np.flatnonzero(item > other)
    by_key = np.argsort(key)
    place = by_key[np.minimum(np.searchsorted(key[by_key], keys(other, item)[mirrored]), len(key) - 1)]
    sums[mirrored] = sums[place]
    return expected + sums


def _dot_rows(left: "Rows[Any]", right: "Rows[Any]", row: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """left[row[k]] · right[other[k]] for each k: the shorter row of each pair is looked up in the longer one."""
    # Rows are symmetric in use: bought[i] · rate[j] = rate[i] · bought[j].
    lengths = np.diff(left.indptr)
    short = np.where(lengths[row] <= lengths[other], row, other)
    long = np.where(lengths[row] <= lengths[other], other, row)
    count = lengths[short]
    pair = np.repeat(np.arange(len(row)), count)
    entry = ragged_arange(left.indptr[short], count)
    column = left.indices[entry]
    low, high = right.indptr[long][pair], right.indptr[long + 1][pair]
    end = high.copy()
    while True:
        open_ = low < high
        if not open_.any():
            break
        middle = (low + high) // 2
        less = open_ & (right.indices[np.minimum(middle, len(right.indices) - 1)] < column)
        low, high = np.where(less, middle + 1, low), np.where(open_ & ~less, middle, high)
    low = np.minimum(low, max(len(right.indices) - 1, 0))
    met = (low < end) & (right.indices[low] == column)
    return np.bincount(pair[met], left.data[entry[met]] * right.data[low[met]], minlength=len(row)).astype(np.float64)
