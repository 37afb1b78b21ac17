"""Completing carts: what every list keeps to, and what each part of the method is for."""

from dataclasses import replace

import numpy as np
import pytest

from models.carts import blocks
from models.carts.carts import Carts, ComplementSettings
from models.carts.similar import SimilarSettings
from models.ranking import keys, positions
from models.scenarios import SOURCES
from models.sources.protocol import Queries
from tests.models.cart_shops import DAY, HORIZON, carts, names, phone_shop, queries_of, themed_shop
from tests.models.shops import Line, catalogue_of, shop_of
from training.data import TrainingData
from training.fit.carts.fit import FittedCarts, fit_carts

SETTINGS = ComplementSettings(carts=2_000, trees=40)


def fitted_on(data: TrainingData, settings: ComplementSettings = SETTINGS) -> FittedCarts:
    return fit_carts(data, HORIZON, settings, SimilarSettings(), lambda share: None)


@pytest.fixture(scope="module")
def shop() -> TrainingData:
    return themed_shop()


@pytest.fixture(scope="module")
def found(shop: TrainingData) -> Carts:
    return fitted_on(shop).carts


@pytest.fixture(scope="module")
def block(shop: TrainingData) -> Queries:
    """Carts of none to six items, cold ones among them, half of them of known customers."""
    rng = np.random.default_rng(2)
    n_rows, n_items = 90, len(shop.catalogue)
    sizes = rng.integers(0, 7, n_rows)
    row = np.repeat(np.arange(n_rows), sizes)
    item = np.concatenate([np.sort(rng.choice(n_items, size, replace=False)) for size in sizes]).astype(np.int32)
    customer = np.where(rng.random(n_rows) < 0.5, rng.integers(0, len(shop.customers), n_rows), -1)
    return queries_of(shop, customer, row, item)


def only(queries: Queries, row: int) -> Queries:
    mine = queries.cart_row == row
    history = queries.history.rows(np.array([row]))
    customer, nothing = queries.customer[[row]], np.zeros(mine.sum(), np.int64)
    return Queries(customer, history, nothing, queries.cart_item[mine], queries.today, queries.horizon, queries.n_items)


def test_the_themed_shop_has_a_ranker(found: Carts) -> None:
    assert found.ranker is not None


def test_lists_are_ranked_without_doubles_and_hold_nothing_of_the_cart(found: Carts, block: Queries) -> None:
    ranked = found.rank(block, 7)
    scored = ranked.scored
    assert positions(scored.row).max() == 6
    assert len(np.unique(keys(scored.row, scored.item))) == len(scored)
    assert not np.isin(keys(scored.row, scored.item), keys(block.cart_row, block.cart_item)).any()
    falls = np.diff(scored.score)[np.diff(scored.row) == 0] <= 0
    assert falls.all()
    assert ((scored.score >= 0) & (scored.score <= 1)).all()
    assert {SOURCES[source] for source in np.unique(ranked.source)} <= {"complements", "repeat", "popular"}


def test_a_limited_list_is_the_beginning_of_the_whole_one(found: Carts, block: Queries) -> None:
    whole, short = found.rank(block).scored, found.rank(block, 3).scored
    first = whole.where(positions(whole.row) < 3)
    assert np.array_equal(keys(first.row, first.item), keys(short.row, short.item))


def test_an_empty_cart_has_no_list(found: Carts, block: Queries) -> None:
    empty = np.bincount(block.cart_row, minlength=len(block)) == 0
    assert empty.any()
    assert not empty[found.rank(block).scored.row].any()


