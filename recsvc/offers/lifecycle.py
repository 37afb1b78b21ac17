"""Where each customer stands: prospect (never bought), new, active, loyal, at risk or lapsed.

Nothing here is a number of days; all goes by the customer's own rhythm and this shop's. A rhythm is the mean gap
between a customer's shopping days, drawn towards the shop's usual gap while there are few; how long a wait may be is
read from all waits of this shop that ended in an order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions

STAGES = ("prospect", "new", "active", "loyal", "at_risk", "lapsed")
PROSPECT, NEW, ACTIVE, LOYAL, AT_RISK, LAPSED = range(len(STAGES))
# A wait longer than this share of all waits that ended in an order is a risk, or the end.
RISKY_WAIT, LAST_WAIT = 0.95, 0.99
# Where all customers are as regular as clocks, a wait of half as long again is still no sign.
SOONEST = 1.5
# The shop's usual gap counts for as many gaps of a customer's own.
PRIOR_GAPS = 2.0
LOYAL_SHARE = 0.75  # of those who came back, the quarter with the most shopping days
BLOCK = 50_000
USUAL_GAP, RISKY, LAST, LOYAL_DAYS = 30.0, 2.0, 4.0, 3  # where a shop has no second order to learn from


@dataclass(frozen=True, eq=False)
class Lifecycle:
    """Of every customer of a bundle: `stage` uint8, an index into STAGES, `orders` shopping days int32, `last` day
    int32 since 1970, `rhythm` float32 days between shopping days. `today` is the day that all of it is seen from.

    `risky` and `final` are the waits, in rhythms, after which a customer is at risk and lapsed; `loyal_days` the
    shopping days from which on one is loyal.
    """

    stage: NDArray[np.uint8]
    orders: NDArray[np.int32]
    last: NDArray[np.int32]
    rhythm: NDArray[np.float32]
    today: int
    risky: float
    final: float
    loyal_days: int

    @classmethod
    def of(cls, histories: Interactions, today: int) -> "Lifecycle":
        """Computed from the histories in blocks of customers; purchases after `today` count as of today."""
        days = _ShoppingDays.of(histories, today)
        repeaters = np.diff(days.indptr) > 1
        usual = float(np.median(days.gaps)) if len(days.gaps) else USUAL_GAP
        orders = np.diff(days.indptr).astype(np.int32)
        span = np.where(orders > 0, days.last - days.first, 0).astype(np.float32)
        rhythm = (span + np.float32(PRIOR_GAPS * usual)) / (np.maximum(orders - 1, 0) + np.float32(PRIOR_GAPS))
        rhythm = np.maximum(rhythm, np.float32(1.0))
        risky, final = RISKY, LAST
        if len(days.gaps):
            waits = days.gaps / rhythm[days.gap_row]
            risky, final = (float(wait) for wait in np.quantile(waits, (RISKY_WAIT, LAST_WAIT)))
            risky = max(risky, SOONEST)
            final = max(final, risky * SOONEST)
        loyal = int(np.ceil(np.quantile(orders[repeaters], LOYAL_SHARE))) if repeaters.any() else LOYAL_DAYS
        loyal = max(loyal, LOYAL_DAYS)
        wait = (today - days.last) / rhythm
        stage = np.select(
            [orders == 0, wait > final, wait > risky, orders == 1, orders >= loyal],
            [PROSPECT, LAPSED, AT_RISK, NEW, LOYAL],
            ACTIVE,
        ).astype(np.uint8)
        return cls(stage, orders, days.last, rhythm.astype(np.float32), today, risky, final, loyal)

    def days_since(self) -> NDArray[np.int32]:
        """Days since each customer's last order; a large number where there is none."""
        return (self.today - self.last).astype(np.int32)

    def name(self, customer: int) -> str:
        """The stage of one customer in a word; −1 is one whom the model does not know."""
        return STAGES[int(self.stage[customer]) if customer >= 0 else PROSPECT]


@dataclass(frozen=True, eq=False)
class _ShoppingDays:
    """The distinct days of each customer: counts as `indptr`, `first` and `last` day, and the gaps between them."""

    indptr: NDArray[np.int64]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    gaps: NDArray[np.float32]
    gap_row: NDArray[np.int64]

    @classmethod
    def of(cls, histories: Interactions, today: int) -> "_ShoppingDays":
        n_rows = len(histories)
        count = np.zeros(n_rows, np.int64)
        first = np.full(n_rows, today, np.int32)
        last = np.full(n_rows, today - 100_000, np.int32)
        gaps: list[NDArray[Any]] = [np.zeros(0, np.float32)]
        gap_row: list[NDArray[Any]] = [np.zeros(0, np.int64)]
        for start in range(0, n_rows, BLOCK):
            stop = min(start + BLOCK, n_rows)
            entries = slice(int(histories.indptr[start]), int(histories.indptr[stop]))
            row = np.repeat(np.arange(start, stop), np.diff(histories.indptr[start : stop + 1]))
            day = np.minimum(histories.day[entries], today)
            both = np.unique(row << 32 | day.astype(np.int64))
            row, day = both >> 32, (both & 0xFFFFFFFF).astype(np.int32)
            count[start:stop] = np.bincount(row - start, minlength=stop - start)
            first[row[::-1]] = day[::-1]  # of several assignments to one place the last one stays
            last[row] = day
            same = row[1:] == row[:-1]
            gaps.append(np.diff(day)[same].astype(np.float32))
            gap_row.append(row[1:][same])
        indptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return cls(indptr, first, last, np.concatenate(gaps), np.concatenate(gap_row))
