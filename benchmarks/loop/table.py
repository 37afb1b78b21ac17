"""What the worlds earned, side by side, and what `recsvc kpis` found of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.loop.worlds import Told

DRAWS = 4_000


def interval(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """95 % of the sum over customers drawn again (percentile bootstrap)."""
    rng, size = np.random.default_rng(seed), len(values)
    sums = np.concatenate([values[rng.integers(size, size=(DRAWS // 8, size))].sum(axis=1) for _ in range(8)])
    low, high = np.quantile(sums, (0.025, 0.975))
    return float(low), float(high)


def lines_of(worlds: Sequence[Told], seed: int) -> Iterator[str]:
    """A table in Markdown, differences of the first world to the others, and the figures' own words."""
    yield "| lists by | margin | revenue | orders | from a list or mail | lists clicked | mails |"
    yield "|---|---|---|---|---|---|---|"
    for told in worlds:
        yield (
            f"| {told.name} | {told.margin.sum():,.0f} | {told.revenue.sum():,.0f} | {told.orders:,} | "
            f"{told.listed / told.lines:.1%} of {told.lines:,} lines | {told.clicks / told.lists:.1%} | "
            f"{told.mails:,} |"
        )
    first = worlds[0]
    for told in worlds[1:]:
        gain, base = first.margin - told.margin, told.margin.sum()
        low, high = interval(gain, seed)
        yield (
            f"{first.name} earned {gain.sum():+,.0f} against {told.name} ({low:+,.0f} to {high:+,.0f}), "
            f"{gain.sum() / base:+.1%} ({low / base:+.1%} to {high / base:+.1%})"
        )
        ratios = first.weekly / told.weekly - 1
        yield f"  by week: {' '.join(f'{ratio:+.1%}' for ratio in ratios)}"
    for told in worlds:
        yield from _measured(told)


def _measured(told: Told) -> Iterator[str]:
    figures = told.figures
    if not figures:
        return
    orders, revenue = told.books
    same = figures["orders"] == orders and abs(figures["revenue"] - revenue) < 0.01
    yield (
        f"recsvc kpis in the world of {told.name}: {figures['orders']:,} orders, {figures['revenue']:,.0f} EUR "
        f"({'as' if same else 'NOT AS'} the shop's own books say), {figures['credited']:,.0f} after a click"
    )
    for test in (*figures["campaigns"], *figures["experiments"]):
        for compared in test["comparisons"]:
            shares = compared["shares"]
            more = _span(compared["margin"]) if compared["margin"] is not None else "margin not known"
            yield (
                f"  {test['name']}, {compared['arm']}: {shares['verdict']}; margin a customer {more}; "
                f"sizes {' / '.join(str(arm['assigned']) for arm in test['arms'])}"
            )


def _span(amounts: dict[str, Any]) -> str:
    one = amounts["difference"]
    return f"{one['value']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})"
