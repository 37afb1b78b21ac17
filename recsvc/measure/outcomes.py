"""What each assigned subject brought in its window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.measure.cohort import Cohort
from recsvc.measure.crediting import DAY
from recsvc.measure.purchases import SMALLEST, Purchases

Amounts = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Equal-length arrays, one entry a member of the cohort: whether they bought and kept anything in the window, how
    many orders, what these brought, and what they had spent before. `margin` is None where that of a line is not known.
    `new_lines` of `lines` were the first purchase of that item by that customer."""

    bought: NDArray[np.bool_]
    orders: Amounts
    revenue: Amounts
    margin: Amounts | None
    earlier: Amounts
    lines: Amounts
    new_lines: Amounts


def outcomes_of(cohort: Cohort, purchases: Purchases, *, before_days: int, subjects: int) -> Outcomes:
    """Sum up each member's net purchases; `subjects` is how many subjects there are in all."""
    place = np.full(subjects + 1, -1, np.int64)
    place[cohort.subject] = np.arange(len(cohort.subject))
    member = place[purchases.subject]  # −1 is the last place of the table, which stays −1
    of_members = np.flatnonzero((member >= 0) & (purchases.subject >= 0) & (purchases.quantity > SMALLEST))
    member = member[of_members]
    at = purchases.at[of_members]
    within = (at >= cohort.since[member]) & (at < cohort.until[member])
    before = (at < cohort.since[member]) & (at >= cohort.since[member] - before_days * DAY)
    size = len(cohort.subject)

    def total(values: Amounts, chosen: NDArray[np.bool_]) -> Amounts:
        return np.bincount(member[chosen], values[of_members][chosen], minlength=size).astype(np.float64)

    margin = None if np.isnan(purchases.margin[of_members][within]).any() else total(purchases.margin, within)
    orders = np.unique(np.column_stack([member[within], purchases.order[of_members][within]]), axis=0)[:, 0]
    new = first_of_item(purchases)[of_members] & within
    return Outcomes(
        bought=np.bincount(member[within], minlength=size) > 0,
        orders=np.bincount(orders, minlength=size).astype(np.float64),
        revenue=total(purchases.revenue, within),
        margin=margin,
        earlier=total(purchases.revenue, before),
        lines=np.bincount(member[within], minlength=size).astype(np.float64),
        new_lines=np.bincount(member[new], minlength=size).astype(np.float64),
    )


def first_of_item(purchases: Purchases) -> NDArray[np.bool_]:
    """Which lines are their subject's first of that item, as far back as the purchases go."""
    first = np.zeros(len(purchases), np.bool_)
    if len(purchases):
        pair = purchases.subject * (int(purchases.item.max()) + 1) + purchases.item
        sort = np.lexsort((np.arange(len(pair)), pair))  # lines are sorted by time within a subject
        first[sort[np.append(True, np.diff(pair[sort]) != 0)]] = True
    return first & (purchases.subject >= 0)
