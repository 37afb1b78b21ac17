"""`recsvc train --since-last`: what goes on from the published model, what is made anew, and when all of it is."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from models.bundle import Bundle
from models.catalogue import under
from models.erased import ErasedIds
from models.lists import StoredLists
from models.recommender import Recommender
from models.registry import Registry
from models.scenarios import STORED
from models.sources.customers import CustomerSettings
from models.strings import IdIndex
from tests.conftest_shop import purchase_rows, run_recsvc, write_csv
from training.carried import Carried, same_ids
from training.data import TrainingData
from training.input import InputSettings, PurchaseSource, read_shop
from training.input.prepared.kept import FOLDER
from training.ranker_settings import RankerSettings
from training.settings import TrainingSettings

Row = dict[str, object]
LAST_DAY = "2026-03-01"
pytestmark = pytest.mark.timeout(240)


def train(shop: Path, folder: Path, *more: str) -> Result:
    """In the folder, so that a copy of it has its purchases at the same place."""
    with contextlib.chdir(folder):
        return run_recsvc("train", *arguments(shop), *more)


def arguments(shop: Path) -> list[str]:
    return [
        "--purchases", "exports", "--products", str(shop / "products.csv"), "--store", "store", "--horizon", "7d",
        "--since-last",
    ]  # fmt: skip


def of_last_day() -> tuple[list[Row], list[Row]]:
    rows = purchase_rows()
    return [row for row in rows if str(row["timestamp"]) < LAST_DAY], [
        row for row in rows if str(row["timestamp"]) >= LAST_DAY
    ]


@pytest.fixture(scope="module")
def evening(tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store trained on all but the last day, and that day's purchases in a second file."""
    folder = tmp_path_factory.mktemp("evening")
    (folder / "exports").mkdir()
    before, after = of_last_day()
    write_csv(folder / "exports" / "before.csv", before)
    result = train(tiny_shop, folder)
    assert result.exit_code == 0, result.stderr
    write_csv(folder / "exports" / "last-day.csv", after)
    return folder


@pytest.fixture
def night(evening: Path, tmp_path: Path) -> Path:
    return shutil.copytree(evening, tmp_path / "night")


def lists_of(bundle: Bundle) -> tuple[IdIndex, dict[str, StoredLists]]:
    arrays = bundle.arrays
    customers = IdIndex.from_arrays(under(arrays, "customers"))
    return customers, {name: StoredLists.from_arrays(under(arrays, f"lists.{name}")) for name in STORED}


def test_lists_of_who_bought_are_new_and_the_others_as_they_were(tiny_shop: Path, night: Path) -> None:
    registry = Registry(night / "store")
    before = registry.open()
    result = train(tiny_shop, night)
    assert result.exit_code == 0, result.stderr
    assert "anew" not in result.stderr
    after = registry.open()
    assert after.version == json.loads(result.stdout)["version"] != before.version
    bought = {str(row["customer_id"]) for row in of_last_day()[1]}
    carried = after.manifest.metrics["carried"]
    assert carried["from"] == before.version
    assert (carried["lists_made"], carried["lists_kept"]) == (len(bought), 48 - len(bought))
    assert after.manifest.metrics["backtest"] == before.manifest.metrics["backtest"]
    assert after.document("ranker.home.txt") == before.document("ranker.home.txt")
    assert after.manifest.metrics["gate"]["since"]["customers"] == len(bought)

    customers, lists = lists_of(after)
    old, old_lists = lists_of(before)
    recommender = Recommender.from_bundle(after)
    every = recommender.rank_several(recommender.queries(np.arange(len(customers))), STORED, 40)
    for name in STORED:
        for customer in range(len(customers)):
            mine = lists[name].of_one(customer).scored.item.tolist()
            if customers[customer] in bought:
                scored = every[name].scored
                assert mine == scored.item[scored.row == customer].tolist()
            else:
                assert mine == old_lists[name].of_one(old.find(customers[customer])).scored.item.tolist()


def test_a_second_night_goes_on_from_the_first(tiny_shop: Path, night: Path) -> None:
    assert train(tiny_shop, night).exit_code == 0
    first = Registry(night / "store").current()
    row = {**of_last_day()[1][0], "customer_id": "a-new-one", "order_id": "n1", "timestamp": "2026-03-02T08:00:00"}
    write_csv(night / "exports" / "next.csv", [row])
    result = train(tiny_shop, night)
    assert result.exit_code == 0, result.stderr
    metrics = Registry(night / "store").open().manifest.metrics
    assert metrics["carried"]["from"] == first
    assert metrics["carried"]["learned_until"] == "2026-02-28"
    assert (metrics["carried"]["lists_made"], metrics["input"]["rows_read"]) == (1, 1)


