"""Lifecycle stages on histories small enough to work out by hand."""

import numpy as np

from models.interactions import Interactions
from recsvc.offers.lifecycle import ACTIVE, AT_RISK, LAPSED, LOYAL, NEW, PROSPECT, Lifecycle

TODAY = 1000


def of(*shopping_days: list[int]) -> Lifecycle:
    """One customer a list of days; each day is an order of one item."""
    row = np.repeat(np.arange(len(shopping_days)), [len(days) for days in shopping_days])
    day = np.array([day for days in shopping_days for day in days], np.int32)
    ones = np.ones(len(day), np.float32)
    histories = Interactions.of(len(shopping_days), row, np.zeros(len(day), np.int32), day, ones, np.arange(len(day)))
    return Lifecycle.of(histories, TODAY)


def every(gap: int, last: int, times: int = 10) -> list[int]:
    return [last - gap * place for place in range(times)][::-1]


def test_the_same_wait_means_something_else_to_another_rhythm() -> None:
    # 26 days ago: usual for who comes monthly, far too long for who comes every third day.
    weekly = [every(7, TODAY - 2, times=5 + place % 4) for place in range(30)]
    cycle = of(every(30, TODAY - 26, times=6), every(3, TODAY - 26, times=12), *weekly)
    assert cycle.name(0) == "active"
    assert cycle.name(1) == "lapsed"


def test_a_rhythm_is_the_mean_gap_drawn_towards_the_shops() -> None:
    cycle = of(every(10, TODAY, times=5), every(10, TODAY, times=5), every(20, TODAY, times=2))
    # The shop's median gap is 10; two of those count beside one's own: (40 + 20) / (4 + 2), (20 + 20) / (1 + 2).
    assert cycle.rhythm.tolist() == [10.0, 10.0, np.float32(40 / 3)]


def test_stages() -> None:
    ten = [every(10, TODAY - 3, times=10) for _ in range(20)]
    cycle = of([], [TODAY - 5], [TODAY - 400], every(10, TODAY - 5, times=3), every(10, TODAY - 5, times=11), *ten)
    assert cycle.stage[:5].tolist() == [PROSPECT, NEW, LAPSED, ACTIVE, LOYAL]
    assert cycle.name(-1) == "prospect"
    assert cycle.days_since()[1] == 5


def test_at_risk_lies_between_a_long_wait_and_the_longest() -> None:
    # Waits of 10 days, one in twenty-five 20, one in a hundred 40: in rhythms of about 10 that is 2 and 4.
    regular = [every(10, TODAY - 1, times=20) for _ in range(40)]
    cycle = of(*regular, every(10, TODAY - 12, times=20), every(10, TODAY - 200, times=20))
    assert cycle.risky < cycle.final
    wait = int(np.ceil(10 * (cycle.risky + cycle.final) / 2))
    again = of(*regular, every(10, TODAY - wait, times=20), every(10, TODAY - 200, times=20))
    assert again.stage[-2:].tolist() == [AT_RISK, LAPSED]


def test_a_day_counts_once_and_a_shop_without_second_orders_has_stages_too() -> None:
    cycle = of([TODAY - 1, TODAY - 1, TODAY - 1], [TODAY - 500])
    assert cycle.orders.tolist() == [1, 1]
    assert cycle.stage.tolist() == [NEW, LAPSED]


def test_blocks_do_not_show(monkeypatch: object) -> None:
    days = [every(3 + place % 5, TODAY - place, times=1 + place % 7) for place in range(50)]
    whole = of(*days)
    from recsvc.offers import lifecycle

    before, lifecycle.BLOCK = lifecycle.BLOCK, 7
    try:
        parts = of(*days)
    finally:
        lifecycle.BLOCK = before
    assert parts.stage.tolist() == whole.stage.tolist()
    assert parts.rhythm.tolist() == whole.rhythm.tolist()