@pytest.mark.parametrize("ordered_by", ["ranker", "links", "ease", "orders"])
@pytest.mark.parametrize("places", [8_000_000, 2_000])
def test_one_row_alone_gets_the_same_bits(
    found: Carts, block: Queries, ordered_by: str, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = found if ordered_by == "ranker" else replace(found, ranker=None, single=ordered_by)
    monkeypatch.setattr(blocks, "PLACES", places)
    together = method.rank(block)
    carriers = method.carriers(block, together.scored.row, together.scored.item)
    for row in range(len(block)):
        one = only(block, row)
        alone = method.rank(one)
        mine = together.scored.row == row
        assert alone.scored.item.tolist() == together.scored.item[mine].tolist()
        assert alone.scored.score.tobytes() == together.scored.score[mine].tobytes()
        assert alone.source.tolist() == together.source[mine].tolist()
        carried = method.carriers(one, alone.scored.row, alone.scored.item)
        assert carried.tolist() == carriers[mine].tolist()


def test_it_survives_the_bundle(found: Carts, block: Queries) -> None:
    arrays = found.arrays()
    assert not any(array.dtype.hasobject for array in arrays.values())
    again = Carts.from_arrays(arrays, found.documents())
    first, second = found.rank(block, 10), again.rank(block, 10)
    assert first.scored.item.tolist() == second.scored.item.tolist()
    assert first.scored.score.tobytes() == second.scored.score.tobytes()
    assert Carts.from_arrays(arrays).ranker is None


def test_who_carries_an_item_is_in_the_cart_and_linked_to_it(found: Carts, block: Queries) -> None:
    scored = found.rank(block, 10).scored
    carriers = found.carriers(block, scored.row, scored.item)
    named = carriers >= 0
    assert named.any()
    assert np.isin(keys(scored.row, carriers)[named], keys(block.cart_row, block.cart_item)).all()


def test_the_carrier_is_the_item_that_adds_most() -> None:
    orders = [["soap", "towel"]] * 12 + [["oats", "towel"]] * 3 + [["oats", "milk"]] * 12 + [["soap", "milk"]] * 2
    lines: list[Line] = [
        (None, f"o{number}", item, DAY + number) for number, order in enumerate(orders) for item in order
    ]
    data = shop_of(lines)
    method = fitted_on(data).carts
    queries = carts(data, ["soap", "oats"], ["soap"])
    scored = method.rank(queries, 5).scored
    carriers = dict(
        zip(
            zip(scored.row.tolist(), names(data, scored.item), strict=True),
            names(data, method.carriers(queries, scored.row, scored.item)),
            strict=True,
        )
    )
    assert carriers[0, "towel"] == "soap"
    assert carriers[0, "milk"] == "oats"
    assert carriers[1, "towel"] == "soap"


def test_a_case_for_a_phone_but_no_phone_for_a_case() -> None:
    data = phone_shop()
    method = fitted_on(data).carts
    scored = method.rank(carts(data, ["phone"], ["case"])).scored
    lists = [names(data, scored.item[scored.row == row]) for row in (0, 1)]
    assert lists[0][0] == "case"
    assert lists[1].index("cable") < lists[1].index("phone")


def test_it_looks_both_ways_and_at_the_price() -> None:
    data = phone_shop()
    method = fitted_on(data).carts
    queries = carts(data, ["phone"], ["case"])
    candidates, columns = method.judge(queries, method.asked(queries))
    of = dict(zip(zip(candidates.row.tolist(), names(data, candidates.item), strict=True), range(99), strict=False))
    case, phone = of[0, "case"], of[1, "phone"]
    assert columns["forward"][case] > 0.8
    assert columns["forward"][phone] < 0.3
    assert columns["backward"][phone] == pytest.approx(columns["forward"][case], rel=1e-5)
    assert columns["price_step"][phone] == pytest.approx(np.log(500 / 15), rel=1e-5)
    assert columns["price_step"][case] == pytest.approx(-columns["price_step"][phone])


def test_substitutes_are_left_out_beside_a_single_item_only(shop: TrainingData, found: Carts) -> None:
    assert found.suppress
    single = carts(shop, ["t03 a x"])
    listed = names(shop, found.rank(single).scored.item)
    assert "t03 a y" not in listed
    kept = names(shop, replace(found, suppress=False).rank(single).scored.item)
    assert "t03 a y" in kept
    assert "t03 a y" in names(shop, found.rank(carts(shop, ["t03 a x", "t03 b x"])).scored.item)


def sorts_of_tea() -> TrainingData:
    """Two sorts of tea that are bought together, and many more that each stand alone with sugar."""
    items = ["sugar", *(f"tea {number}" for number in range(8))]
    paths = ["Baking", *["Tea"] * 8]
    lines: list[Line] = []
    for number in range(160):
        order = ["tea 0", "tea 1"] if number % 2 else ["sugar", f"tea {number // 2 % 8}"]
        lines += [(f"c{number % 40}", f"o{number}", item, DAY + number // 4) for item in order]
    return shop_of(lines, catalogue_of(items, paths))


def test_of_one_category_goes_together_what_orders_hold_together() -> None:
    data = sorts_of_tea()
    method = fitted_on(data).carts
    listed = names(data, method.rank(carts(data, ["tea 0"])).scored.item)
    assert "tea 1" in listed
    assert not {"tea 2", "tea 3", "tea 4"} & set(listed)


def test_at_most_so_many_of_a_category_beside_a_single_item() -> None:
    data = sorts_of_tea()
    method = replace(fitted_on(data).carts, suppress=False)
    one, two = carts(data, ["sugar"]), carts(data, ["sugar", "tea 7"])
    limited, free = replace(method, per_category=2), replace(method, per_category=0)
    best = names(data, free.rank(one).scored.item)
    assert best[0].startswith("tea")
    # All are tea: what exceeds the limit comes last, with scores below the others.
    assert names(data, limited.rank(one).scored.item) == best
    scores = limited.rank(one).scored.score
    assert (scores[2:] < scores[1]).all()
    assert np.array_equal(limited.rank(two).scored.score, free.rank(two).scored.score)


def test_an_item_without_orders_gets_the_complements_of_what_it_resembles(shop: TrainingData, found: Carts) -> None:
    cold = carts(shop, ["t05 a new"])
    scored = found.rank(cold, 4).scored
    assert names(shop, scored.item)
    assert all(name.startswith("t05") for name in names(shop, scored.item))
    assert set(names(shop, found.carriers(cold, scored.row, scored.item))) == {"t05 a new"}


def test_a_known_customer_gets_their_own_sort(shop: TrainingData, found: Carts) -> None:
    # Customer 7 buys sort y of theme 7, customer 19 too, customer 6 keeps to x of theme 6.
    cart = ["t07 a x", "t06 a y"]
    queries = carts(shop, cart, cart, customers=[shop.customers.find("c07"), shop.customers.find("c06")])
    scored = found.rank(queries, 4).scored
    first, second = (names(shop, scored.item[scored.row == row]) for row in (0, 1))
    assert sum(name.startswith("t07") for name in first) > sum(name.startswith("t07") for name in second)
    assert sum(name.startswith("t06") for name in second) > sum(name.startswith("t06") for name in first)


@pytest.mark.parametrize(
    "wrong", [{"neighbours": 0}, {"lean": 1.5}, {"shrink": -1.0}, {"leaves": 1}, {"largest_order": 1}, {"carts": -1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} is"):
        ComplementSettings(**wrong)  # type: ignore[arg-type]
