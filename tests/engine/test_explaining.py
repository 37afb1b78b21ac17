"""Explanations are true: what they say can be counted again in the tables, or seen in other lists."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import features
from models.ranking import contains, keys
from models.scenarios import SCENARIOS, SOURCES
from models.sources.neighbours import LEAST_SHARE, Neighbours
from recsvc.engine import Engine, Explanation, Query, explain
from recsvc.engine.explaining import SHOWN_FEATURES, ordinal
from recsvc.engine.feature_words import in_words
from tests.engine.conftest import NOW, with_catalogue
from tests.engine.test_answering import CUSTOMERS, ITEMS, PERSONAL, ids, queries


def explained(engine: Engine, query: Query, *items: str) -> tuple[Explanation, ...]:
    answer = engine.recommend(query, now=NOW)
    return explain(engine, answer, items or ids(answer), now=NOW)


def steps(engine: Engine, query: Query, item: str) -> list[str]:
    return [step.detail for step in explained(engine, query, item)[0].removed_by]


@given(query=queries)
@settings(deadline=None, max_examples=60)
def test_an_explanation_agrees_with_the_list(engine: Engine, ranked_engine: Engine, query: Query) -> None:
    for one in (engine, ranked_engine):
        answer = one.recommend(query, now=NOW)
        told = explain(one, answer, [*ids(answer), *ITEMS, "unheard-of"], now=NOW)
        for place, item in enumerate(answer.items):
            about = told[place]
            assert (about.listed, about.rank, about.removed_by) == (True, place + 1, ())
            assert (about.score, about.source, about.reason) == (item.score, item.source, item.reason)
        for about in told[len(answer.items) :]:
            assert about.listed == (about.item_id in ids(answer))
            assert about.listed != bool(about.removed_by)
        assert orjson.dumps([asdict(about) for about in told])


@given(query=queries)
@settings(deadline=None, max_examples=40)
def test_an_item_at_rank_k_is_the_last_of_a_list_of_k(ranked_engine: Engine, query: Query) -> None:
    for about in explained(ranked_engine, query, *ITEMS):
        if about.rank is not None:
            assert ids(ranked_engine.recommend(replace(query, n=about.rank), now=NOW))[-1] == about.item_id
        elif not about.listed:
            assert about.item_id not in ids(ranked_engine.recommend(replace(query, n=100), now=NOW))


@pytest.mark.parametrize("scenario", PERSONAL)
def test_contributions_add_up_to_the_score(ranked_engine: Engine, scenario: str) -> None:
    ranker = ranked_engine.recommender.rankers["home"]
    seen = 0
    for customer in CUSTOMERS[::7]:
        for about in explained(ranked_engine, Query(customer_id=customer, scenario=scenario, n=100)):
            if about.source == "popular" and about.ranking is None:
                continue
            ranking = about.ranking
            assert ranking is not None
            assert about.ordered_by == "ranker"
            assert len(ranking.features) == SHOWN_FEATURES
            sizes = [abs(share.contribution) for share in ranking.features]
            assert sizes == sorted(sizes, reverse=True)
            total = ranking.base + sum(share.contribution for share in ranking.features) + ranking.others
            assert total == pytest.approx(ranking.raw, abs=1e-9)
            chance = ranker.probability(1 / (1 + np.exp(-np.array([ranking.raw]))))[0]
            assert about.score == pytest.approx(chance, abs=1e-6)
            seen += 1
    assert seen > 10


def test_contributions_are_those_of_each_candidate_alone(ranked_engine: Engine) -> None:
    recommender = ranked_engine.recommender
    block = recommender.queries(np.arange(6))
    candidates, said = recommender.find(block)
    columns = features(block, candidates, recommender.statistics, said)
    ranker = recommender.rankers["home"]
    added = ranker.contributions(columns, np.arange(len(candidates)))
    assert added.shape == (len(candidates), len(ranker.names) + 1)
    chance = ranker.predict(columns, np.arange(len(candidates)))
    np.testing.assert_allclose(added.sum(axis=1), np.log(chance / (1 - chance)), atol=1e-9)
    assert ranker.contributions(columns, np.zeros(0, np.int64)).shape == (0, len(ranker.names) + 1)


def test_an_item_is_a_candidate_exactly_if_a_source_is_said_to_propose_it(ranked_engine: Engine) -> None:
    few = replace(ranked_engine.recommender.settings, own=2, others=2)
    recommender = replace(ranked_engine.recommender, settings=few)
    engine = Engine(ranked_engine.manifest, ranked_engine.customers, ranked_engine.catalogue, recommender, {})
    beyond = 0
    for customer in CUSTOMERS[::3]:
        query = Query(customer_id=customer, n=100)
        block = recommender.queries(np.array([engine.customers.find(customer)]))
        candidates, _ = recommender.find(block)
        for about in explained(engine, query, *ITEMS):
            index = engine.catalogue.items.find(about.item_id)
            proposed = any(source.proposed for source in about.sources)
            assert proposed == (index in candidates.item)
            if about.sources and not proposed and about.rank is None and about.item_id != "sold-out":
                assert [step.detail for step in about.removed_by] == ["no source proposed it"]
            beyond += bool(about.sources) and not proposed
    assert beyond


def test_each_step_that_removes_an_item_is_told(engine: Engine, ranked_engine: Engine) -> None:
    home = Query(customer_id="coffee-3", n=3)
    assert steps(engine, home, "unheard-of") == ["not in the catalogue"]
    assert steps(engine, Query(customer_id="breakfast-3"), "sold-out") == ["not in stock"]
    assert steps(engine, replace(home, exclude=("coffee",)), "coffee") == ["excluded by the request"]
    assert steps(engine, replace(home, items=("coffee",)), "coffee") == ["in the cart, or looked at just now"]
    new, old = replace(home, scenario="discover"), replace(home, scenario="again")
    assert steps(engine, new, "cup") == ["bought before, and `discover` lists only new items"]
    assert steps(engine, old, "soap") == ["never bought, and `again` lists only bought items"]
    assert steps(engine, replace(home, n=100), "never-bought") == ["no source proposed it"]
    last = ids(ranked_engine.recommend(replace(home, n=100), now=NOW))
    assert steps(ranked_engine, home, last[4]) == ["ranked 5th; the list ends at 3"]
    assert steps(engine, Query(customer_id="nobody", n=100), "never-bought") == [
        "there is no history to rank by, and nobody bought it lately, so that it is not in `popular` either"
    ]


def test_what_was_only_looked_at_was_not_bought(engine: Engine) -> None:
    query = Query(customer_id="coffee-3", scenario="discover", session_items=("soap",))
    assert steps(engine, query, "soap") == ["in the cart, or looked at just now"]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("listed", False, "paused, or not in the product feed"),
        ("availability", 1, "not in stock"),
        ("available_from", 1_900_000_000, "not available before 2030-03-17 17:46 UTC"),
        ("expires", 1_700_000_000, "expired on 2023-11-14 22:13 UTC"),
        ("expires", -(1 << 60), "expired on a day beyond the calendar"),
    ],
)
def test_each_rule_of_the_catalogue_is_told(engine: Engine, column: str, value: Any, told: str) -> None:
    catalogue = engine.catalogue
    held = getattr(catalogue, column) if hasattr(catalogue, column) else catalogue.times[column]
    changed = held.copy()
    changed[catalogue.items.find("milk")] = value
    other = {column: changed} if hasattr(catalogue, column) else {"times": {**catalogue.times, column: changed}}
    assert steps(with_catalogue(engine, replace(catalogue, **other)), Query(customer_id="coffee-3"), "milk") == [told]


@given(st.integers(0, 15), st.integers(-5, 5))
def test_an_item_is_unfit_exactly_if_it_is_not_recommendable(engine: Engine, item: int, hours: int) -> None:
    catalogue, now = engine.catalogue, 1_000_000.0
    rng = np.random.default_rng(hours + 5)
    moments = np.array([now - 1, now, now + 1])
    changed = replace(
        catalogue,
        listed=rng.random(len(catalogue)) < 0.7,
        availability=rng.integers(0, 4, len(catalogue)).astype(np.uint8),
        times={
            **catalogue.times,
            "available_from": rng.choice(moments, len(catalogue)).astype(np.int64),
            "expires": rng.choice(moments, len(catalogue)).astype(np.int64),
        },
    )
    assert (changed.unfit(item, now) == []) == changed.recommendable(now)[item]


def own_carriers(engine: Engine, customer: str, item: int) -> tuple[dict[int, float], frozenset[int]]:
    """What each item of the history adds to the neighbours' score, taken from the table itself; and the history."""
    recommender = engine.recommender
    source = recommender.sources["neighbours"]
    assert isinstance(source, Neighbours)
    block = recommender.queries(np.array([engine.customers.find(customer)]))
    said = source.lasting(block)
    column = source.table.matrix.toarray()[block.pairs.item, item]
    added = dict(zip(block.pairs.item.tolist(), (column * said).tolist(), strict=True))
    return {bought: value for bought, value in added.items() if value > 0}, frozenset(block.pairs.item.tolist())


