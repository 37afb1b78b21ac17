"""How sure a mean is: the bootstrap over customers (Efron 1979), the same resamples for all that is compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
# Weights of one block of resamples: bounds the memory to about 32 MB.
BLOCK_WEIGHTS = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean, and the range that holds it in 95 of 100 resamplings of the customers."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, mean: float, resampled: NDArray[np.float64]) -> "Interval":
        """By percentiles of the resampled values; those that are NaN (a resample without such customers) do not
        count.
        """
        known = resampled[np.isfinite(resampled)]
        if not len(known):
            return cls(mean=float(mean), low=float("nan"), high=float("nan"))
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(mean=float(mean), low=float(low), high=float(high))


def means(values: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of each column over the rows that have it, shape (n_columns,); NaN where none has."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
    count = known.sum(axis=0)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def resampled_means(
    values: NDArray[Any],
    rng: np.random.Generator,
    *,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """The means of each column in resamples of the rows, shape (resamples, n_columns).

    A NaN does not count. `groups` (one a row) says which rows stand or fall together: a customer's rows in several
    windows are no independent witnesses, so customers are drawn, not rows.
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0).astype(np.float64)
    if groups is None:
        total, count = filled, known.astype(np.float64)
    else:
        _, group = np.unique(groups, return_inverse=True)
        by_group = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[by_group], prepend=-1))
        total = np.add.reduceat(filled[by_group], starts) if len(starts) else filled
        count = np.add.reduceat(known[by_group].astype(np.float64), starts) if len(starts) else known.astype(np.float64)
    n = len(total)
    if not n:
        return np.full((resamples, values.shape[1]), np.nan)
    drawn = []
    block = max(1, BLOCK_WEIGHTS // n)
    for start in range(0, resamples, block):
        weight = rng.multinomial(n, np.full(n, 1 / n), size=min(block, resamples - start)).astype(np.float64)
        sums, counts = weight @ total, weight @ count
        drawn.append(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))
    return np.concatenate(drawn)


def intervals(
    values: NDArray[Any], rng: np.random.Generator, *, groups: NDArray[Any] | None = None, resamples: int = RESAMPLES
) -> list[Interval]:
    """Mean and interval of each column of `values` (rows × columns)."""
    drawn = resampled_means(values, rng, groups=groups, resamples=resamples)
    return [Interval.of(float(mean), column) for mean, column in zip(means(values), drawn.T, strict=True)]


def paired_difference(
    a: NDArray[Any],
    b: NDArray[Any],
    rng: np.random.Generator,
    *,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean of a − b over rows judged by both; above 0 all along: `a` is better beyond chance. Same rows, same order."""
    return intervals((a - b)[:, None], rng, groups=groups, resamples=resamples)[0]


def relative_gain(mean: float, base: float, drawn: NDArray[np.float64], base_drawn: NDArray[np.float64]) -> Interval:
    """mean / base − 1 with its interval, from the same resamples of both; NaN where the base is 0."""
    ratio = np.divide(drawn, base_drawn, out=np.full(len(drawn), np.nan), where=base_drawn > 0) - 1
    return Interval.of(mean / base - 1 if base > 0 else float("nan"), ratio)
