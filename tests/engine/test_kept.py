"""Answers that are kept for a minute."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from recsvc.engine import Engine, Query
from recsvc.engine import kept as kept_module
from tests.engine.conftest import NOW, with_catalogue

QUERY, FALLEN_BACK = Query(customer_id="coffee-1"), Query(customer_id="nobody")


def test_a_kept_answer_is_the_one_that_is_made(engine: Engine) -> None:
    first, again = (engine.recommend(FALLEN_BACK, now=NOW) for _ in range(2))
    assert again.items is first.items
    assert again == next(engine.recommend_many([FALLEN_BACK], now=NOW))


@pytest.mark.parametrize("query", [QUERY, FALLEN_BACK])
def test_it_answers_the_question_that_was_asked(engine: Engine, query: Query) -> None:
    engine.recommend(query, now=NOW)
    other = replace(query, query_id="q2")
    assert engine.recommend(other, now=NOW).query == other
    for changed in (replace(query, n=2), replace(query, exclude=("coffee",)), replace(query, locale="de")):
        assert engine.recommend(changed, now=NOW) == next(engine.recommend_many([changed], now=NOW))


def test_rules_count_anew_each_minute(engine: Engine) -> None:
    item = engine.recommend(QUERY, now=NOW).items[0].product.item_id
    expires = engine.catalogue.times["expires"].copy()
    expires[engine.catalogue.items.find(item)] = int(NOW.timestamp()) + 60
    soon = with_catalogue(engine, replace(engine.catalogue, times={**engine.catalogue.times, "expires": expires}))
    assert item in {one.product.item_id for one in soon.recommend(QUERY, now=NOW).items}
    later = soon.recommend(QUERY, now=NOW + timedelta(seconds=61))
    assert item not in {one.product.item_id for one in later.items}


def test_no_more_are_kept_than_memory_bears(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MOST_KEPT", 3)
    fresh = with_catalogue(engine, engine.catalogue)
    for n in np.arange(1, 10).tolist():
        fresh.recommend(replace(FALLEN_BACK, n=n), now=NOW)
        assert len(fresh._kept._answers) <= 3
