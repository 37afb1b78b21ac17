"""Alternatives: like the item, never what goes with it, and a way in for items that nobody has bought yet."""

from dataclasses import replace

import numpy as np
import pytest

from models.carts.carts import Carts
from models.carts.similar import Similar, SimilarSettings
from models.ranking import keys
from tests.models.cart_shops import DAY, carts, ids, names, phone_shop, themed_shop, titled
from tests.models.shops import catalogue_of, shop_of
from tests.models.test_carts import SETTINGS
from training.data import TrainingData
from training.fit.carts.fit import fit_carts


def both(data: TrainingData, settings: SimilarSettings | None = None) -> tuple[Carts, Similar]:
    found = fit_carts(data, 28, replace(SETTINGS, trees=10), settings or SimilarSettings(), lambda share: None)
    return found.carts, found.similar


@pytest.fixture(scope="module")
def shop() -> TrainingData:
    """Every theme and every category has words of its own."""
    data = themed_shop()
    words = ["tea", "soap", "paint", "socks", "lamp", "rope", "bread", "chair"]
    parts = [name.split() for name in ids(data)]
    titles = [f"{words[int(theme[1:])]} {kind * 3} {sort}" for theme, kind, sort in parts]
    return titled(data, titles)


@pytest.fixture(scope="module")
def found(shop: TrainingData) -> tuple[Carts, Similar]:
    return both(shop)


def test_alternatives_are_of_the_same_kind(shop: TrainingData, found: tuple[Carts, Similar]) -> None:
    listed = found[1].candidates(carts(shop, ["t03 a x"]), 2)
    assert set(names(shop, listed.item)) == {"t03 a y", "t03 a new"}


def test_every_item_with_a_title_has_some(shop: TrainingData, found: tuple[Carts, Similar]) -> None:
    assert (np.diff(found[1].table.indptr) > 0).all()


def test_even_an_item_that_resembles_nothing_has_some() -> None:
    titles = ["egg timer", "stoneware cup", "coffee filter", "sponge"]
    paths = ["Home > Kitchen > Timers", "Home > Kitchen > Cups", "Home > Kitchen > Filters", "Home > Bath"]
    lines = [(None, f"o{number}", f"i{number % 3 + 1}", DAY + number) for number in range(30)]
    data = titled(shop_of(lines, catalogue_of(["i0", "i1", "i2", "i3"], paths)), titles)
    _, similar = both(data)
    assert (np.diff(similar.table.indptr) > 0).all()
    assert set(names(data, similar.candidates(carts(data, ["i0"]), 2).item)) == {"i1", "i2"}


def test_similar_and_complements_differ(shop: TrainingData, found: tuple[Carts, Similar]) -> None:
    sold = [name for name in ids(shop) if not name.endswith("new")]
    queries = carts(shop, *([name] for name in sold))
    similar, complements = found[1].candidates(queries, 10), found[0].rank(queries, 10).scored
    met = np.isin(keys(similar.row, similar.item), keys(complements.row, complements.item))
    assert met.sum() / (10 * len(sold)) <= 0.1


def test_what_is_bought_together_is_no_alternative() -> None:
    items = ["blue pen", "red pen", "black pen", "pen ink"]
    lines = [
        (None, f"o{number}", item, DAY + number)
        for number in range(60)
        for item in (["blue pen", "pen ink"] if number % 3 else ["red pen"] if number % 2 else ["black pen"])
    ]
    data = shop_of(lines, catalogue_of(sorted(items), ["Pens"] * 4))
    _, similar = both(data)
    listed = names(data, similar.candidates(carts(data, ["blue pen"]), 3).item)
    assert listed[-1] == "pen ink"


def test_several_items_add_up(shop: TrainingData, found: tuple[Carts, Similar]) -> None:
    similar = found[1]
    pair = similar.candidates(carts(shop, ["t03 a x", "t04 b y"]), 100)
    alone = [similar.table.matrix[shop.catalogue.items.find(name)].toarray() for name in ("t03 a x", "t04 b y")]
    assert np.allclose(pair.score, (alone[0] + alone[1])[pair.item])
    assert not {"t03 a x", "t04 b y"} & set(names(shop, pair.item))
    carriers = names(shop, similar.carriers(carts(shop, ["t03 a x", "t04 b y"]), pair.row, pair.item))
    assert dict(zip(names(shop, pair.item), carriers, strict=True))["t03 a y"] == "t03 a x"


def test_cheaper_or_dearer_by_far_is_less_of_an_alternative() -> None:
    data = titled(
        phone_shop(), [f"wooden garden chair {colour}" for colour in ("red", "blue", "green", "pink", "grey", "white")]
    )
    data = replace(data, catalogue=replace(data.catalogue, category=np.full(6, -1, np.int32)))
    listed = both(data)[1].candidates(carts(data, ["film"]), 6)
    # A film costs 8, so a cable of 10 and a case of 15 are nearer than a phone of 500.
    assert names(data, listed.item).index("case") < names(data, listed.item).index("phone")


def test_every_item_never_bought_is_in_the_list_of_a_sold_one_of_its_category() -> None:
    sold = [f"sold {number}" for number in range(3)]
    # Far more than three lists would hold by likeness alone, and words of their own.
    cold = [f"zz{number}" for number in range(90)]
    lines = [(None, f"o{number}", sold[number % 3], DAY + number) for number in range(30)]
    data = shop_of(lines, catalogue_of(sorted(sold + cold)))
    _, similar = both(data, SimilarSettings(alternatives=40))
    table = similar.table.matrix
    reached = {int(other) for name in sold for other in table[[data.catalogue.items.find(name)]].indices}
    assert {data.catalogue.items.find(name) for name in cold} <= reached
    assert np.diff(table.indptr).max() <= 40


def test_only_what_the_shop_shows_is_an_alternative() -> None:
    items = ["pen blue", "pen green", "pen old", "pen untitled"]
    lines = [(None, f"o{number}", items[number % 4], DAY + number) for number in range(40)]
    data = titled(shop_of(lines, catalogue_of(items)), ["pen blue", "pen green", "pen old", ""])
    listed = np.array([True, True, False, True])
    data = replace(data, catalogue=replace(data.catalogue, listed=listed))
    _, similar = both(data)
    assert set(similar.table.item.tolist()) == {0, 1}


def test_it_survives_the_bundle(shop: TrainingData, found: tuple[Carts, Similar]) -> None:
    again = Similar.from_arrays(found[1].arrays())
    queries = carts(shop, ["t03 a x"], ["t04 b y", "t05 c x"])
    first, second = found[1].candidates(queries, 20), again.candidates(queries, 20)
    assert (first.item.tolist(), first.score.tolist()) == (second.item.tolist(), second.score.tolist())


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SimilarSettings(alternatives=0)
