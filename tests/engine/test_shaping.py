"""Filters, boosts, diversity, pins and variants, on lists whose items a test can name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.interactions import ragged_arange
from models.lists import StoredLists
from models.scenarios import SCENARIOS
from models.strings import StringTable, hash_id
from recsvc.engine import Answer, Diversity, Engine, Pin, Query, parse_boosts, parse_filter
from tests.conftest_shop import ITEMS
from tests.engine.conftest import NOW, with_catalogue

CATEGORY = {item: path for item, _, path, _ in ITEMS}
PRICE = {item: float(price.split()[0]) for item, _, _, price in ITEMS}
NAMES = list(CATEGORY)
CUSTOMERS = ["coffee-3", "bath-1", "pasta-7", "nobody", None]


def ids(answer: Answer) -> list[str]:
    return [item.product.item_id for item in answer.items]


def ask(engine: Engine, **wishes: Any) -> list[str]:
    return ids(engine.recommend(Query(**wishes), now=NOW))


def where(field: str, op: str, value: object) -> dict[str, object]:
    return {"field": field, "op": op, "value": value}


FILTERS = [
    (where("price", "<", 2), lambda item: PRICE[item] < 2),
    (where("category", "starts_with", "food > dairy"), lambda item: CATEGORY[item].startswith("Food > Dairy")),
    (where("category", "contains", "BATH"), lambda item: "Bath" in CATEGORY[item]),
    (where("item_id", "not_in", ["soap", "milk"]), lambda item: item not in ("soap", "milk")),
    (where("brand", "=", "hausmarke"), lambda item: True),
    (where("custom_label_0", "exists", True), lambda item: False),
    (
        {"or": [where("price", ">=", 9.9), {"not": where("category", "starts_with", "Food")}]},
        lambda item: PRICE[item] >= 9.9 or not CATEGORY[item].startswith("Food"),
    ),
]


@pytest.mark.parametrize(("given_filter", "holds"), FILTERS, ids=[str(one[0])[:50] for one in FILTERS])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_filter_holds_for_the_scenario_and_its_fallback(
    engine: Engine, ranked_engine: Engine, scenario: str, given_filter: object, holds: Any
) -> None:
    for one in (engine, ranked_engine):
        for customer in CUSTOMERS:
            found = ask(
                one, customer_id=customer, scenario=scenario, items=("pasta",), n=100, filter=parse_filter(given_filter)
            )
            assert all(map(holds, found))
            assert "sold-out" not in found


def test_a_filter_that_exhausts_the_list_is_filled_and_says_so(engine: Engine) -> None:
    answer = engine.recommend(
        Query(customer_id="coffee-3", n=4, filter=parse_filter(where("category", "contains", "bath"))), now=NOW
    )
    assert set(ids(answer)) == {"soap", "towel", "shampoo"}
    everything = engine.recommend(
        Query(scenario="popular", n=100, filter=parse_filter(where("category", "contains", "bath"))), now=NOW
    )
    assert set(ids(everything)) == {"soap", "towel", "shampoo"}


pins = st.builds(Pin, st.sampled_from([*NAMES, "unheard-of"]), st.integers(1, 12))
wishes = st.fixed_dictionaries(
    {},
    optional={
        "customer_id": st.sampled_from(CUSTOMERS),
        "items": st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
        "scenario": st.sampled_from(SCENARIOS),
        "n": st.integers(1, 30),
        "exclude": st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
        "seen": st.lists(st.sampled_from(NAMES).map(hash_id), max_size=3).map(tuple),
        "filter": st.sampled_from([parse_filter(one) for one, _ in FILTERS]),
        "boosts": st.sampled_from([
            parse_boosts([{**where("category", "contains", "bath"), "factor": 8}]),
            parse_boosts([{**where("price", ">", 5), "factor": 0.2}, {**where("item_id", "=", "wine"), "factor": 3}]),
        ]),
        "diversity": st.builds(
            Diversity,
            max_per_category=st.none() | st.integers(1, 3),
            mmr=st.none() | st.floats(0, 1),
            category_level=st.none() | st.integers(1, 3),
        ),
        "pins": st.lists(pins, max_size=3).map(tuple),
        "instead": st.sampled_from(SCENARIOS),
    },
)  # fmt: skip


@given(block=st.lists(wishes, min_size=1, max_size=8))
@settings(deadline=None, max_examples=60)
def test_a_block_with_wishes_is_answered_as_each_query_alone(
    engine: Engine, ranked_engine: Engine, block: list[dict[str, Any]]
) -> None:
    asked = [Query(**one) for one in block]
    for one in (engine, ranked_engine):
        assert list(one.recommend_many(asked, now=NOW)) == [one.recommend(query, now=NOW) for query in asked]


@given(wish=wishes)
@settings(deadline=None, max_examples=150)
def test_every_wished_list_keeps_to_the_rules(engine: Engine, wish: dict[str, Any]) -> None:
    query = Query(**wish)
    answer = engine.recommend(query, now=NOW)
    found = ids(answer)
    assert len(found) == len(set(found)) <= query.n
    assert not set(found) & {*query.exclude, *query.items, "sold-out"}
    assert not {hash_id(item) for item in found} & set(query.seen)
    if query.filter is not None:
        assert set(found) <= set(ask(engine, scenario="popular", n=100, filter=query.filter)) | {"never-bought"}
    if query.diversity is not None and query.diversity.max_per_category is not None:
        level = query.diversity.category_level or 10
        paths = [
            " > ".join(CATEGORY[one.product.item_id].split(" > ")[:level])
            for one in answer.items
            if one.source != "pinned"
        ]
        assert max(map(paths.count, paths), default=0) <= query.diversity.max_per_category


def test_a_boost_counts_also_for_what_the_stored_list_left_out(engine: Engine) -> None:
    short = Engine(
        engine.manifest,
        engine.customers,
        engine.catalogue,
        replace(engine.recommender, settings=replace(engine.recommender.settings, stored=3)),
        {name: _heads(lists, 3) for name, lists in engine.stored.items()},
    )
    boosts = parse_boosts([{**where("category", "contains", "bath"), "factor": 10}])
    for customer in ("coffee-3", "pasta-7", "breakfast-0"):
        assert ask(short, customer_id=customer, n=2, boosts=boosts) == ask(
            engine, customer_id=customer, n=2, boosts=boosts
        )


def _heads(lists: StoredLists, most: int) -> StoredLists:
    lengths = np.diff(lists.indptr)
    head = ragged_arange(np.zeros(len(lengths), np.int64), lengths) < most
    indptr = np.concatenate([[0], np.cumsum(np.minimum(lengths, most))])
    return StoredLists(indptr, lists.item[head], lists.score[head], lists.source[head])


def test_a_boost_multiplies_the_score(engine: Engine) -> None:
    plain = engine.recommend(Query(customer_id="coffee-3", n=4), now=NOW)
    last = plain.items[-1]
    boosts = parse_boosts([{**where("item_id", "=", last.product.item_id), "factor": 10}])
    boosted = engine.recommend(Query(customer_id="coffee-3", n=4, boosts=boosts), now=NOW)
    assert boosted.items[0].product.item_id == last.product.item_id
    assert boosted.items[0].score == pytest.approx(10 * last.score, rel=1e-4)


def test_a_cap_holds_by_level(engine: Engine) -> None:
    top = [
        CATEGORY[item].split(" > ")[0]
        for item in ask(engine, n=6, diversity=Diversity(max_per_category=1, category_level=1))
    ]
    assert sorted(top) == ["Drinks", "Food", "Household"]


def test_mmr_puts_different_things_side_by_side(engine: Engine) -> None:
    best = ask(engine, scenario="popular", n=4)
    mixed = ask(engine, scenario="popular", n=4, diversity=Diversity(mmr=0.7, category_level=1))
    assert mixed[0] == best[0]
    assert len({CATEGORY[item].split(" > ")[0] for item in mixed[:3]}) == 3
    assert ask(engine, scenario="popular", n=4, diversity=Diversity(mmr=0.0)) == best


def test_pins_stand_where_they_are_put_unless_a_rule_forbids(engine: Engine) -> None:
    pins = (Pin("wine", 2), Pin("sold-out", 1), Pin("unheard-of", 1), Pin("towel", 9), Pin("wine", 4), Pin("soap", 2))
    answer = engine.recommend(Query(customer_id="coffee-3", n=5, pins=pins), now=NOW)
    found = ids(answer)
    assert len(found) == len(set(found)) == 5
    assert (found[1], found[2], found[4]) == ("wine", "soap", "towel")
    assert [item.source for item in answer.items].count("pinned") == 3
    assert [item.score for item in answer.items if item.source == "pinned"] == [0.0] * 3
    anonymous = engine.recommend(Query(n=2, pins=pins, locale="de"), now=NOW)
    assert anonymous.items[1].reason == "Unser Tipp"
    cheap = parse_filter(where("price", "<", 3))
    assert ask(engine, customer_id="coffee-3", n=5, pins=(Pin("wine", 1),), filter=cheap)[0] != "wine"
    assert "wine" not in ask(engine, n=5, pins=(Pin("wine", 1),), exclude=("wine",))


def variants(engine: Engine) -> Engine:
    """The tiny shop, where soap and shampoo are variants of one thing, and pasta and tomato of another."""
    groups = {"soap": "B", "shampoo": "B", "pasta": "P", "tomato": "P"}
    names = [groups.get(engine.catalogue.items[item], "") for item in range(len(engine.catalogue))]
    texts = {**engine.catalogue.texts, "item_group_id": StringTable.of(names)}
    return with_catalogue(engine, replace(engine.catalogue, texts=texts))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_list_has_one_variant_of_an_item(engine: Engine, scenario: str) -> None:
    shop = variants(engine)
    for customer in CUSTOMERS:
        found = ask(shop, customer_id=customer, scenario=scenario, items=("pasta",), n=100)
        assert len({"soap", "shampoo"} & set(found)) <= 1
        assert "tomato" not in found
    everything = ask(shop, n=100)
    assert len(everything) == len(ask(engine, n=100)) - 2
    assert not {"soap", "shampoo"} & set(ask(shop, n=100, seen=(hash_id("soap"),)))


def test_another_scenario_fills_before_what_is_popular_does(engine: Engine) -> None:
    cart = Query(customer_id="coffee-3", scenario="similar", items=("unheard-of",), instead="again")
    bought = ask(engine, customer_id="coffee-3", scenario="again", n=100)
    short = engine.recommend(replace(cart, n=3), now=NOW)
    assert (ids(short), short.fallback) == (bought[:3], "again")
    long = engine.recommend(replace(cart, n=len(bought) + 2), now=NOW)
    assert (ids(long)[: len(bought)], long.fallback) == (bought, "popular")
    assert [item.source for item in long.items[-2:]] == ["popular", "popular"]
    scores = [item.score for item in long.items]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) <= 1


def test_sales_change_what_a_price_filter_lets_through(engine: Engine) -> None:
    catalogue, soap = engine.catalogue, engine.catalogue.items.find("soap")
    price, start = catalogue.numbers["sale_price"].copy(), int(NOW.timestamp())
    times = {name: catalogue.times[name].copy() for name in ("sale_from", "sale_until")}
    price[soap], times["sale_from"][soap], times["sale_until"][soap] = 0.5, start, start + 120
    numbers = {**catalogue.numbers, "sale_price": price}
    shop = with_catalogue(engine, replace(catalogue, numbers=numbers, times={**catalogue.times, **times}))
    for wanted in (where("price", "<", 0.9), where("discount", ">=", 0.5), where("sale_price", "exists", True)):
        told = []
        for seconds in (-60, 0, 60, 120):
            moment = NOW.fromtimestamp(start + seconds, NOW.tzinfo)
            told.append(ids(shop.recommend(Query(filter=parse_filter(wanted)), now=moment)))
        assert told == [[], ["soap"], ["soap"], []]
