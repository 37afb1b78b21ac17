"""Geometry of the report's bars: from values to places in a drawing 100 wide; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from recsvc.measure.interval import Interval

MARGIN = 0.05


@dataclass(frozen=True)
class Whisker:
    """An interval from `low` to `high` with its value, and where zero is."""

    low: float
    high: float
    value: float
    zero: float


def whiskers(intervals: Sequence[Interval]) -> list[Whisker | None]:
    """All on one axis that holds zero; None for what is not known or has no end."""
    known = [one for one in intervals if one.known]
    ends = [0.0, *(end for one in known for end in (one.low, one.high))]
    low, high = min(ends), max(ends)
    room = (high - low) * MARGIN or 1.0

    def place(value: float) -> float:
        return round(100 * (value - low + room) / (high - low + 2 * room), 2)

    return [
        Whisker(place(one.low), place(one.high), place(one.value), place(0.0)) if one.known else None
        for one in intervals
    ]


def widths(values: Sequence[float]) -> list[float]:
    """Bars from 0 to 100 on one axis."""
    most = max((value for value in values if isfinite(value)), default=0.0)
    return [round(100 * value / most, 2) if most > 0 and isfinite(value) and value > 0 else 0.0 for value in values]
