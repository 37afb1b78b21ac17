"""`recsvc train --engine spark`: the same shop as DuckDB makes of it, on a cluster of which a worker dies midway."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from benchmarks.generate import ShopSettings, write_shop
from models.bundle import Bundle, problems_of
from models.recommender import Recommender
from models.registry import Registry
from models.scenarios import STORED
from tests.conftest import require

TRAIN = [sys.executable, "-c", "from recsvc.cli.main import main; main()", "train"]
STEP = "learning from earlier weeks"
SETTINGS = """
[ranker]
windows = 1
home_rounds = 20
discover_rounds = 20

[factors]
factors = 8
iterations = 3

[spark]
block_customers = 64
partitions = 2
"""


@dataclass(frozen=True)
class Shop:
    purchases: Path
    more: Path
    products: Path
    settings: Path

    def arguments(self, store: Path) -> list[str]:
        given = {"--purchases": [self.purchases, self.more], "--products": [self.products], "--store": [store]}
        return [text for option, values in given.items() for value in values for text in (option, str(value))]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Six hundred customers, guests and returns in Parquet; and a CSV with doubles, other ways to write a day, and what
    cannot be read."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder, ShopSettings(customers=600, items=120, rows=9_000, days=120, guests=0.1, returns=0.03))
    (folder / "more.csv").write_text(
        "customer_id;order_id;line_id;item_id;quantity;unit_price;timestamp\n"
        "new 1;n1;1;i3;1;1,50;24.12.2025\n"
        "new 1;n1;1;i3;2;1,50;24.12.2025\n"  # the same line, read later: two of it
        "new 1;n1;2;i4;1;2.5;2025-12-24T10:00:00+02:00\n"
        "new 2;n2;;i5;3;2;20251223\n"
        "new 2;n2;;i5;3;2;20251223\n"
        "new 2;n3;;i5;-1;2;2025-12-28\n"
        ";n4;;i6;1;2;1766600000\n"
        "new 3;n5;;i7;many;2;2025-12-20\n"
        "new 3;n6;;i7;1\n"
    )
    (folder / "recsvc.toml").write_text(SETTINGS)
    return Shop(folder / "purchases.parquet", folder / "more.csv", folder / "products.parquet", folder / "recsvc.toml")


@pytest.fixture(scope="module")
def on_one_machine(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """What DuckDB and implicit make of it."""
    store = tmp_path_factory.mktemp("duckdb")
    program = [*TRAIN, *shop.arguments(store), "--config", str(shop.settings)]
    run = subprocess.run(program, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return Registry(store).open()


@pytest.fixture(scope="module")
def on_a_cluster(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """What Spark makes of it, on two workers of which one is killed while rankers learn."""
    require(find_spec("pyspark"), "PySpark (pip install 'recsvc[spark]')")
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Java (apt-get install default-jre-headless)")
    from tests.training.spark_cluster import running

    folder = tmp_path_factory.mktemp("cluster")
    store, log = folder / "store", folder / "training.log"
    with running(folder / "spark") as cluster:
        settings = folder / "recsvc.toml"
        settings.write_text(f'{SETTINGS}master = "{cluster.url}"\n')
        program = [*TRAIN, *shop.arguments(store), "--engine", "spark"]
        environment = {**os.environ, **cluster.environment}
        with log.open("wb") as out:
            training = subprocess.Popen(
                [*program, "--config", str(settings)], env=environment, stdout=subprocess.PIPE, stderr=out
            )
            try:
                while f"{STEP} …" not in log.read_text(errors="replace") and training.poll() is None:
                    time.sleep(0.1)
                assert training.poll() is None, log.read_text(errors="replace")
                cluster.kill_a_worker()
                printed, _ = training.communicate()
                assert cluster.has_lost_a_worker()
            finally:
                training.kill()
                training.wait()
        assert training.returncode == 0, log.read_text(errors="replace")
    assert json.loads(printed)["published"]
    return Registry(store).open()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_bundle_is_whole(on_a_cluster: Bundle) -> None:
    assert list(problems_of(on_a_cluster.path, on_a_cluster.manifest)) == []
    assert on_a_cluster.manifest.settings["engine"] == "spark"
    assert "pyspark" in on_a_cluster.manifest.libraries


def test_nothing_is_left_of_the_work(on_a_cluster: Bundle) -> None:
    assert list((on_a_cluster.path.parents[1] / "work").iterdir()) == []


def test_both_engines_read_the_same_shop(on_a_cluster: Bundle, on_one_machine: Bundle) -> None:
    assert on_a_cluster.manifest.counts == on_one_machine.manifest.counts
    assert on_a_cluster.manifest.window == on_one_machine.manifest.window
    here, there = (bundle.manifest.metrics["input"] for bundle in (on_one_machine, on_a_cluster))
    varying = {"rejected", "sources", "warnings", "returns"}
    assert {name: there[name] for name in there if name not in varying} == {
        name: here[name] for name in here if name not in varying
    }
    assert there["returns"] == pytest.approx(here["returns"])
    assert there["rows_rejected"] == 2


def test_rejected_rows_are_kept_with_their_reasons(on_a_cluster: Bundle) -> None:
    rows = pyarrow.parquet.read_table(on_a_cluster.path.parents[1] / "rejects.parquet").to_pylist()
    assert sorted(row["reason"] for row in rows) == [
        "quantity is not a number",
        "the row has more or fewer cells than the header, or a quote is not closed",
    ]
    assert {row["file"].rsplit("/", 1)[1] for row in rows} == {"more.csv"}
    assert {row["line"] for row in rows} == {None}


@pytest.mark.parametrize("part", ["customers", "catalogue", "recommender.histories"])
def test_what_was_read_is_the_same_bit_by_bit(on_a_cluster: Bundle, on_one_machine: Bundle, part: str) -> None:
    names = [name for name in on_one_machine.arrays if name.startswith(f"{part}.")]
    assert names
    for name in names:
        np.testing.assert_array_equal(on_a_cluster.arrays[name], on_one_machine.arrays[name], err_msg=name)


@pytest.mark.parametrize(
    "part", ["recommender.statistics", "recommender.sources.popular", "recommender.sources.neighbours"]
)
def test_what_was_counted_is_the_same(on_a_cluster: Bundle, on_one_machine: Bundle, part: str) -> None:
    names = [name for name in on_one_machine.arrays if name.startswith(f"{part}.")]
    assert names
    for name in names:
        found, expected = on_a_cluster.arrays[name], on_one_machine.arrays[name]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6, err_msg=name)


def test_both_engines_foresee_alike(on_a_cluster: Bundle, on_one_machine: Bundle) -> None:
    # A small shop's figures waver; benchmarks/engines.py compares those of a real one.
    here, there = (bundle.manifest.ndcg("home") for bundle in (on_one_machine, on_a_cluster))
    assert here is not None
    assert there is not None
    assert there == pytest.approx(here, rel=0.1)


@pytest.mark.parametrize("scenario", STORED)
def test_the_lists_that_executors_made_are_those_of_a_request(on_a_cluster: Bundle, scenario: str) -> None:
    recommender = Recommender.from_bundle(on_a_cluster)
    arrays = on_a_cluster.arrays
    indptr = arrays[f"lists.{scenario}.indptr"]
    assert len(indptr) == on_a_cluster.manifest.counts["customers"] + 1
    stored = int(on_a_cluster.manifest.settings["lists"]["stored"])
    for customer in (0, 63, 64, 300, len(indptr) - 2):
        asked = recommender.rank(recommender.queries(np.array([customer])), scenario, stored)
        own = slice(int(indptr[customer]), int(indptr[customer + 1]))
        np.testing.assert_array_equal(arrays[f"lists.{scenario}.item"][own], asked.scored.item)
        np.testing.assert_array_equal(arrays[f"lists.{scenario}.source"][own], asked.source)
        np.testing.assert_allclose(arrays[f"lists.{scenario}.score"][own], asked.scored.score, rtol=1e-6)