@pytest.fixture(scope="module")
def data(evening: Path, tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("reading")
    return read_shop(
        [PurchaseSource(location=str(evening / "exports"))], tiny_shop / "products.csv", settings=InputSettings(),
        now=datetime(2026, 6, 1, tzinfo=UTC), work_dir=folder / "work", rejects_path=folder / "rejects.parquet",
        tell=lambda _: None,
    ).data  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "horizon", "word"),
    [
        ({}, 7, None),
        ({"customers": CustomerSettings(neighbours=50)}, 7, "[customers] neighbours of the settings changed"),
        ({"ranker": RankerSettings(horizon_days=7, keep_days=1)}, 7, "its rankers learned 1 days ago ([ranker] keep"),
        ({}, 8, "lists look 8 days ahead, those of the published model 7"),
    ],
)
def test_everything_is_learned_anew_where_it_must_be(
    evening: Path, data: TrainingData, settings: dict[str, Any], horizon: int, word: str | None
) -> None:
    said: list[str] = []
    wished = TrainingSettings(**{"ranker": RankerSettings(horizon_days=7), **settings})
    carried = Carried.of(Registry(evening / "store"), data, wished, horizon, said.append)
    assert (carried is None) == (word is not None)
    assert [word in line for line in said if word] == [True] * len(said)


def test_rows_that_nobody_foresees_are_refused_and_not_kept(tiny_shop: Path, night: Path) -> None:
    registry = Registry(night / "store")
    published, kept = registry.current(), sorted(path.name for path in (night / "store" / FOLDER).iterdir())
    rows = purchase_rows()
    odd = [
        {**row, "order_id": f"odd-{n}", "item_id": "candle" if "bath" not in str(row["customer_id"]) else "wine",
         "timestamp": "2026-03-02T09:00:00"}
        for n, row in enumerate(rows[::9])
    ]  # fmt: skip
    write_csv(night / "exports" / "last-day.csv", odd)
    result = train(tiny_shop, night)
    assert result.exit_code == 1
    assert "customer ids or dates mixed up" in result.stderr
    assert registry.current() == published
    assert sorted(path.name for path in (night / "store" / FOLDER).iterdir()) == kept


def test_the_erased_are_no_customers_of_any_night(tiny_shop: Path, night: Path) -> None:
    ErasedIds(night / "store").add("coffee-3")
    assert train(tiny_shop, night).exit_code == 0
    customers, _ = lists_of(Registry(night / "store").open())
    assert customers.find("coffee-3") == -1
    assert len(customers) == 47


def test_until_and_since_last_exclude_each_other(tiny_shop: Path, night: Path) -> None:
    result = train(tiny_shop, night, "--until", LAST_DAY)
    assert result.exit_code == 2
    assert "--since-last goes on to the newest purchase" in result.stderr


def test_ids_are_found_without_a_loop() -> None:
    before, now = IdIndex.of(["a", "c", "d"]), IdIndex.of(["a", "b", "c", "e"])
    assert same_ids(before, now).tolist() == [0, -1, 1, -1]
    assert same_ids(IdIndex.of([]), now).tolist() == [-1] * 4


@pytest.mark.slow
@pytest.mark.parametrize("step", ["reading purchases", "writing the bundle"])
def test_a_kill_leaves_what_the_next_night_goes_on_from(tiny_shop: Path, night: Path, step: str) -> None:
    command = [sys.executable, "-c", "from recsvc.cli.main import main; main()", "train", *arguments(tiny_shop)]
    log = night / "log"
    with log.open("wb") as out:
        training = subprocess.Popen(command, cwd=night, stdout=out, stderr=out)
    began = time.monotonic()
    while f"{step} …" not in log.read_text() and training.poll() is None:
        assert time.monotonic() - began < 100, log.read_text()
        time.sleep(0.01)
    time.sleep(0.05)
    os.kill(training.pid, signal.SIGKILL)
    training.wait()
    result = train(tiny_shop, night)
    assert result.exit_code == 0, result.stderr
    assert "anew" not in result.stderr
    assert Registry(night / "store").open().manifest.counts["lines"] == 843
