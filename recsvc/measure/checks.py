"""Whether a test can be believed: did the arms get the shares of customers that they were promised?"""

from collections.abc import Sequence

from scipy.special import chdtrc

# Below this the arms' sizes are no accident: somebody was lost on one side, and no figure of the test means anything.
BROKEN_BELOW = 0.001


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The p-value of the χ² test of these arms' sizes against their shares; 1 for fewer than two arms or customers.

    Raises ValueError for shares that are not all above 0.
    """
    if any(share <= 0 for share in shares):
        raise ValueError("each arm needs a share above 0")
    total, whole = sum(counts), sum(shares)
    if len(counts) < 2 or total < 2:
        return 1.0
    expected = [total * share / whole for share in shares]
    distance = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, distance))
