"""Shares of customers: intervals of one, of the difference of two, and how many customers an answer takes."""

from math import ceil, nan, sqrt

from scipy.special import ndtri

from recsvc.measure.interval import CONFIDENCE, POWER, Interval


def normal_quantile(confidence: float = CONFIDENCE) -> float:
    """1.96 for 0.95: what leaves (1 − confidence) / 2 on each side."""
    return float(ndtri((1 + confidence) / 2))


def detection_quantiles(confidence: float = CONFIDENCE, power: float = POWER) -> float:
    """z for the confidence plus z for the power: 2.80 for 95 % and 80 %."""
    return normal_quantile(confidence) + float(ndtri(power))


def wilson(hits: int, trials: int, confidence: float = CONFIDENCE, *, z: float | None = None) -> Interval:
    """The share hits / trials with Wilson's score interval; `z` takes the place of the confidence's quantile.

    Raises ValueError for more hits than trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} of {trials} is no share")
    if trials == 0:
        return Interval(nan, 0.0, 1.0)
    z = normal_quantile(confidence) if z is None else z
    share, spread = hits / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return Interval(share, max(middle - half, 0.0) if hits else 0.0, min(middle + half, 1.0) if hits < trials else 1.0)


def newcombe(
    treated_hits: int, treated: int, control_hits: int, control: int, confidence: float = CONFIDENCE,
    *, z: float | None = None,
) -> Interval:  # fmt: skip
    """The difference of two shares, treated − control, with Newcombe's hybrid score interval (1998, method 10)."""
    one = wilson(treated_hits, treated, confidence, z=z)
    zero = wilson(control_hits, control, confidence, z=z)
    if not treated or not control:
        return Interval(nan)
    difference = one.value - zero.value
    low = difference - sqrt((one.value - one.low) ** 2 + (zero.high - zero.value) ** 2)
    high = difference + sqrt((one.high - one.value) ** 2 + (zero.value - zero.low) ** 2)
    return Interval(difference, low, high)


def smallest_effect(variance: float, treated: int, control: int) -> float:
    """The smallest true difference that a test of these sizes finds in 80 of 100 cases; inf without customers.

    `variance` is of one customer's outcome: p(1 − p) for a share.
    """
    if not treated or not control:
        return float("inf")
    return detection_quantiles() * sqrt(variance * (1 / treated + 1 / control))


def recipients_per_arm(control_share: float, treated_share: float) -> int:
    """How many customers each of two equal arms needs, so that this difference is found in 80 of 100 cases."""
    spread = treated_share * (1 - treated_share) + control_share * (1 - control_share)
    return ceil(detection_quantiles() ** 2 * spread / (treated_share - control_share) ** 2)


def recipients_needed(variance: float, effect: float, treated_part: float) -> int:
    """How many customers in all, of whom `treated_part` (between 0 and 1) are treated, a difference of `effect` takes.

    `variance` is of one customer's outcome.
    """
    return ceil(detection_quantiles() ** 2 * variance * (1 / treated_part + 1 / (1 - treated_part)) / effect**2)
