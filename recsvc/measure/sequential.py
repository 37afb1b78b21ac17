"""Intervals that hold at every look, so that peeking at a running test is safe.

The normal mixture of Robbins (1970) as an asymptotic confidence sequence (Waudby-Smith et al. 2024, eq. 9): with the
standard error se and the information t gathered so far,
    half = se · sqrt(2 (1 + 1/tρ²) · ln(sqrt(tρ² + 1) / α))
covers the truth at all t at once with probability 1 − α. Information here is the number of customers who bought: the
variance of the summed difference grows with it. Where a customer's outcomes of different days go together, the looks
are more alike than the theory assumes, and the interval errs on the safe side.
"""

from math import log, sqrt

from recsvc.measure.interval import CONFIDENCE

# Where the interval is narrowest relative to one look; it holds everywhere.
PLANNED_BUYERS = 500
# The theory is asymptotic: below this many buyers in an arm nothing is said at all.
FEWEST_BUYERS = 25


def anytime_quantile(buyers: int, confidence: float = CONFIDENCE, planned: int = PLANNED_BUYERS) -> float:
    """What takes the place of 1.96 at a look after so many customers bought, in both arms together; `buyers` ≥ 1."""
    alpha = 1 - confidence
    best = -2 * log(alpha) + log(-2 * log(alpha)) + 1  # tρ² at which the interval is narrowest
    gathered = buyers * best / planned
    return sqrt(2 * (1 + 1 / gathered) * log(sqrt(gathered + 1) / alpha))
