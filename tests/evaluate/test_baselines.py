"""Each baseline on a shop whose lists can be worked out by hand, and all of them on what every list must hold to."""

from functools import partial

import numpy as np
import pytest

from models.ranking import contains, keys, positions
from tests.evaluate.shops import Line, shop_of
from training.baselines.baskets import fit_cosine_in_baskets, fit_popular_in_baskets
from training.baselines.counting import fit_own_purchases, fit_popular
from training.baselines.customer_knn import fit_tifu_knn, fit_up_cf, order_ages
from training.baselines.ease import ease_weights, fit_basket_ease, fit_ease
from training.baselines.factors import fit_als
from training.baselines.item_knn import fit_item_bm25, fit_item_cosine
from training.baselines.methods import FURTHER, STANDARD, Method, choose_variants
from training.baselines.ranking import Fit, Past
from training.data import TrainingData

FOREVER = float("inf")
ALL: list[tuple[str, Fit]] = [
    (f"{method.name}, {settings}", fit) for method in STANDARD + FURTHER for settings, fit in method.variants.items()
]


def two_tastes() -> TrainingData:
    """Ten customers buy of items 0–4 each week, ten of 5–9; item 10 is bought by nobody known."""
    lines: list[Line] = []
    for customer in range(20):
        taste = 5 * (customer // 10)
        for week in range(6):
            order = customer * 6 + week
            lines += [(customer, order, taste + (customer + week + step) % 5, 7 * week) for step in range(2)]
    lines.append((-1, 200, 10, 3))
    return shop_of(lines, customers=21, items=11)


def lists(fit: Fit, data: TrainingData, today: int, customers: list[int], scenario: str, limit: int) -> list[list[int]]:
    found = fit(data, today).rank_customers(np.array(customers), scenario, limit)
    return [found.item[found.row == row].tolist() for row in range(len(customers))]


# Item 0: three buyers long ago; item 1: two lately; item 2: one, twice; customer 3 has nothing.
COUNTED = [(0, 0, 0, 10), (1, 1, 0, 10), (2, 2, 0, 10), (0, 3, 1, 80), (1, 4, 1, 90), (2, 5, 2, 60), (2, 6, 2, 70)]


def test_best_sellers_count_customers_not_purchases() -> None:
    data = shop_of(COUNTED, customers=4, items=4)
    fit = partial(fit_popular, half_life_days=FOREVER)
    assert lists(fit, data, 100, [0, 3], "home", 3) == [[0, 1, 2], [0, 1, 2]]
    assert lists(fit, data, 100, [0, 3], "discover", 3) == [[2], [0, 1, 2]]
    assert lists(fit, data, 100, [2, 3], "again", 3) == [[0, 2], []]


def test_best_sellers_of_late_outrank_those_of_old() -> None:
    data = shop_of(COUNTED, customers=4, items=4)
    assert lists(partial(fit_popular, half_life_days=14), data, 100, [3], "home", 3) == [[1, 2, 0]]


def test_own_purchases_come_first_then_what_sells() -> None:
    data = shop_of(COUNTED, customers=4, items=4)
    fit = partial(fit_own_purchases, half_life_days=20)
    assert lists(fit, data, 100, [2, 3], "home", 3) == [[2, 0, 1], [1, 2, 0]]
    assert lists(fit, data, 100, [2, 3], "again", 3) == [[2, 0], []]


def test_orders_are_numbered_from_the_newest() -> None:
    data = shop_of([(0, 5, 1, 10), (0, 5, 2, 10), (0, 3, 1, 20), (1, 9, 1, 7)], customers=3, items=3)
    ages, orders = order_ages(data.interactions())
    # Entries lie by customer, item, day: item 1 on day 10, item 1 on day 20, item 2 on day 10; customer 1's only one.
    assert ages.tolist() == [1, 0, 1, 0]
    assert orders.tolist() == [2, 1, 0]


def test_tifu_knn_weighs_by_group_and_place() -> None:
    # One customer, three orders in groups of two: the newest two make a group, the oldest one of its own.
    data = shop_of([(0, 0, 0, 1), (0, 1, 1, 2), (0, 2, 2, 3)], customers=1, items=3)
    fitted = fit_tifu_knn(data, 4, group=2, within=0.5, between=0.1, neighbours=1, own=1.0)
    # Newest: 1 / (2 orders × 2 groups); the one before: half of it; the oldest: 0.1 / (1 order × 2 groups).
    assert fitted.vectors.toarray()[0].tolist() == pytest.approx([0.05, 0.125, 0.25])


def test_up_cf_counts_the_share_of_the_newest_orders() -> None:
    data = shop_of([(0, 0, 0, 1), (0, 1, 1, 2), (0, 2, 1, 3)], customers=1, items=2)
    assert fit_up_cf(data, 4, newest=2).vectors.toarray()[0].tolist() == [0, 1]
    assert fit_up_cf(data, 4, newest=9).vectors.toarray()[0].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_the_shared_history_is_left_as_it_was() -> None:
    data = shop_of([(0, 0, 0, 1), (0, 1, 0, 2), (0, 2, 1, 3)], customers=1, items=2)
    past = Past.of(data, 4)
    before = past.history.indptr.copy()
    fitted = fit_tifu_knn(data, 4)
    assert np.array_equal(fitted.past.history.indptr, before)


def test_ease_has_the_closed_form() -> None:
    held = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], np.float32)
    import scipy.sparse as sp

    weights = ease_weights(sp.csr_array(held), 2.0)
    inverse = np.linalg.inv(held.T @ held + 2 * np.eye(3))
    expected = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(expected, 0)
    assert weights == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "fit",
    [
        partial(fit_item_bm25, half_life_days=60, k1=100, b=0.8),
        partial(fit_item_cosine, half_life_days=60),
        partial(fit_als, alpha=10, regularisation=0.1, half_life_days=FOREVER),
        partial(fit_tifu_knn, neighbours=5, own=0.5),
        fit_up_cf,
        partial(fit_ease, regularisation=1.0),
    ],
)
def test_taste_is_found(fit: Fit) -> None:
    # Customer 0 has items 0 to 4 in some measure and nothing of 5 to 9.
    first, other = lists(fit, two_tastes(), 42, [0, 15], "home", 5)
    assert set(first) <= set(range(5))
    assert set(other) <= set(range(5, 10))


