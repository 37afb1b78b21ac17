"""What is learned from orders: by hand on shops small enough for it, and how the trainer decides."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from models.candidates import Candidates
from models.carts.carts import ComplementSettings
from models.carts.similar import SimilarSettings
from tests.models.cart_shops import DAY, HORIZON, carts, ids, names, themed_shop
from tests.models.shops import Line, catalogue_of, shop_of
from training.data import TrainingData
from training.fit.carts.content import Content
from training.fit.carts.ease import choose_regularisation, fit_ease
from training.fit.carts.examples import REUSED, SINGLE, carts_of
from training.fit.carts.fit import FittedCarts, fit_carts
from training.fit.carts.links import fit_links
from training.fit.carts.neighbourhoods import LISTED, fit_customer_neighbours, fit_order_neighbours
from training.fit.carts.orders import Orders
from training.fit.carts.ranker import rank_of_hidden

SETTINGS = ComplementSettings(carts=2_000, trees=20)


def shop(*orders: tuple[str | None, str], days: bool = True) -> TrainingData:
    """Orders as (customer, 'item item …'), one a day."""
    lines: list[Line] = [
        (customer, f"o{number:05}", item, DAY + number * days)
        for number, (customer, items) in enumerate(orders)
        for item in items.split()
    ]
    return shop_of(lines)


def orders_of(data: TrainingData, **settings: int) -> Orders:
    return Orders.of(data, replace(SETTINGS, **settings))


def fitted_on(data: TrainingData, settings: ComplementSettings = SETTINGS) -> FittedCarts:
    return fit_carts(data, HORIZON, settings, SimilarSettings(), lambda share: None)


def test_orders_are_the_latest_without_wholesale() -> None:
    data = shop(("a", "milk"), ("b", "milk oats jam"), (None, "oats jam"), ("a", "milk jam"))
    kept = orders_of(data, largest_order=2, orders=2)
    assert kept.held.toarray().tolist() == [[1, 0, 1], [1, 1, 0]]
    assert names(data, np.array([0, 1, 2], np.int32)) == ["jam", "milk", "oats"]
    assert kept.customer.tolist() == [-1, 0]
    assert kept.day.tolist() == [DAY + 2, DAY + 3]
    assert (kept.today, kept.span) == (DAY + 4, 4)


def test_a_link_is_a_shrunk_cosine_that_leans() -> None:
    data = shop(*[("a", "milk oats")] * 3, *[("a", "oats")] * 5, days=False)
    orders = orders_of(data)
    links = fit_links(orders, np.ones(len(orders), np.float32), lean=0.6, shrink=2.0, neighbours=5).links.toarray()
    assert links[0, 1] == pytest.approx(3 / (3**0.6 * 8**0.4 + 2))
    assert links[1, 0] == pytest.approx(3 / (8**0.6 * 3**0.4 + 2))
    assert links[0, 0] == links[1, 1] == 0


def test_a_fresh_order_counts_more() -> None:
    data = shop((None, "milk oats"), (None, "milk jam"))
    orders = orders_of(data)
    fresh = orders.freshness(1.0)
    assert fresh.tolist() == [0.25, 0.5]
    links = fit_links(orders, fresh, lean=0.5, shrink=0.0, neighbours=5).links
    milk = data.catalogue.items.find("milk")
    of = {name: links[milk, data.catalogue.items.find(name)] for name in ("oats", "jam")}
    assert of["jam"] == pytest.approx(0.5 / np.sqrt(0.75 * 0.5))
    assert of["oats"] == pytest.approx(0.25 / np.sqrt(0.75 * 0.25))


def test_together_beyond_habit_by_hand() -> None:
    # Customer a buys both teas in half of her orders each, together by chance; b buys them together, or none.
    habit = [("a", "red black"), ("a", "red"), ("a", "black"), ("a", "milk")] * 2
    pair = [("b", "red black")] * 3 + [("b", "milk")] * 9
    data = shop(*habit, *pair, days=False)
    orders = orders_of(data)
    one_kind = np.zeros(len(data.catalogue), np.int32)
    ones = np.ones(len(orders), np.float32)
    beyond = fit_links(orders, ones, lean=0.5, shrink=0.0, neighbours=5, category=one_kind).beyond.toarray()
    black, red = (data.catalogue.items.find(name) for name in ("black", "red"))
    together, expected = 2 + 3, 4 * 4 / 8 + 3 * 3 / 12
    assert beyond[black, red] == pytest.approx(np.log((together + 2) / (expected + 2)), rel=1e-5)
    assert beyond[red, black] == beyond[black, red]


def test_guests_are_expected_to_buy_by_chance() -> None:
    data = shop(*[(None, "red black")] * 4, *[(None, "milk")] * 12, days=False)
    orders = orders_of(data)
    one_kind = np.zeros(len(data.catalogue), np.int32)
    ones = np.ones(len(orders), np.float32)
    linked = fit_links(orders, ones, lean=0.5, shrink=0.0, neighbours=5, category=one_kind)
    black, red = (data.catalogue.items.find(name) for name in ("black", "red"))
    assert linked.beyond[black, red] == pytest.approx(np.log((4 + 2) / (4 * 4 / 16 + 2)), rel=1e-5)
    assert linked.companions()[black, red] > 0


def test_ease_is_the_formula_of_its_paper() -> None:
    rng = np.random.default_rng(4)
    orders = [(None, " ".join(f"i{item}" for item in np.unique(rng.integers(0, 8, 4)))) for _ in range(40)]
    data = shop(*orders)
    held = orders_of(data).held.toarray()
    inverse = np.linalg.inv(held.T @ held + 5.0 * np.eye(8))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert np.allclose(fit_ease(orders_of(data), 8, 5.0, 8).toarray(), expected, atol=1e-5)
    few = fit_ease(orders_of(data), 8, 5.0, 2).toarray()
    assert ((few != 0).sum(axis=1) == 2).all()
    assert np.allclose(np.abs(few).max(axis=1), np.abs(expected).max(axis=1), atol=1e-5)


def test_ease_relates_the_head_alone() -> None:
    data = shop(*[(None, "milk oats")] * 9, *[(None, "jam oats")] * 4, (None, "milk salt"))
    table = fit_ease(orders_of(data), 2, 1.0, 8).toarray()
    milk, oats = (data.catalogue.items.find(name) for name in ("milk", "oats"))
    assert set(zip(*np.nonzero(table), strict=True)) == {(milk, oats), (oats, milk)}
    assert fit_ease(orders_of(data), 0, 1.0, 8).nnz == 0


def test_the_regularisation_is_chosen_on_later_carts() -> None:
    data = themed_shop(800)
    orders = orders_of(data)
    chosen = {choose_regularisation(orders, orders.held, np.random.default_rng(0)) for _ in range(2)}
    assert len(chosen) == 1
    assert choose_regularisation(orders, orders.held[:3], np.random.default_rng(0)) == 100.0


def test_lists_of_orders_keep_the_latest() -> None:
    data = shop(*[(None, "milk oats")] * (LISTED + 20))
    orders = orders_of(data)
    near = fit_order_neighbours(orders, orders.freshness(100.0), 10_000)
    assert near.postings.shape == (2, LISTED)
    assert (np.diff(near.postings.indptr) == LISTED).all()
    assert near.content.shape == (LISTED, 2)
    # Both items mark each order equally.
    assert np.allclose(near.postings.data, np.sqrt(0.5))
    assert (np.diff(near.content[:, [0]].toarray().ravel()) > 0).all()
    assert fit_order_neighbours(orders, orders.freshness(100.0), 7).content.shape == (7, 2)


def test_customers_are_a_sample_without_guests() -> None:
    data = shop(*[(f"c{number}", "milk oats") for number in range(30)], (None, "milk jam"))
    orders = orders_of(data)
    near = fit_customer_neighbours(orders, 10, np.random.default_rng(1))
    assert near.postings.shape == (3, 10)
    assert near.postings[[data.catalogue.items.find("jam")]].nnz == 0
    guests = shop((None, "milk jam"), (None, "milk"))
    assert fit_customer_neighbours(orders_of(guests), 10, np.random.default_rng(1)).postings.shape == (2, 0)


def test_carts_hide_one_known_item() -> None:
    data = themed_shop(400)
    orders = orders_of(data)
    known = np.ones(len(data.catalogue), np.bool_)
    known[0] = False
    found = carts_of(orders, known, 10_000, np.random.default_rng(0))
    assert len(found) <= REUSED * len(orders)
    assert (found.hidden > 0).all()
    assert (found.item > 0).all()
    shown = np.bincount(found.row, minlength=len(found))
    assert (shown >= 1).all()
    assert not (found.item == found.hidden[found.row]).any()
    of_two = (np.diff(orders.held.indptr) == 2).mean()
    assert (shown == 1).mean() == pytest.approx(of_two + (1 - of_two) * SINGLE, abs=0.08)
    assert (found.customer[found.customer >= 0] < len(data.customers)).all()
    few = carts_of(orders, known, 50, np.random.default_rng(0))
    assert len(few) == 50


def test_equal_scores_count_against_the_hidden_item() -> None:
    candidates = Candidates(np.array([0, 0, 0, 1, 1, 2]), np.arange(6, dtype=np.int32), np.full(6, -1), (4, 6))
    score = np.array([0.5, 0.5, 0.9, 0.2, 0.1, 0.3])
    label = np.array([True, False, False, False, True, False])
    assert rank_of_hidden(candidates, score, label).tolist() == [2, 1, -1, -1]


def test_words_of_a_category_are_its_levels() -> None:
    catalogue = catalogue_of(["oat milk", "oats", "soap 2 kg"], ["Food > Milk", "Food > Cereals", "Bath"])
    vectors = Content.of(catalogue).vectors
    likeness = (vectors @ vectors.T).toarray()
    assert np.allclose(np.diag(likeness), 1)
    assert likeness[0, 1] > 0
    assert likeness[0, 2] == 0


def test_the_same_orders_give_the_same_carts() -> None:
    data = themed_shop(700)
    first, second = fitted_on(data), fitted_on(data)
    assert first.metrics == second.metrics
    assert first.carts.documents() == second.carts.documents()
    for one, other in ((first.carts, second.carts), (first.similar, second.similar)):
        ours, theirs = one.arrays(), other.arrays()
        assert list(ours) == list(theirs)
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def test_the_ranker_is_only_used_where_it_is_better() -> None:
    found = fitted_on(themed_shop())
    hits = found.metrics["hit@10"]
    assert found.metrics["ordered_by"] == "ranker"
    assert hits["ranker"] > max(hits[name] for name in ("links", "ease", "orders"))
    assert found.metrics["carts"] > 100


def test_a_shop_with_few_carts_is_ordered_by_its_best_table() -> None:
    found = fitted_on(themed_shop(150))
    hits = found.metrics["hit@10"]
    assert found.carts.ranker is None
    assert found.metrics["ordered_by"] == max(hits, key=lambda name: hits[name])
    assert fitted_on(themed_shop(), replace(SETTINGS, carts=0)).metrics["ordered_by"] == "links"


ODD: dict[str, TrainingData] = {
    "one line": shop(("a", "milk")),
    "one order": shop((None, "milk oats jam")),
    "orders of one item": shop(*[("a", "milk"), ("b", "oats"), (None, "jam")] * 20),
    "one day": shop(*[("a", "milk oats"), (None, "oats jam")] * 30, days=False),
    "guests alone": shop(*[(None, "milk oats"), (None, "oats jam")] * 30),
    "everything in every order": shop(*[("a", "milk oats jam")] * 40),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_shops_do_no_harm(name: str) -> None:
    data = ODD[name]
    found = fitted_on(data)
    everything = [ids(data)]
    queries = carts(data, ["milk"], *everything)
    scored = found.carts.rank(queries).scored
    assert set(scored.row.tolist()) <= {0}
    assert np.isfinite(scored.score).all()
    assert np.isfinite(found.similar.table.weight).all()


def test_a_shop_of_wholesale_orders_has_no_complements() -> None:
    data = shop(*[("a", "milk oats jam")] * 5)
    found = fitted_on(data, replace(SETTINGS, largest_order=2))
    assert len(found.carts.rank(carts(data, ["milk"])).scored) == 0


def test_without_categories_nothing_is_a_substitute() -> None:
    data = themed_shop(400)
    bare = replace(data.catalogue, category=np.full(len(data.catalogue), -1, np.int32))
    found = fitted_on(replace(data, catalogue=bare))
    assert found.carts.tables.leafless.all()
    assert len(found.carts.rank(carts(data, ["t03 a x"])).scored) > 10


def test_tables_are_sparse_and_small() -> None:
    tables = fitted_on(themed_shop(400)).carts.tables
    stored = [value for value in vars(tables).values() if isinstance(value, sp.csr_array)]
    assert len(stored) == 10
    assert all(table.has_sorted_indices and table.indices.dtype == np.int32 for table in stored)
