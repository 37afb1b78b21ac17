"""Filters and boosts as they look in one minute, kept for the next request that asks for the same."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ranking import rank
from recsvc.engine.columns import Columns, depends_on_time
from recsvc.engine.filters import Boost, Filter
from recsvc.engine.rules import Rules

# Masks are kept as bits: so many bytes of them, between the fewest and the most.
MASK_BYTES = 8 << 20
FEWEST_MASKS, MOST_MASKS = 16, 512
MOST_LENSES = 256
HEAD = 2_048

Bits = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Lens:
    """What a filter lets through in one minute (`bits` of the items; None: everything) and what boosts multiply.

    `sales` of all items; `best` are the first popular ones that rules and filter allow, boosted ones in their place.
    """

    rules: Rules
    bits: Bits | None
    boosts: tuple[tuple[Bits, float], ...]
    sales: NDArray[np.float32]
    best: NDArray[np.int32]

    def allows(self, item: NDArray[Any]) -> NDArray[np.bool_]:
        """Which items may be shown."""
        allowed: NDArray[np.bool_] = self.rules.allowed[item]
        return allowed if self.bits is None else allowed & _hold(self.bits, item)

    def factor(self, item: NDArray[Any]) -> NDArray[np.float32]:
        """What the boosts multiply each item's score by."""
        factor = np.ones(len(item), np.float32)
        for bits, times in self.boosts:
            factor[_hold(bits, item)] *= np.float32(times)
        return factor

    @cached_property
    def most(self) -> float:
        """No item's score is multiplied by more."""
        return float(np.prod([max(factor, 1.0) for _, factor in self.boosts]))

    @property
    def within(self) -> NDArray[np.bool_] | None:
        """The filter as a mask of all items."""
        return None if self.bits is None else np.unpackbits(self.bits, count=len(self.rules.allowed)).view(np.bool_)

    def popular(self, limit: int) -> NDArray[np.int32]:
        """The `limit` best sellers that may be shown, boosted, best first."""
        if limit <= len(self.best) or len(self.best) < HEAD:
            return self.best[:limit]
        return _popular(self, limit)

    def worth(self, item: NDArray[Any]) -> NDArray[np.float32]:
        """What popular items are ordered by: what sells, boosted."""
        sales: NDArray[np.float32] = self.sales[item]
        return sales * self.factor(item) if self.boosts else sales


class Lenses:
    """Makes lenses, and keeps the masks of the filters and boosts asked for last. Safe for several threads."""

    def __init__(self, columns: Columns, sales: NDArray[np.float32]) -> None:
        self._masks = Masks(columns, len(sales))
        self._sales = sales
        self._minute: tuple[Rules, Callable[[Filter | None, tuple[Boost, ...]], Lens]] | None = None

    def of(self, rules: Rules, wanted: Filter | None, boosts: tuple[Boost, ...]) -> Lens:
        """What filter and boosts let through of what the rules allow."""
        minute = self._minute
        if minute is None or minute[0] is not rules:
            # What was kept for the minute before would keep its rules in memory; and what referred to `self`, the whole
            # model beyond its turn.
            minute = self._minute = rules, lru_cache(MOST_LENSES)(partial(_lens, self._masks, self._sales, rules))
        return minute[1](wanted, boosts)


class Masks:
    """The masks of filters and boosts as bits, those asked for last kept."""

    def __init__(self, columns: Columns, n_items: int) -> None:
        self._columns = columns
        fitting = MASK_BYTES // max(n_items // 8, 1)
        self._bits = lru_cache(min(max(fitting, FEWEST_MASKS), MOST_MASKS))(partial(_packed, columns))

    def of(self, wanted: Filter, since: int) -> Bits:
        """What the filter lets through from `since` on."""
        # What no sale changes is not computed afresh each minute.
        timed = self._columns.has_sales and depends_on_time(wanted)
        return self._bits(wanted, since if timed else 0)


def _packed(columns: Columns, wanted: Filter, since: int) -> Bits:
    return np.packbits(columns.mask(wanted, since))


def _lens(
    masks: Masks, sales: NDArray[np.float32], rules: Rules, wanted: Filter | None, boosts: tuple[Boost, ...]
) -> Lens:
    bits = None if wanted is None else masks.of(wanted, rules.since)
    boosted = tuple((masks.of(boost.condition, rules.since), boost.factor) for boost in boosts)
    bare = Lens(rules, bits, boosted, sales, rules.popular)
    if bits is None and not boosted:
        return bare
    return Lens(rules, bits, boosted, sales, _popular(bare, HEAD))


def _popular(lens: Lens, limit: int) -> NDArray[np.int32]:
    item = lens.rules.popular
    if lens.bits is not None:
        item = item[_hold(lens.bits, item)]
    if not lens.boosts:
        return item[:limit]
    worth = lens.sales[item] * lens.factor(item)
    if len(item) > limit:
        fit = worth >= -np.partition(-worth, limit - 1)[limit - 1]
        item, worth = item[fit], worth[fit]
    return rank(1, np.zeros(len(item), np.int64), item, worth, limit).item


def _hold(bits: Bits, item: NDArray[Any]) -> NDArray[np.bool_]:
    held: NDArray[np.bool_] = (bits[item >> 3] & (np.uint8(128) >> (item & 7).astype(np.uint8))) != 0
    return held
