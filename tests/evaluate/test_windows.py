"""Where time is cut, and who is judged by what."""

import numpy as np
import pytest

from models.errors import InputError
from tests.evaluate.shops import shop_of
from training.evaluate.truth import judge
from training.evaluate.windows import Window, backtest_horizon, rolling_windows


def test_windows_lie_side_by_side_up_to_the_last_day() -> None:
    data = shop_of([(0, 0, 0, 100), (0, 1, 0, 139)], customers=1, items=1)
    windows = rolling_windows(data, 10, 3)
    assert windows == (Window(start=110, end=120), Window(start=120, end=130), Window(start=130, end=140))


def test_too_short_a_past_says_what_to_do() -> None:
    data = shop_of([(0, 0, 0, 100), (0, 1, 0, 138)], customers=1, items=1)
    with pytest.raises(
        InputError, match=r"span 39 days; 3 windows of 10 days need at least 40\. Use a shorter --horizon"
    ):
        rolling_windows(data, 10, 3)


def test_the_horizon_shrinks_until_the_windows_fit() -> None:
    year = shop_of([(0, 0, 0, 1), (0, 1, 0, 365)], customers=1, items=1)
    month = shop_of([(0, 0, 0, 1), (0, 1, 0, 24)], customers=1, items=1)
    assert backtest_horizon(year, 3) == 28
    assert backtest_horizon(month, 3) == 6
    assert backtest_horizon(month, 3, 9) == 9
    assert len(rolling_windows(month, 6, 3)) == 3


# Customer 0 buys item 0 again and item 2 for the first time; 1 stays away; 2 is new in the window; a guest buys too.
SHOP = [
    (0, 0, 0, 10),
    (0, 1, 1, 12),
    (1, 2, 0, 11),
    (0, 3, 0, 20),
    (0, 4, 0, 22),
    (0, 3, 2, 20),
    (2, 5, 1, 21),
    (-1, 6, 1, 21),
]


def test_truth_by_scenario() -> None:
    data = shop_of(SHOP, customers=3, items=3)
    found = judge(data, Window(start=20, end=25), sample=None, rng=np.random.default_rng(0))
    assert found.customers.tolist() == [0]
    assert found.absent.tolist() == [1]
    assert (found.all_customers, found.first_time_customers) == (1, 1)
    assert found.orders.tolist() == [2]
    assert {name: truth.item.tolist() for name, truth in found.truth.items()} == {
        "home": [0, 2],
        "discover": [2],
        "again": [0],
    }


def test_a_sample_is_repeatable_and_says_for_how_many_it_stands() -> None:
    lines = [(customer, 2 * customer + late, 0, 10 + 10 * late) for customer in range(40) for late in (0, 1)]
    data = shop_of(lines, customers=40, items=1)
    window = Window(start=15, end=25)
    first, second = (judge(data, window, sample=10, rng=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.customers, second.customers)
    assert len(np.unique(first.customers)) == 10
    assert first.weight == 4.0
