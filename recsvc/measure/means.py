"""Means over customers, such as revenue a recipient: differences of two, less noise by what was known before."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from recsvc.measure.interval import CONFIDENCE, Interval

Values = NDArray[np.float64]
# Declared beforehand: what a customer brings beyond this quantile counts as the quantile, so that one wholesale order
# does not decide a test.
WINSORISED_AT = 0.999


@dataclass(frozen=True, slots=True)
class Sample:
    """`n` customers' outcome: its mean, and the variance of one customer's (with n − 1)."""

    n: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Values) -> "Sample":
        if not len(values):
            return cls(0, nan, nan)
        return cls(len(values), float(values.mean()), float(values.var(ddof=1)) if len(values) > 1 else nan)

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return sqrt(self.variance / self.n) if self.n > 1 else nan


def mean_of(sample: Sample, confidence: float = CONFIDENCE) -> Interval:
    """The mean with Student's interval."""
    if sample.n < 2:
        return Interval(sample.mean)
    half = float(stdtrit(sample.n - 1, (1 + confidence) / 2)) * sample.error
    return Interval(sample.mean, sample.mean - half, sample.mean + half)


def welch(treated: Sample, control: Sample, confidence: float = CONFIDENCE, *, z: float | None = None) -> Interval:
    """The difference of two means, treated − control, with Welch's interval; `z` takes the place of Student's t."""
    if treated.n < 2 or control.n < 2:
        return Interval(treated.mean - control.mean)
    one, zero = treated.variance / treated.n, control.variance / control.n
    if one + zero == 0:
        difference = treated.mean - control.mean
        return Interval(difference, difference, difference)
    if z is None:
        degrees = (one + zero) ** 2 / (one**2 / (treated.n - 1) + zero**2 / (control.n - 1))
        z = float(stdtrit(degrees, (1 + confidence) / 2))
    half = z * sqrt(one + zero)
    return Interval(treated.mean - control.mean, treated.mean - control.mean - half, treated.mean - control.mean + half)


def ratio(treated: Sample, control: Sample, z: float) -> Interval:
    """treated / control − 1 by Fieller's theorem, without an interval where the control's mean may be nothing.

    The samples are independent; `z` is how many standard errors the interval is wide on each side.
    """
    if treated.n < 2 or control.n < 2 or control.mean <= 0:
        return Interval(nan)
    found = treated.mean / control.mean
    one, zero = treated.error**2, control.error**2
    slack = 1 - z * z * zero / control.mean**2
    if slack <= 0:
        return Interval(found - 1, -inf, inf)
    half = z / control.mean * sqrt(max(one * slack + zero * found**2, 0.0))
    return Interval(found - 1, (found - half) / slack - 1, (found + half) / slack - 1)


def winsorised(arms: Sequence[Values], quantile: float = WINSORISED_AT) -> list[Values]:
    """The arms' outcomes, cut at one upper quantile of all of them."""
    if not arms or not sum(map(len, arms)):
        return list(arms)
    most = float(np.quantile(np.concatenate(arms), quantile, method="higher"))
    return [np.minimum(arm, most) for arm in arms]


def less_noise(outcomes: Sequence[Values], before: Sequence[Values]) -> tuple[list[Values], float]:
    """CUPED (Deng et al. 2013): Y − θ(X − mean X) with θ = cov(X, Y) / var(X) pooled over the arms.

    `before` is a covariate from before the assignment, such as earlier spend, 0 for new customers. Returns the adjusted
    outcomes, whose means estimate the same, and the share of variance that is gone, 0 to 1.
    """
    x, y = np.concatenate(before), np.concatenate(outcomes)
    if len(x) < 2 or x.var() == 0 or y.var() == 0:
        return list(outcomes), 0.0
    theta = float(np.cov(x, y, ddof=1)[0, 1] / x.var(ddof=1))
    middle = float(x.mean())
    adjusted = [one - theta * (earlier - middle) for one, earlier in zip(outcomes, before, strict=True)]
    return adjusted, float(np.corrcoef(x, y)[0, 1] ** 2)
