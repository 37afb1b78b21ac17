"""Lists that take account of what happened since the training."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.registry import Registry
from recsvc.engine import Answer, Engine, Query
from recsvc.engine.happenings import Bought, Happenings, with_happenings

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days


@pytest.fixture(scope="module")
def engine(tiny_store: Path) -> Engine:
    registry = Registry(tiny_store)
    version = registry.current()
    assert version is not None
    return Engine.from_bundle(registry.open(version))


def ids(answer: Answer) -> list[str]:
    return [item.product.item_id for item in answer.items]


def ask(engine: Engine, happened: Happenings | None = None, **query: object) -> Answer:
    return engine.recommend(Query(live=happened, **query), now=NOW)  # type: ignore[arg-type]


def bought(*items: str, known: bool = False, day: int = DAY) -> tuple[Bought, ...]:
    return tuple(Bought(item_id=item, order_id="live", day=day, quantity=1, may_be_known=known) for item in items)


def test_nothing_that_happened_changes_nothing(engine: Engine) -> None:
    plain = ask(engine, customer_id="coffee-1")
    assert ids(ask(engine, Happenings(), customer_id="coffee-1")) == ids(plain)


def test_a_purchase_leaves_discover_and_joins_the_history(engine: Engine) -> None:
    before = ids(ask(engine, customer_id="coffee-1", scenario="discover", n=20))
    assert "soap" in before
    after = ids(ask(engine, Happenings(bought=bought("soap")), customer_id="coffee-1", scenario="discover", n=20))
    assert "soap" not in after
    again = ids(ask(engine, Happenings(bought=bought("soap")), customer_id="coffee-1", scenario="again", n=20))
    assert "soap" in again


def test_what_rests_and_what_lies_in_the_cart_is_in_no_list(engine: Engine) -> None:
    happened = Happenings(resting=("milk",), cart=("coffee",))
    for scenario in ("home", "again", "discover", "popular"):
        listed = ids(ask(engine, happened, customer_id="coffee-1", scenario=scenario, n=20))
        assert not {"milk", "coffee"} & set(listed), scenario


def test_a_purchase_that_the_training_knows_is_not_doubled(engine: Engine) -> None:
    customer = engine.customers.find("coffee-1")
    history = engine.recommender.histories.rows(np.array([customer]))
    item, day = engine.catalogue.items[int(history.item[0])], int(history.day[0])
    queries = engine.recommender.queries(np.array([customer]))
    known = with_happenings(
        queries, [Happenings(bought=bought(item, known=True, day=day))], engine.catalogue.items, looks=True
    )
    assert len(known.history.item) == len(history.item)
    new = with_happenings(queries, [Happenings(bought=bought(item, day=day))], engine.catalogue.items, looks=True)
    assert len(new.history.item) == len(history.item) + 1


def test_a_return_takes_the_latest_purchase_back(engine: Engine) -> None:
    customer = engine.customers.find("coffee-1")
    queries = engine.recommender.queries(np.array([customer]))
    before = queries.history
    item = int(before.item[0])
    name = engine.catalogue.items[item]
    days = before.day[before.item == item]
    after = with_happenings(queries, [Happenings(returned=((name, 1.0),))], engine.catalogue.items, looks=True).history
    assert after.day[after.item == item].tolist() == days[:-1].tolist()
    everything = ((name, 1e6),)
    after = with_happenings(queries, [Happenings(returned=everything)], engine.catalogue.items, looks=True).history
    assert item not in after.item
    assert len(after.item) == len(before.item) - len(days)


def test_a_new_customer_with_a_purchase_gets_a_list_of_their_own(engine: Engine) -> None:
    assert ask(engine, customer_id="new", n=3).fallback == "popular"
    answer = ask(engine, Happenings(bought=bought("coffee", "filter")), customer_id="new", n=3)
    assert answer.items[0].source != "popular"
    assert {"coffee", "filter", "cup", "milk"} & set(ids(answer))


def test_looks_weigh_less_than_purchases(engine: Engine) -> None:
    """A visitor who looked at bath things and bought pasta: the more a look weighs, the more bath."""

    def counts(weight: float) -> dict[str, float]:
        happened = Happenings(bought=bought("pasta"), looked_at=(("soap", weight),))
        queries = engine.recommender.queries(np.array([-1]))
        live = with_happenings(queries, [happened], engine.catalogue.items, looks=True)
        return {
            engine.catalogue.items[int(item)]: float(count)
            for item, count in zip(live.pairs.item, live.habits.counts[0], strict=True)
        }

    assert counts(0.25)["soap"] == pytest.approx(counts(1.0)["soap"] / 4)
    assert counts(1.0)["soap"] == counts(1.0)["pasta"]
    listed = ids(ask(engine, Happenings(looked_at=(("soap", 0.3),)), n=5))
    assert "soap" not in listed
    assert {"towel", "shampoo", "candle"} & set(listed)


def test_the_cart_asks_for_what_completes_it(engine: Engine) -> None:
    asked = ask(engine, items=("pasta", "tomato"), scenario="complements", n=3)
    live = ask(engine, Happenings(cart=("pasta", "tomato")), scenario="complements", n=3)
    assert ids(live) == ids(asked)
    # A product page asks about its own item, and the cart is only left out.
    page = ask(engine, Happenings(cart=("tomato",)), items=("pasta",), scenario="complements", n=5)
    assert "tomato" not in ids(page)
    assert "pasta" not in ids(page)


def test_a_block_answers_as_each_query_by_itself(engine: Engine) -> None:
    queries = [
        Query(customer_id="coffee-1"),
        Query(customer_id="bath-2", live=Happenings(bought=bought("wine"), looked_at=(("cup", 0.4),))),
        Query(customer_id="pasta-3", live=Happenings(returned=(("pasta", 1.0),))),
        Query(live=Happenings(looked_at=(("soap", 0.3), ("towel", 0.6)))),
        Query(customer_id="bath-2"),
    ]
    together = list(engine.recommend_many(queries, now=NOW))
    assert together == [engine.recommend(query, now=NOW) for query in queries]
    assert ids(together[1]) != ids(together[4])
