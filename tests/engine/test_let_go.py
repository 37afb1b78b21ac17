"""A model that another has replaced is gone at once, with its files and memory, not when garbage is looked for."""

import gc
import resource
from datetime import UTC, datetime
from pathlib import Path

from models.registry import Registry
from recsvc.engine import Engine, Query, explain
from recsvc.engine.diversity import Diversity
from recsvc.engine.filters import Boost, Condition, parse_filter
from recsvc.http.server import allow_many_files

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_an_engine_leaves_no_open_file(tiny_store: Path) -> None:
    gc.collect()
    gc.disable()
    try:
        before = open_files()
        engine = Engine.from_bundle(Registry(tiny_store).open())
        assert open_files() > before
        ask_everything(engine)
        del engine
        assert open_files() == before
    finally:
        gc.enable()


def ask_everything(engine: Engine) -> None:
    """Each way of making a list, so that whatever is kept for the next one is kept."""
    engine.warm()
    cheap = parse_filter({"field": "price", "op": "<=", "value": 5})
    food = parse_filter({"field": "category", "op": "starts_with", "value": "Food"})
    assert isinstance(food, Condition)
    for query in (
        Query(customer_id="coffee-1"),
        Query(customer_id="coffee-1", filter=cheap, boosts=(Boost(food, 2.0),)),
        Query(customer_id="bath-2", scenario="discover", diversity=Diversity(max_per_category=2, mmr=0.3)),
        Query(items=("coffee",), scenario="complements"),
        Query(items=("coffee", "milk"), scenario="similar", exclude=("filter",)),
        Query(session_items=("wine",), filter=food),
    ):
        answer = engine.recommend(query, now=NOW)
        explain(engine, answer, ["milk"], now=NOW)


def test_a_service_may_open_as_many_files_as_it_is_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