def test_because_you_bought_names_what_carried_the_score(engine: Engine) -> None:
    """Every neighbour of every customer: the named item is of the history, and adds most, at least a fifth."""
    titles = {engine.catalogue.texts["title"][item]: item for item in range(len(engine.catalogue))}
    named = 0
    neighbours = SOURCES.index("neighbours")
    # Lists in which neighbours carry everything, so that each item needs its reason.
    stored = {
        name: replace(lists, source=np.full_like(lists.source, neighbours)) for name, lists in engine.stored.items()
    }
    carried = Engine(engine.manifest, engine.customers, engine.catalogue, engine.recommender, stored)
    for customer in CUSTOMERS:
        for item in carried.recommend(Query(customer_id=customer, scenario="discover"), now=NOW).items:
            index = engine.catalogue.items.find(item.product.item_id)
            added, history = own_carriers(engine, customer, index)
            if item.source != "neighbours":
                continue
            if item.reason.startswith("Because you bought"):
                carrier = titles[item.reason.partition("“")[2].rstrip("”")]
                assert carrier in history
                assert added[carrier] == max(added.values())
                assert added[carrier] >= LEAST_SHARE * sum(added.values()) - 1e-9
                named += 1
            else:
                assert item.reason == "Suits what you have bought"
                assert max(added.values(), default=0) <= LEAST_SHARE * sum(added.values()) + 1e-9
    assert named > 20


