"""What every source must do, and what each of them is for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.candidates import Candidates
from models.habits import LASTING
from models.ranking import Scored, keys, positions
from models.sources.categories import CategorySettings
from models.sources.customers import CustomerSettings
from models.sources.ease import EaseSettings
from models.sources.factors import FactorSettings
from models.sources.neighbours import Neighbours, NeighbourSettings
from models.sources.popular import Popular, PopularSettings
from models.sources.protocol import Queries, Source
from models.sources.repeat import Repeat, RepeatSettings
from tests.models.shops import Line, random_shop, shop_of
from training.data import TrainingData
from training.fit.ease import fit_ease
from training.fit.factors import fit_factors
from training.fit.sources import (
    Past,
    choose_half_life,
    fit_categories,
    fit_customers,
    fit_neighbours,
    fit_popular,
    fit_repeat,
)
from training.fit.statistics import fit_statistics, habits_of

HORIZON = 28
FITS: dict[str, Callable[[Past], Source]] = {
    "repeat": lambda past: fit_repeat(past, RepeatSettings()),
    "customers": lambda past: fit_customers(past, CustomerSettings(neighbours=10)),
    "neighbours": lambda past: fit_neighbours(past, NeighbourSettings(buyers=1)),
    "ease": lambda past: fit_ease(past, EaseSettings(buyers=1, regularisation=1.0)),
    "factors": lambda past: fit_factors(past, FactorSettings(factors=8, regularisation=0.1)),
    "categories": lambda past: fit_categories(past, CategorySettings()),
    "popular": lambda past: fit_popular(past, PopularSettings()),
}


def past_of(data: TrainingData) -> Past:
    habits = habits_of(data, HORIZON)
    return Past(data, habits, fit_statistics(data, habits))


@pytest.fixture(scope="module")
def shop() -> TrainingData:
    return random_shop(seed=3)


def everybody(data: TrainingData) -> Queries:
    """All customers and one stranger."""
    return ask_for(data, np.append(np.arange(len(data.customers)), -1))


def ask_for(data: TrainingData, customers: NDArray[np.int64]) -> Queries:
    history = data.interactions().rows(customers)
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int32)
    return Queries(customers, history, *nothing, data.last_day + 1, HORIZON, len(data.catalogue))


@pytest.mark.parametrize("name", FITS)
class TestEverySource:
    def test_lists_are_ranked_without_doubles_and_within_the_limit(self, name: str, shop: TrainingData) -> None:
        found = FITS[name](past_of(shop)).candidates(everybody(shop), 7)
        assert len(found) > 0
        assert np.all(np.isfinite(found.score))
        assert positions(found.row).max() < 7
        assert len(np.unique(np.stack([found.row, found.item]), axis=1).T) == len(found)
        order = np.lexsort((found.item, -found.score, found.row))
        assert order.tolist() == list(range(len(found)))

    def test_one_row_alone_gets_the_same_bits(self, name: str, shop: TrainingData) -> None:
        source, queries = FITS[name](past_of(shop)), everybody(shop)
        said = source.score(queries)
        for row in (0, 7, len(queries) - 1):
            alone = source.score(ask_for(shop, queries.customer[row : row + 1]))
            for signal in source.signals:
                mine, other = (matrix.copy() for matrix in (said.rows[signal][[row]], alone.rows[signal]))
                mine.sort_indices()
                other.sort_indices()
                assert mine.indices.tolist() == other.indices.tolist()
                assert mine.data.tobytes() == other.data.tobytes()

    def test_candidates_get_the_same_scores_as_the_rows_hold(self, name: str, shop: TrainingData) -> None:
        source, queries = FITS[name](past_of(shop)), everybody(shop)
        said = source.score(queries)
        row, item = np.divmod(np.arange(len(queries) * queries.n_items), queries.n_items)
        every = Candidates.of(queries.habits, keys(row, item))
        for signal in source.signals:
            stored = said.rows[signal].toarray().ravel()
            taken = source.at(said, signal, every)
            assert taken[stored > 0] == pytest.approx(stored[stored > 0], rel=0.02, abs=2e-3)

    def test_stored_arrays_make_the_same_source(self, name: str, shop: TrainingData) -> None:
        source = FITS[name](past_of(shop))
        stored = {key: np.array(array) for key, array in source.arrays().items()}
        assert not any(array.dtype == object for array in stored.values())
        again = type(source).from_arrays(stored)
        assert same(source.candidates(everybody(shop), 9), again.candidates(everybody(shop), 9))

    def test_fitting_twice_gives_the_same_arrays(self, name: str, shop: TrainingData) -> None:
        first, second = FITS[name](past_of(shop)).arrays(), FITS[name](past_of(shop)).arrays()
        assert {key: array.tobytes() for key, array in first.items()} == {
            key: array.tobytes() for key, array in second.items()
        }

    def test_a_limit_beyond_the_items_is_no_error(self, name: str, shop: TrainingData) -> None:
        FITS[name](past_of(shop)).candidates(everybody(shop), 10_000)

    def test_nobody_asking_gets_nothing(self, name: str, shop: TrainingData) -> None:
        assert len(FITS[name](past_of(shop)).candidates(ask_for(shop, np.zeros(0, np.int64)), 5)) == 0


def same(first: Scored, second: Scored) -> bool:
    return all(getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in ("row", "item", "score"))


def titles(data: TrainingData, found: Scored, row: int = 0) -> list[str]:
    return data.catalogue.items.table.take(found.item[found.row == row])


def ask(data: TrainingData, customer: str | None) -> Queries:
    return ask_for(data, np.array([-1 if customer is None else data.customers.find(customer)]))


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
    found = Repeat(half_life_days=7).candidates(ask(data, "ann"), 5)
    assert titles(data, found) == ["milk", "bread"]
    # milk: 10 and 3 days old, bread: 10 days old; a half-life is 7 days.
    assert found.score == pytest.approx([2 ** (-10 / 7) + 2 ** (-3 / 7), 2 ** (-10 / 7)])


def test_neighbours_bring_what_people_alike_bought() -> None:
    lines: list[Line] = [("ann", "1", "milk", 100), ("ann", "1", "bread", 100)]
    for name in ("bob", "cy", "di"):
        lines += [(name, name, item, 100) for item in ("milk", "bread", "jam")]
    lines += [(name, name, item, 100) for name in ("ed", "flo", "gus") for item in ("nails", "hammer")]
    data = shop_of(lines)
    past = past_of(data)
    neighbours = fit_neighbours(past, NeighbourSettings())
    found = neighbours.candidates(ask(data, "ann"), 5)
    assert "jam" in titles(data, found)
    assert not {"nails", "hammer"} & set(titles(data, found))
    carriers = neighbours.carriers(ask(data, "ann"), found.row, found.item)
    assert data.catalogue.items[int(carriers[titles(data, found).index("jam")])] in ("milk", "bread")
    alike = fit_customers(past, CustomerSettings()).candidates(ask(data, "ann"), 5)
    assert "jam" in titles(data, alike)
    assert not {"nails", "hammer"} & set(titles(data, alike))


def test_nobody_is_their_own_neighbour() -> None:
    lines = [("ann", "1", "milk", 100), ("ann", "1", "lamp", 100), ("bob", "2", "milk", 100), ("cy", "3", "tea", 100)]
    data = shop_of(lines)
    alike = fit_customers(past_of(data), CustomerSettings()).candidates(ask(data, "ann"), 5)
    assert titles(data, alike) == ["milk"]


def test_popular_counts_customers_not_purchases() -> None:
    lines: list[Line] = [("ann", f"a{n}", "milk", 100 + n) for n in range(10)]
    lines += [(name, name, "bread", 109) for name in ("bob", "cy")] + [(None, "g", "bread", 109)]
    data = shop_of(lines)
    popular = fit_popular(past_of(data), PopularSettings())
    # All newest purchases are a day old, and a sale counts half after 14 days.
    assert popular.sales == pytest.approx(np.array([3.0, 1.0]) * 2 ** (-1 / 14))
    assert titles(data, popular.candidates(ask(data, None), 5)) == ["bread", "milk"]
    assert isinstance(popular, Popular)


def test_ease_weights_are_the_closed_form_and_bring_what_was_never_bought() -> None:
    data = shop_of(BASKETS)
    past = past_of(data)
    source = fit_ease(past, EaseSettings(buyers=1, regularisation=2.0))
    liking = past.habits.matrix(np.log1p(past.habits.counts[LASTING])).toarray()[:, source.items].astype(np.float64)
    inverse = np.linalg.inv(liking.T @ liking + 2.0 * np.eye(len(source.items)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    assert source.weights == pytest.approx(weights, abs=1e-6)
    # ann has milk and bread; who has bread has jam as well, and tea is known of guests alone.
    assert titles(data, source.candidates(ask(data, "ann"), 5)) == ["jam"]
    said = source.score(ask(data, "ann"))
    jam = data.catalogue.items.find("jam")
    every = Candidates.of(ask(data, "ann").habits, keys(np.zeros(1), np.array([jam])))
    expected = (liking @ weights)[data.customers.find("ann"), list(source.items).index(jam)]
    assert source.at(said, "ease", every) == pytest.approx([expected], abs=1e-6)


def test_ease_without_a_head_says_nothing() -> None:
    data = shop_of(BASKETS)
    source = fit_ease(past_of(data), EaseSettings(buyers=100))
    queries = ask(data, "ann")
    assert len(source.candidates(queries, 5)) == 0
    every = Candidates.of(queries.habits, np.arange(len(data.catalogue), dtype=np.int64))
    assert not source.at(source.score(queries), "ease", every).any()


def test_factors_fold_in_what_the_fit_gave() -> None:
    data = random_shop(seed=5)
    factors = fit_factors(past_of(data), FactorSettings(factors=8, regularisation=0.5, iterations=40))
    folded = factors.fold_in(everybody(data).habits, np.arange(len(data.customers)))
    # The fit's last half-step solves for the items, so the users are one half-step older; at convergence they agree.
    scale = np.abs(factors.users).max()
    assert np.abs(folded - factors.users).max() / scale < 0.1


def test_factors_fold_in_only_who_has_changed() -> None:
    data = random_shop(seed=5)
    factors = fit_factors(past_of(data), FactorSettings(factors=8, regularisation=0.5))
    vectors = factors.vectors(everybody(data))
    assert vectors[:-1].tobytes() == factors.users.tobytes()
    assert not vectors[-1].any()
    stranger = replace(ask_for(data, np.array([4])), customer=np.array([-1]))
    assert factors.vectors(stranger)[0] == pytest.approx(factors.fold_in(stranger.habits, np.array([0]))[0])


def test_the_half_life_follows_the_shop() -> None:
    # Everybody buys a week's item again in the next week and never after: the shorter the memory, the better.
    lines: list[Line] = []
    for customer in range(12):
        for week in range(20):
            order, day = f"o{customer}-{week}", 100 + 7 * week
            lines += [(f"c{customer}", order, f"i{item:02}", day) for item in {week, max(week - 1, 0)}]
    assert choose_half_life(shop_of(lines), HORIZON) == 7.0


def test_what_carried_an_item_is_the_same_for_one_customer_and_for_many(shop: TrainingData) -> None:
    source = FITS["neighbours"](past_of(shop))
    assert isinstance(source, Neighbours)
    everyone = everybody(shop)
    row = np.repeat(np.arange(len(everyone)), len(shop.catalogue))
    item = np.tile(np.arange(len(shop.catalogue), dtype=np.int32), len(everyone))
    carriers = source.carriers(everyone, row, item).reshape(len(everyone), -1)
    assert (carriers >= 0).any()
    assert (carriers < 0).any()
    for place, customer in enumerate(everyone.customer):
        one = ask_for(shop, np.array([customer]))
        items = np.arange(len(shop.catalogue), dtype=np.int32)
        assert source.carriers(one, np.zeros(len(items), np.int64), items).tolist() == carriers[place].tolist()