@pytest.mark.parametrize(("name", "fit"), ALL, ids=[name for name, _ in ALL])
def test_lists_hold_to_their_scenario(name: str, fit: Fit) -> None:
    data = two_tastes()
    fitted = fit(data, 42)
    customers = np.array([3, 20, 12, 3])
    history = data.interactions().rows(customers)
    owned = np.unique(keys(history.row, history.item))
    for scenario in fitted.scenarios:
        found = fitted.rank_customers(customers, scenario, 4)
        assert found.n_rows == len(customers)
        assert positions(found.row).max(initial=0) < 4
        listed = keys(found.row, found.item)
        assert len(np.unique(listed)) == len(listed)
        assert (np.diff(found.row) >= 0).all()
        if scenario == "discover":
            assert not contains(owned, listed).any()
        if scenario == "again":
            assert contains(owned, listed).all()
        # The same customer has the same list in any row.
        assert found.item[found.row == 0].tolist() == found.item[found.row == 3].tolist()


def test_baskets_are_completed_by_what_orders_hold_together() -> None:
    orders = [(0, 1), (0, 1), (0, 1), (2, 3), (2, 3), (2, 3), (4, 3), (4, 0), (4, 1), (4, 2)]
    lines = [(-1, number, item, number) for number, pair in enumerate(orders) for item in pair]
    data = shop_of(lines, customers=1, items=6)
    cart_row, cart_item = np.array([0, 1]), np.array([0, 3], np.int32)
    for fit in (fit_cosine_in_baskets, lambda data: fit_basket_ease(data, 1.0)):
        found = fit(data).rank_baskets(3, cart_row, cart_item, 1)
        assert found.row.tolist() == [0, 1]
        assert found.item.tolist() == [1, 2]
    popular = fit_popular_in_baskets(data).rank_baskets(2, cart_row, cart_item, 2)
    # Each of the items 0 to 4 is in four orders: the lower index first, none of the cart's own.
    assert popular.item.tolist() == [1, 2, 0, 1]


def test_settings_are_chosen_by_what_comes_next() -> None:
    # Everybody buys today what was bought last, never what was bought most.
    lines: list[Line] = []
    for customer in range(10):
        base = customer * 20
        lines += [(customer, base + day, 0, day) for day in range(8)]
        lines += [(customer, base + 10 + day, 1, 30 + day) for day in range(2)]
        lines.append((customer, base + 15, 1, 42))
    data = shop_of(lines, customers=10, items=2)
    method = Method(
        name="own",
        variants={
            "long": partial(fit_own_purchases, half_life_days=FOREVER),
            "short": partial(fit_own_purchases, half_life_days=3),
        },
    )
    chosen = choose_variants(method, data, 45, 5, sample=100, seed=1)
    assert chosen["home"] == chosen["again"] == "short"
    # The days from 45 on are not looked at, and a window without customers leaves the first settings.
    assert choose_variants(method, data, 30, 5, sample=100, seed=1)["home"] == "long"
