"""The same input gives the same bundle, and the same customer the same list, however it is asked for."""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.bundle import Manifest
from models.registry import Registry
from recsvc.engine import Answer, Engine, Query
from tests.conftest_shop import run_recsvc, write_csv
from tests.models.shops import random_shop
from training.pipeline import day_text

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCENARIOS = ("home", "discover", "again")
TRAIN = "import sys; from recsvc.cli.main import main; sys.argv[0] = 'recsvc'; main()"


def lively_purchases(path: Path) -> Path:
    """Purchases of a shop in which a ranker beats the best single signal, so that trees are a part of the bundle."""
    data = random_shop(3, n_customers=60, n_orders=12)
    columns = (data.lines.customer, data.lines.order, data.lines.item, data.lines.day)
    rows: list[dict[str, object]] = [
        {
            "customer_id": data.customers[customer],
            "order_id": f"o{order}",
            "item_id": data.catalogue.items[item],
            "quantity": 1,
            "unit_price": 2,
            "timestamp": day_text(day),
        }
        for customer, order, item, day in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return write_csv(path, rows)


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `purchases.csv` and a store that was trained from it in this process."""
    folder = tmp_path_factory.mktemp("lively")
    purchases = lively_purchases(folder / "purchases.csv")
    result = run_recsvc("train", "--purchases", purchases, "--store", folder / "store", "--quiet")
    assert result.exit_code == 0, result.stderr
    return folder


def train_apart(purchases: Path, store: Path) -> Manifest:
    """`recsvc train` in a process of its own, whose sets of texts have another order than this one's."""
    hash_seed = 1 if os.environ.get("PYTHONHASHSEED") != "1" else 2
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, "train", "--quiet", "--purchases", str(purchases), "--store", str(store)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Registry(store).open().manifest


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_trainings_in_two_processes_give_the_same_bundle(lively: Path, tmp_path: Path) -> None:
    one = Registry(lively / "store").open().manifest
    two = train_apart(lively / "purchases.csv", tmp_path / "store")
    assert "ranker.home.txt" in one.documents
    assert {name: entry.sha256 for name, entry in one.arrays.items()} == {
        name: entry.sha256 for name, entry in two.arrays.items()
    }
    assert one.content_sha256 == two.content_sha256
    assert one.documents == two.documents
    assert one.metrics["backtest"] == two.metrics["backtest"]


def line(answer: Answer) -> str:
    """An answer as bytes would be sent: every digit of every score counts."""
    items = [[entry.product.item_id, entry.score, entry.source, entry.reason] for entry in answer.items]
    return json.dumps([answer.query.customer_id, answer.query.scenario, answer.fallback, items])


@pytest.fixture(scope="module", params=["by a signal", "by trees"])
def store(request: pytest.FixtureRequest, tiny_store: Path, lively: Path) -> Path:
    return tiny_store if request.param == "by a signal" else lively / "store"


@pytest.fixture(scope="module")
def engine(store: Path) -> Engine:
    return Engine.from_bundle(Registry(store).open())


@pytest.fixture(scope="module")
def queries(engine: Engine) -> list[Query]:
    """Every known customer in every stored scenario."""
    ids = [engine.customers[place] for place in range(len(engine.customers))]
    return [Query(customer_id=customer, scenario=scenario, n=12) for customer in ids for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def single(engine: Engine, queries: list[Query]) -> list[str]:
    """Each query asked alone, answered from the lists of the training where these suffice."""
    return [line(engine.recommend(query, now=NOW)) for query in queries]


def test_the_lists_of_the_training_are_not_trivial(engine: Engine, single: list[str]) -> None:
    assert len(engine.customers) * len(SCENARIOS) == len(single)
    assert len(set(single)) > len(engine.customers)


def without_stored_lists(store: Path) -> Engine:
    engine = Engine.from_bundle(Registry(store).open())
    engine.stored.clear()
    return engine


def test_a_list_computed_for_one_request_is_the_one_of_the_training(
    store: Path, queries: list[Query], single: list[str]
) -> None:
    computing = without_stored_lists(store)
    assert [line(computing.recommend(query, now=NOW)) for query in queries] == single


@pytest.mark.parametrize("stored", [True, False], ids=["looked up", "computed"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_list_is_the_same_in_a_batch_of_any_order(
    store: Path, engine: Engine, queries: list[Query], single: list[str], stored: bool, seed: int
) -> None:
    asked = engine if stored else without_stored_lists(store)
    order = list(range(len(queries)))
    random.Random(seed).shuffle(order)
    answers = asked.recommend_many((queries[place] for place in order), now=NOW)
    assert [line(answer) for answer in answers] == [single[place] for place in order]
