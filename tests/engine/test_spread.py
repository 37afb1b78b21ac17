"""A list makes room for one rare item, alike in bulk and alone, and says so when it is asked why."""

from dataclasses import replace

import numpy as np
import pytest

from models.spread import PLACE, Spread
from recsvc.engine import Engine, Query, explain
from tests.engine.conftest import NOW
from tests.engine.test_answering import CUSTOMERS, ids


@pytest.fixture
def spread_engine(ranked_engine: Engine) -> Engine:
    """Everybody's list brings the item at the thirteenth place forward."""
    plain = replace(ranked_engine.recommender, spread=Spread.nothing())
    customers = np.arange(len(plain.histories))
    lists = plain.rank(plain.queries(customers), "home").scored
    item = np.full(len(customers), -1, np.int32)
    for row in customers:
        own = lists.item[lists.row == row]
        item[row] = own[12] if len(own) > 12 else -1
    recommender = replace(plain, spread=Spread(item))
    return Engine(ranked_engine.manifest, ranked_engine.customers, ranked_engine.catalogue, recommender, {})


def test_a_block_and_one_request_bring_the_same_item_forward(spread_engine: Engine) -> None:
    recommender = spread_engine.recommender
    customers = np.arange(len(recommender.histories))
    block = recommender.rank(recommender.queries(customers), "home", 20).scored
    moved = 0
    for customer in customers:
        alone = recommender.rank(recommender.queries(np.array([customer])), "home", 10).scored
        own = block.item[block.row == customer]
        assert alone.item.tolist() == own[:10].tolist()
        if recommender.spread.item[customer] >= 0:
            assert own[PLACE] == recommender.spread.item[customer]
            moved += 1
    assert moved > 5


def test_other_scenarios_stay_as_they_are(ranked_engine: Engine, spread_engine: Engine) -> None:
    for scenario in ("discover", "again"):
        query = Query(customer_id=CUSTOMERS[0], scenario=scenario, n=20)
        assert ids(spread_engine.recommend(query, now=NOW)) == ids(ranked_engine.recommend(query, now=NOW))


def test_explain_says_what_made_room(spread_engine: Engine) -> None:
    told = set()
    for customer in CUSTOMERS:
        query = Query(customer_id=customer, n=15)
        answer = spread_engine.recommend(query, now=NOW)
        wanted = spread_engine.recommender.spread.item[spread_engine.customers.find(customer)]
        for about in explain(spread_engine, answer, ids(answer), now=NOW):
            is_it = spread_engine.catalogue.items.find(about.item_id) == wanted
            assert (about.ordered_by == "spread") == is_it
            told.add(about.ordered_by)
    assert "spread" in told
