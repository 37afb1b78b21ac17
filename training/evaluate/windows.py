"""Where a backtest cuts time: windows at the end of the data, each foreseen from what lies before it."""

from dataclasses import dataclass

from models.errors import InputError
from training.data import TrainingData
from training.windows import horizon_of


@dataclass(frozen=True, kw_only=True)
class Window:
    """Days `start` ≤ day < `end` are foreseen from the days before `start`; days since 1970-01-01."""

    start: int
    end: int


def backtest_horizon(data: TrainingData, windows: int, days: int = 0) -> int:
    """As set (`days`), else as far as the shop's lists look ahead, or less where so many windows would not fit."""
    span = data.last_day + 1 - data.first_day
    return days or max(1, min(horizon_of(data), span // (windows + 1)))


def rolling_windows(data: TrainingData, horizon_days: int, windows: int) -> tuple[Window, ...]:
    """Windows of equal length side by side up to the last day, oldest first.

    Raises InputError where less than a window's length lies before the first one: nothing could be learned there.
    """
    end = data.last_day + 1
    days = end - data.first_day
    if days < horizon_days * (windows + 1):
        raise InputError(
            f"the purchases span {days} days; {windows} windows of {horizon_days} days need at least"
            f" {horizon_days * (windows + 1)}. Use a shorter --horizon, fewer --windows, or more purchases"
        )
    starts = range(end - windows * horizon_days, end, horizon_days)
    return tuple(Window(start=start, end=start + horizon_days) for start in starts)
