"""`recsvc train` from file to published model, and what the gate lets through on that way."""

import csv
import json
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from models.registry import Registry
from models.remote_registry import open_registry
from tests.conftest_shop import purchase_rows, run_recsvc, write_csv

Row = dict[str, object]
LAST_WEEK = "2026-02-23"


def train(purchases: Path, shop: Path, store: Path, *more: str) -> Result:
    """`recsvc train`, whatever its exit code."""
    products = shop / "products.csv"
    return run_recsvc("train", "--purchases", purchases, "--products", products, "--store", store, "--quiet", *more)


def summary_of(result: Result) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


@pytest.fixture(scope="module")
def last_week(tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose published model knows all but the last week; each test copies it."""
    store = tmp_path_factory.mktemp("champion") / "store"
    result = train(tiny_shop / "purchases.csv", tiny_shop, store, "--until", LAST_WEEK)
    assert result.exit_code == 0, result.stderr
    return store


@pytest.fixture
def store(last_week: Path, tmp_path: Path) -> Path:
    return shutil.copytree(last_week, tmp_path / "store")


def shuffled(rows: list[Row]) -> list[Row]:
    """Every row says another customer than the one who bought."""
    ids = [row["customer_id"] for row in rows]
    random.Random(5).shuffle(ids)
    return [{**row, "customer_id": customer} for row, customer in zip(rows, ids, strict=True)]


def test_the_first_model_is_published_without_a_champion(last_week: Path) -> None:
    registry = Registry(last_week)
    gate = registry.open().manifest.metrics["gate"]
    assert gate["champion"] is None
    assert gate["passed"]
    assert [entry.why for entry in registry.history()] == ["trained"]


def test_an_honest_retrain_a_week_later_is_published(tiny_shop: Path, store: Path) -> None:
    before = Registry(store).current()
    result = train(tiny_shop / "purchases.csv", tiny_shop, store)
    summary = summary_of(result)
    assert result.exit_code == 0, result.stderr
    assert summary["published"]
    assert summary["reason"] is None
    assert Registry(store).current() == summary["version"]
    gate = Registry(store).open().manifest.metrics["gate"]
    assert gate["champion"] == before
    assert gate["champion_saw_the_window"]
    assert gate["home"]["against_champion"]["low"] <= gate["home"]["against_champion"]["high"]


def test_a_model_of_shuffled_customers_is_kept_but_not_published(tiny_shop: Path, store: Path, tmp_path: Path) -> None:
    before = Registry(store).current()
    purchases = write_csv(tmp_path / "shuffled.csv", shuffled(purchase_rows()))
    result = train(purchases, tiny_shop, store)
    summary = summary_of(result)
    assert result.exit_code == 1
    assert not summary["published"]
    assert "customer ids or dates mixed up" in summary["reason"]
    assert summary["reason"] in result.stderr
    assert f"recsvc models publish {summary['version']}" in result.stderr
    assert "--force" in result.stderr
    registry = Registry(store)
    assert registry.current() == before
    assert summary["version"] in registry.versions()
    assert not registry.manifest(summary["version"]).metrics["gate"]["passed"]


def test_force_publishes_what_is_refused_and_the_history_says_why(tiny_shop: Path, store: Path, tmp_path: Path) -> None:
    purchases = write_csv(tmp_path / "shuffled.csv", shuffled(purchase_rows()))
    result = train(purchases, tiny_shop, store, "--force")
    summary = summary_of(result)
    assert result.exit_code == 0
    assert summary["published"]
    registry = Registry(store)
    assert registry.current() == summary["version"]
    assert registry.history()[-1].why == f"forced: {summary['reason']}"
    gate = registry.open().manifest.metrics["gate"]
    assert gate["forced"]
    assert gate["reasons"] == [summary["reason"]]


def test_a_fragment_is_refused_and_both_numbers_are_named(tiny_shop: Path, store: Path, tmp_path: Path) -> None:
    some = [row for row in purchase_rows() if str(row["customer_id"]).startswith("coffee")]
    purchases = write_csv(tmp_path / "part.csv", some)
    result = train(purchases, tiny_shop, store)
    assert result.exit_code == 1
    assert "12 customers, 75% fewer than the 48" in summary_of(result)["reason"]


def test_no_publish_measures_and_keeps(tiny_shop: Path, store: Path) -> None:
    before = Registry(store).current()
    result = train(tiny_shop / "purchases.csv", tiny_shop, store, "--no-publish")
    assert result.exit_code == 0
    assert not summary_of(result)["published"]
    assert Registry(store).current() == before
    assert Registry(store).manifest(summary_of(result)["version"]).metrics["gate"]["passed"]


def test_force_and_no_publish_exclude_each_other(tiny_shop: Path, store: Path) -> None:
    result = train(tiny_shop / "purchases.csv", tiny_shop, store, "--no-publish", "--force")
    assert result.exit_code == 2
    assert "choose one" in result.stderr


def test_a_damaged_champion_does_not_stand_in_the_way(tiny_shop: Path, store: Path) -> None:
    registry = Registry(store)
    (registry.path(str(registry.current())) / "customers.data.npy").write_bytes(b"nonsense")
    result = run_recsvc("train", "--purchases", tiny_shop / "purchases.csv", "--store", store)
    assert result.exit_code == 0
    assert "the published model cannot be read" in result.stderr
    assert registry.current() == summary_of(result)["version"]


def test_the_list_of_models_shows_what_each_reached(last_week: Path) -> None:
    table = run_recsvc("models", "list", "--store", last_week).stdout
    version = Registry(last_week).current()
    assert "home ndcg@10" in table
    assert "discover ndcg@10" in table
    figure = json.loads(run_recsvc("models", "list", "--json", "--store", last_week).stdout)[0]["ndcg@10"]["home"]
    assert next(row for row in table.splitlines() if str(version) in row).split()[-1] == f"{figure:.3f}"


def test_a_damaged_model_hides_no_other_from_the_list(store: Path) -> None:
    registry = Registry(store)
    damaged = registry.bundles / "20200101T000000Z-00000000"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{")
    listed = run_recsvc("models", "list", "--json", "--store", store)
    assert [row["version"] for row in json.loads(listed.stdout)] == [registry.current()]
    assert damaged.name in listed.stderr


def test_no_bundle_is_left_by_a_training_that_fails(tiny_shop: Path, store: Path, tmp_path: Path) -> None:
    registry = Registry(store)
    before = registry.versions()
    purchases = tmp_path / "one.csv"
    with purchases.open("w", newline="") as out:
        csv.writer(out).writerow(["customer_id", "order_id", "item_id", "quantity", "unit_price", "timestamp"])
    assert train(purchases, tiny_shop, store).exit_code == 2
    assert registry.versions() == before
    assert list(registry.work.glob("*")) == []


def test_products_may_be_a_pattern_and_the_horizon_be_set(tiny_shop: Path, tmp_path: Path) -> None:
    pattern = str(tiny_shop / "prod*.csv")
    result = train(tiny_shop / "purchases.csv", tiny_shop, tmp_path, "--products", pattern, "--horizon", "1w")
    assert result.exit_code == 0, result.stderr
    manifest = Registry(tmp_path).manifest(json.loads(result.stdout)["version"])
    assert manifest.settings["horizon_days"] == manifest.settings["ranker"]["horizon_days"] == 7
    assert manifest.metrics["input"]["products"]["items"] == 16


def test_a_pattern_without_products_is_said_before_anything_is_read(tiny_shop: Path, tmp_path: Path) -> None:
    result = run_recsvc("train", "--purchases", "gone.csv", "--products", tmp_path / "*.xml", "--store", tmp_path / "s")
    assert result.exit_code == 2
    assert "*.xml: no such file (nothing matches the pattern)" in result.stderr


def test_a_shared_registry_gives_the_champion_and_takes_the_model(
    tiny_shop: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    monkeypatch.setenv("RECSVC_REGISTRY", mounted.as_uri())
    champion = str(Registry(store).current())
    open_registry(store).publish(champion, why="trained", now=datetime.now(UTC))
    result = train(tiny_shop / "purchases.csv", tiny_shop, tmp_path / "elsewhere")
    assert result.exit_code == 0, result.stderr
    server = open_registry(tmp_path / "server")
    assert server.current() == summary_of(result)["version"]
    assert server.open().manifest.metrics["gate"]["champion"] == champion
    mounted.rename(tmp_path / "gone")
    result = train(tiny_shop / "purchases.csv", tiny_shop, tmp_path / "elsewhere")
    assert (result.exit_code, "mount it" in result.stderr) == (1, True)