def test_the_shares_of_carriers_are_those_of_the_table(engine: Engine) -> None:
    for customer in CUSTOMERS[::5]:
        for about in explained(engine, Query(customer_id=customer, scenario="discover", n=100)):
            added, _ = own_carriers(engine, customer, engine.catalogue.items.find(about.item_id))
            total = sum(added.values())
            shown = {carrier.item_id: carrier.share for carrier in about.carriers}
            best = sorted(added, key=lambda item: (-added[item], item))[:5]
            expected = {engine.catalogue.items[item]: added[item] / total for item in best}
            assert shown == pytest.approx(expected, rel=1e-5)


def test_what_was_looked_at_is_not_said_to_be_bought(engine: Engine, ranked_engine: Engine) -> None:
    said = set()
    for one in (engine, ranked_engine):
        for looked_at in ("soap", "coffee", "pasta"):
            title = one.catalogue.texts["title"][one.catalogue.items.find(looked_at)]
            for customer in (None, "breakfast-0", "breakfast-1"):
                query = Query(customer_id=customer, session_items=(looked_at,), scenario="discover", n=100)
                reasons = {item.reason for item in one.recommend(query, now=NOW).items}
                assert f"Because you bought “{title}”" not in reasons
                if customer is None:
                    assert not any("bought" in reason for reason in reasons)
                said |= reasons
    assert any(reason.startswith("Because you looked at") for reason in said)


def test_regularly_is_three_times(engine: Engine) -> None:
    for customer in CUSTOMERS[::4]:
        block = engine.recommender.queries(np.array([engine.customers.find(customer)]))
        times = dict(zip(block.pairs.item.tolist(), block.pairs.orders.tolist(), strict=True))
        for item in engine.recommend(Query(customer_id=customer, scenario="again"), now=NOW).items:
            often = times[engine.catalogue.items.find(item.product.item_id)] >= 3
            assert item.reason == ("You buy this regularly" if often else "You have bought this before")


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name not in PERSONAL])
def test_other_scenarios_tell_source_and_score(engine: Engine, scenario: str) -> None:
    told = explained(engine, Query(customer_id="coffee-3", items=("pasta",), scenario=scenario, n=2))
    assert [about.rank for about in told] == [1, 2]
    assert all(about.source and about.ranking is None for about in told)
    if scenario == "complements":
        assert [carrier.item_id for carrier in told[0].carriers] == ["pasta"]


def test_keys_of_owned_items_are_no_candidates_of_others(engine: Engine) -> None:
    recommender = engine.recommender
    block = recommender.queries(np.arange(10))
    _, said = recommender.find(block)
    owned = keys(block.pairs.row, block.pairs.item)
    for proposal in recommender.proposals(block, said):
        row = np.repeat(np.arange(10), np.diff(proposal.rows.indptr))
        assert set(contains(owned, keys(row, proposal.rows.indices)).tolist()) <= {proposal.source == "repeat"}


def test_every_feature_has_words(ranked_engine: Engine) -> None:
    names = ranked_engine.recommender.rankers["home"].names
    spoken = [in_words(name) for name in names]
    assert len(set(spoken)) == len(names)
    assert [name for name, words in zip(names, spoken, strict=True) if words == name.replace("_", " ")] == []


@pytest.mark.parametrize(
    ("number", "told"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (143, "143rd")]
)
def test_ordinals(number: int, told: str) -> None:
    assert ordinal(number) == told
