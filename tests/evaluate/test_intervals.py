"""The bootstrap: what it must give exactly, and what it must give about right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluate import intervals as module
from training.evaluate.intervals import Interval, intervals, means, paired_difference, relative_gain, resampled_means


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_equal_values_leave_no_doubt() -> None:
    assert intervals(np.full((50, 1), 0.25), rng()) == [Interval(mean=0.25, low=0.25, high=0.25)]


def test_the_interval_is_that_of_the_normal_distribution_for_many_rows() -> None:
    values = rng().normal(10, 2, size=(2000, 1))
    found = intervals(values, rng(), resamples=2000)[0]
    width = 1.96 * values.std() / math.sqrt(2000)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - width, abs=0.02)
    assert found.high == pytest.approx(values.mean() + width, abs=0.02)


def test_a_pair_that_always_differs_by_the_same_is_certain_however_much_rows_vary() -> None:
    b = rng().normal(0, 100, 30)
    found = paired_difference(b + 0.5, b, rng())
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_pair_without_a_difference_holds_0() -> None:
    a, b = rng().random((2, 400))
    found = paired_difference(a, b, rng())
    assert found.low < 0 < found.high


def test_rows_of_one_customer_stand_or_fall_together() -> None:
    # Ten customers with forty equal rows each are ten witnesses, not four hundred.
    of_customer = rng().random(10)
    values, customer = np.repeat(of_customer, 40)[:, None], np.repeat(np.arange(10), 40)
    alone, together = intervals(values, rng())[0], intervals(values, rng(), groups=customer)[0]
    expected = intervals(of_customer[:, None], rng())[0]
    assert (together.mean, together.low, together.high) == pytest.approx((expected.mean, expected.low, expected.high))
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_what_cannot_be_judged_does_not_count() -> None:
    values = np.array([[1.0], [np.nan], [3.0]])
    assert means(values).tolist() == [2.0]
    assert intervals(values, rng())[0].mean == 2.0
    nothing = intervals(np.full((3, 1), np.nan), rng())[0]
    assert all(map(math.isnan, (nothing.mean, nothing.low, nothing.high)))


def test_no_rows_at_all() -> None:
    assert math.isnan(intervals(np.zeros((0, 1)), rng())[0].low)


def test_small_blocks_draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = rng().random((20, 2))
    at_once = resampled_means(values, rng(), resamples=50)
    monkeypatch.setattr(module, "BLOCK_WEIGHTS", 60)
    assert resampled_means(values, rng(), resamples=50) == pytest.approx(at_once)


def test_relative_gain_is_of_the_same_resamples() -> None:
    values = rng().random((100, 1))
    drawn = resampled_means(np.hstack([values * 1.1, values]), rng())
    gain = relative_gain(1.1, 1.0, drawn[:, 0], drawn[:, 1])
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    assert math.isnan(relative_gain(1.0, 0.0, drawn[:, 0], np.zeros(len(drawn))).mean)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_lies_within_the_values(values: list[float]) -> None:
    found = intervals(np.array(values)[:, None], rng(), resamples=50)[0]
    assert min(values) - 1e-12 <= found.low <= found.high <= max(values) + 1e-12
