"""Lists obey the rules, whoever asks and however."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BundleError
from models.scenarios import SCENARIOS
from recsvc.engine import Answer, Engine, Past, Query
from tests.engine.conftest import NOW, with_catalogue

CUSTOMERS = [f"{kind}-{number}" for kind in ("breakfast", "coffee", "pasta", "bath") for number in range(12)]
ITEMS = [
    "milk", "oats", "honey", "coffee", "filter", "cup", "pasta", "tomato", "cheese", "wine", "soap", "towel", "shampoo",
    "candle", "sold-out", "never-bought",
]  # fmt: skip
PERSONAL = ("home", "discover", "again")


def ids(answer: Answer) -> list[str]:
    return [item.product.item_id for item in answer.items]


queries = st.builds(
    Query,
    customer_id=st.sampled_from([*CUSTOMERS[::5], "nobody", None]),
    items=st.lists(st.sampled_from([*ITEMS, "unheard-of"]), max_size=4).map(tuple),
    session_items=st.lists(st.sampled_from(ITEMS), max_size=2).map(tuple),
    scenario=st.sampled_from(SCENARIOS),
    n=st.integers(1, 100),
    exclude=st.lists(st.sampled_from([*ITEMS, "unheard-of"]), max_size=6).map(tuple),
    locale=st.sampled_from(["en", "de"]),
)


@given(query=queries)
@settings(deadline=None, max_examples=200)
def test_every_list_keeps_to_the_rules(engine: Engine, query: Query) -> None:
    listed = ids(engine.recommend(query, now=NOW))
    assert len(listed) == len(set(listed)) <= query.n
    assert not set(listed) & {*query.exclude, *query.items, *query.session_items, "sold-out"}


@given(block=st.lists(queries, min_size=1, max_size=12))
@settings(deadline=None, max_examples=40)
def test_a_block_is_answered_as_each_query_alone(engine: Engine, ranked_engine: Engine, block: list[Query]) -> None:
    for one in (engine, ranked_engine):
        assert list(one.recommend_many(block, now=NOW)) == [one.recommend(query, now=NOW) for query in block]


@given(query=queries, n=st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_a_longer_list_begins_with_the_shorter(ranked_engine: Engine, query: Query, n: int) -> None:
    long = ids(ranked_engine.recommend(replace(query, n=n + 5), now=NOW))
    assert long[:n] == ids(ranked_engine.recommend(replace(query, n=n), now=NOW))


def test_many_blocks_come_in_order(engine: Engine) -> None:
    asked = [Query(customer_id=CUSTOMERS[at % 48], scenario=PERSONAL[at % 3], query_id=str(at)) for at in range(150)]
    assert [answer.query.query_id for answer in engine.recommend_many(asked, now=NOW)] == [str(at) for at in range(150)]


@pytest.mark.parametrize("scenario", PERSONAL)
def test_an_unknown_customer_gets_what_is_popular_and_is_told_so(engine: Engine, scenario: str) -> None:
    answer = engine.recommend(Query(customer_id="nobody", scenario=scenario, n=5), now=NOW)
    assert answer.fallback == "popular"
    assert ids(answer) == ids(engine.recommend(Query(scenario="popular", n=5), now=NOW))
    assert {item.source for item in answer.items} == {"popular"}
    assert {item.reason for item in answer.items} == {"Popular right now"}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("customer", ["breakfast-0", "nobody", None])
def test_what_is_sold_out_is_in_no_list_and_no_fallback(
    engine: Engine, ranked_engine: Engine, scenario: str, customer: str | None
) -> None:
    for one in (engine, ranked_engine):
        answer = one.recommend(Query(customer_id=customer, scenario=scenario, items=("milk",), n=100), now=NOW)
        assert "sold-out" not in ids(answer)


def test_an_item_expired_since_the_training_is_gone(engine: Engine) -> None:
    catalogue, query = engine.catalogue, Query(customer_id="coffee-3", n=100)
    assert "coffee" in ids(engine.recommend(query, now=NOW))
    expires = catalogue.times["expires"].copy()
    expires[catalogue.items.find("coffee")] = int(NOW.timestamp()) - 1
    later = with_catalogue(engine, replace(catalogue, times={**catalogue.times, "expires": expires}))
    assert "coffee" not in ids(later.recommend(query, now=NOW))


def test_a_sale_is_told_while_it_runs(engine: Engine) -> None:
    catalogue, soap = engine.catalogue, engine.catalogue.items.find("soap")
    price = catalogue.numbers["sale_price"].copy()
    since, until = (catalogue.times[name].copy() for name in ("sale_from", "sale_until"))
    start = int(NOW.timestamp())
    price[soap], since[soap], until[soap] = 1.5, start, start + 10
    on_sale = with_catalogue(
        engine,
        replace(
            catalogue,
            numbers={**catalogue.numbers, "sale_price": price},
            times={**catalogue.times, "sale_from": since, "sale_until": until},
        ),
    )
    told = []
    for seconds in (-1, 0, 9, 10):
        moment = NOW.fromtimestamp(start + seconds, NOW.tzinfo)
        answer = on_sale.recommend(Query(customer_id="bath-0", scenario="again"), now=moment)
        told.append(next(item.product.sale_price for item in answer.items if item.product.item_id == "soap"))
    assert told == [None, 1.5, 1.5, None]


def test_discover_is_new_and_again_is_not(engine: Engine) -> None:
    for customer in CUSTOMERS:
        history = engine.recommender.histories.rows(np.array([engine.customers.find(customer)]))
        bought = {engine.catalogue.items[int(item)] for item in history.item}
        new = engine.recommend(Query(customer_id=customer, scenario="discover", n=100), now=NOW)
        old = engine.recommend(Query(customer_id=customer, scenario="again", n=100), now=NOW)
        assert not set(ids(new)) & bought
        assert set(ids(old)) == bought - {"sold-out"}
        assert old.fallback is None


def test_an_unknown_scenario_is_a_mistake_of_the_caller(engine: Engine) -> None:
    with pytest.raises(ValueError, match="unknown scenario 'hoome'"):
        engine.recommend(Query(scenario="hoome"), now=NOW)


def test_the_last_order_is_the_latest_by_day(engine: Engine) -> None:
    # Order 7 of coffee-3 holds the wares 10 % 4 and 11 % 4 of its kind and, as 10 % 5 == 0, one of the pasta cooks.
    assert set(engine.last_bought("coffee-3")) == {"cup", "milk", "wine"}
    past = engine.past("coffee-3", orders=2)
    assert (past.orders, past.items, past.since) == (8, 5, date(2026, 1, 8))
    assert [order.day for order in past.last] == [date(2026, 2, 26), date(2026, 2, 19)]
    assert [{line.item_id for line in order.lines} for order in past.last] == [
        {"cup", "milk", "wine"}, {"filter", "cup"},
    ]  # fmt: skip
    assert {line.title for line in past.last[1].lines} == {"Stoneware cup, blue", "Coffee filters no. 4"}


def test_who_is_unknown_has_no_past(engine: Engine) -> None:
    assert engine.last_bought("nobody") == ()
    assert engine.past("nobody", orders=2) == Past(orders=0, items=0, since=None, last=())


def test_a_model_that_cannot_rank_is_found_when_it_is_warmed_up(engine: Engine, ranked_engine: Engine) -> None:
    ranked_engine.warm()
    ranker = replace(ranked_engine.recommender.rankers["home"], text="no trees")
    recommender = replace(engine.recommender, rankers={"home": ranker})
    broken = Engine(engine.manifest, engine.customers, engine.catalogue, recommender, {})
    with pytest.raises(BundleError, match="cannot rank"):
        broken.warm()
