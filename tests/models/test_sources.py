"""What every source must do, and what each of them is for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.ranking import Scored, positions
from models.sources.complements import ComplementSettings
from models.sources.factors import FactorSettings
from models.sources.neighbours import NeighbourSettings
from models.sources.popular import PopularSettings
from models.sources.protocol import Queries, Source
from models.sources.repeat import RepeatSettings
from tests.models.shops import Line, random_shop, shop_of
from training.data import TrainingData
from training.fit.factors import fit_factors
from training.fit.sources import choose_half_life, fit_complements, fit_neighbours, fit_popular, fit_repeat

FITS: dict[str, Callable[[TrainingData], Source]] = {
    "repeat": lambda data: fit_repeat(data, RepeatSettings()),
    "neighbours": lambda data: fit_neighbours(data, NeighbourSettings(shrink=0)),
    "factors": lambda data: fit_factors(data, FactorSettings(factors=8, regularisation=0.1)),
    "complements": lambda data: fit_complements(data, ComplementSettings()),
    "popular": lambda data: fit_popular(data, PopularSettings()),
}


@pytest.fixture(scope="module")
def shop() -> TrainingData:
    return random_shop(seed=3)


def everybody(data: TrainingData) -> Queries:
    """All customers and one stranger, each with a cart of two items."""
    history = data.interactions()
    customers = np.append(np.arange(len(data.customers)), -1)
    carts = np.sort(np.random.default_rng(1).integers(0, len(data.catalogue) // 2, (len(customers), 1)), axis=1)
    carts = np.concatenate([carts, carts + len(data.catalogue) // 2], axis=1).astype(np.int32)
    row = np.repeat(np.arange(len(customers)), 2)
    return Queries(customers, history.rows(customers), row, carts.ravel().astype(np.int32), data.last_day + 1)


def only(queries: Queries, row: int) -> Queries:
    """One row as a block of its own."""
    mine = queries.cart_row == row
    return Queries(
        queries.customer[row : row + 1],
        queries.history.rows(np.array([row])),
        np.zeros(mine.sum(), np.int64),
        queries.cart_item[mine],
        queries.today,
    )


@pytest.mark.parametrize("name", FITS)
class TestEverySource:
    def test_lists_are_ranked_without_doubles_and_within_the_limit(self, name: str, shop: TrainingData) -> None:
        found = FITS[name](shop).candidates(everybody(shop), 7)
        assert len(found) > 0
        assert np.all(np.isfinite(found.score))
        assert positions(found.row).max() < 7
        assert len(np.unique(np.stack([found.row, found.item]), axis=1).T) == len(found)
        order = np.lexsort((found.item, -found.score, found.row))
        assert order.tolist() == list(range(len(found)))

    def test_one_row_alone_gets_the_same_bits(self, name: str, shop: TrainingData) -> None:
        source, queries = FITS[name](shop), everybody(shop)
        block = source.candidates(queries, 20)
        for row in (0, 7, len(queries) - 1):
            alone = source.candidates(only(queries, row), 20)
            mine = block.where(block.row == row)
            assert alone.item.tolist() == mine.item.tolist()
            assert alone.score.tobytes() == mine.score.tobytes()

    def test_stored_arrays_make_the_same_source(self, name: str, shop: TrainingData) -> None:
        source = FITS[name](shop)
        stored = {key: np.array(array) for key, array in source.arrays().items()}
        assert not any(array.dtype == object for array in stored.values())
        again = type(source).from_arrays(stored)
        assert same(source.candidates(everybody(shop), 9), again.candidates(everybody(shop), 9))

    def test_fitting_twice_gives_the_same_arrays(self, name: str, shop: TrainingData) -> None:
        first, second = FITS[name](shop).arrays(), FITS[name](shop).arrays()
        assert {key: array.tobytes() for key, array in first.items()} == {
            key: array.tobytes() for key, array in second.items()
        }

    def test_a_limit_beyond_the_items_is_no_error(self, name: str, shop: TrainingData) -> None:
        FITS[name](shop).candidates(everybody(shop), 10_000)

    def test_nobody_asking_gets_nothing(self, name: str, shop: TrainingData) -> None:
        nobody = Queries.of_customers(np.zeros(0, np.int64), shop.interactions(), shop.last_day)
        assert len(FITS[name](shop).candidates(nobody, 5)) == 0


def same(first: Scored, second: Scored) -> bool:
    return all(getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in ("row", "item", "score"))


def titles(data: TrainingData, found: Scored, row: int = 0) -> list[str]:
    return data.catalogue.items.table.take(found.item[found.row == row])


def ask(data: TrainingData, customer: str | None, *cart: str) -> Queries:
    place = np.array([-1 if customer is None else data.customers.find(customer)])
    items = np.sort(data.catalogue.items.find_all(cart)).astype(np.int32)
    history = data.interactions().rows(place)
    return Queries(place, history, np.zeros(len(items), np.int64), items, data.last_day + 1)


BASKETS: list[Line] = [
    ("ann", "1", "milk", 100),
    ("ann", "1", "bread", 100),
    ("ann", "2", "milk", 107),
    ("bob", "3", "milk", 107),
    ("bob", "3", "bread", 107),
    ("bob", "3", "jam", 107),
    ("cy", "4", "bread", 108),
    ("cy", "4", "jam", 108),
    (None, "5", "jam", 109),
    (None, "5", "tea", 109),
    (None, "6", "jam", 109),
    (None, "6", "tea", 109),
]


def test_repeat_puts_frequent_and_recent_first() -> None:
    data = shop_of(BASKETS)
    found = fit_repeat(data, RepeatSettings(half_life_days=7)).candidates(ask(data, "ann"), 5)
    assert titles(data, found) == ["milk", "bread"]
    # milk: 10 and 3 days old, bread: 10 days old; a half-life is 7 days.
    assert found.score == pytest.approx([2 ** (-10 / 7) + 2 ** (-3 / 7), 2 ** (-10 / 7)])


def test_complements_learn_from_guests_and_leave_out_the_cart() -> None:
    data = shop_of(BASKETS)
    complements = fit_complements(data, ComplementSettings(shrink=0))
    # bread + jam in two orders of each three and four: 2 / √(3 × 4); milk + bread: 2 / √(3 × 3).
    found = complements.candidates(ask(data, None, "bread"), 5)
    assert titles(data, found) == ["milk", "jam"]
    assert found.score == pytest.approx([2 / 3, 2 / np.sqrt(12)])
    assert titles(data, complements.candidates(ask(data, None, "jam"), 5)) == ["tea", "bread"]
    assert titles(data, complements.candidates(ask(data, None, "bread", "jam"), 5)) == ["tea", "milk"]


def test_complements_need_support() -> None:
    data = shop_of(BASKETS)
    complements = fit_complements(data, ComplementSettings(support=2))
    assert "jam" not in titles(data, complements.candidates(ask(data, None, "milk"), 5))


def test_a_carrier_is_the_item_that_adds_most() -> None:
    data = shop_of(BASKETS)
    complements = fit_complements(data, ComplementSettings(shrink=0))
    queries = ask(data, None, "bread", "jam")
    found = complements.candidates(queries, 5)
    carriers = complements.carriers(queries, found.row, found.item)
    assert data.catalogue.items.table.take(carriers) == ["jam", "bread"]


def test_neighbours_bring_what_people_alike_bought() -> None:
    lines: list[Line] = [("ann", "1", "milk", 100), ("ann", "1", "bread", 100)]
    for name in ("bob", "cy", "di"):
        lines += [(name, name, item, 100) for item in ("milk", "bread", "jam")]
    lines += [(name, name, item, 100) for name in ("ed", "flo", "gus") for item in ("nails", "hammer")]
    data = shop_of(lines)
    found = fit_neighbours(data, NeighbourSettings(shrink=0)).candidates(ask(data, "ann"), 5)
    assert "jam" in titles(data, found)
    assert not {"nails", "hammer"} & set(titles(data, found))


def test_popular_counts_customers_not_purchases() -> None:
    lines: list[Line] = [("ann", f"a{n}", "milk", 100 + n) for n in range(10)]
    lines += [(name, name, "bread", 109) for name in ("bob", "cy")] + [(None, "g", "bread", 109)]
    data = shop_of(lines)
    popular = fit_popular(data, PopularSettings())
    assert popular.score == pytest.approx([3.0, 1.0])
    assert titles(data, popular.candidates(ask(data, None), 5)) == ["bread", "milk"]


def test_factors_fold_in_what_the_fit_gave() -> None:
    data = random_shop(seed=5)
    factors = fit_factors(data, FactorSettings(factors=8, regularisation=0.5, iterations=40))
    folded = factors.fold_in(data.interactions())
    # The fit's last half-step solves for the items, so the users are one half-step older; at convergence they agree.
    scale = np.abs(factors.users).max()
    assert np.abs(folded - factors.users).max() / scale < 0.1


def test_factors_fold_in_only_who_has_changed() -> None:
    data = random_shop(seed=5)
    factors = fit_factors(data, FactorSettings(factors=8, regularisation=0.5))
    queries = everybody(data)
    vectors = factors.vectors(queries)
    assert vectors[:-1].tobytes() == factors.users.tobytes()
    assert not vectors[-1].any()
    stranger = Queries.of_customers(np.array([4]), data.interactions(), data.last_day)
    stranger = replace(stranger, customer=np.array([-1]))
    assert factors.vectors(stranger)[0] == pytest.approx(factors.fold_in(stranger.history)[0])


def test_the_half_life_follows_the_shop() -> None:
    # Everybody buys a week's item again in the next week and never after: the shorter the memory, the better.
    lines: list[Line] = []
    for customer in range(12):
        for week in range(20):
            order, day = f"o{customer}-{week}", 100 + 7 * week
            lines += [(f"c{customer}", order, f"i{item:02}", day) for item in {week, max(week - 1, 0)}]
    assert choose_half_life(shop_of(lines)) == 7.0
