"""The figures of simulated shops whose truth is known; `python -m benchmarks.simulator` draws many more."""

import numpy as np
import pytest

from benchmarks.simulator import World, draw, simulate
from recsvc.measure.comparing import Verdict


@pytest.mark.slow
@pytest.mark.parametrize("uplift", [0.1, 0.0])
def test_intervals_hold_the_truth_and_peeking_does_not_lie(uplift: float) -> None:
    tally = simulate(World(customers=4_000, days=14, uplift=uplift, orders_a_day=0.04), 150, seed=5)
    for name in ("conversion", "revenue", "relative revenue", "every day at once"):
        # 90 % of 150 is what 95 % falls below once in 200 times.
        assert tally.held[name] / tally.runs > 0.9, name
    if uplift:
        assert tally.said_at_any_look[Verdict.HARMS] / tally.runs < 0.05
        assert tally.said_at_the_end[Verdict.WORKS] > tally.said_at_the_end[Verdict.HARMS]
    else:
        assert tally.said_at_any_look[Verdict.WORKS] / tally.runs < 0.08


def test_the_simulated_shop_is_what_it_says() -> None:
    world = World(customers=200_000, days=14, uplift=0.2)
    campaign = draw(world, np.random.default_rng(1))
    for group, factor in ((campaign.mailed, 1.2), (~campaign.mailed, 1.0)):
        assert campaign.bought[-1][group].mean() == pytest.approx(world.conversion(factor), rel=0.03)
        assert campaign.revenue[-1][group].mean() == pytest.approx(world.revenue(factor), rel=0.04)
    assert campaign.mailed.mean() == pytest.approx(0.7, abs=0.01)
