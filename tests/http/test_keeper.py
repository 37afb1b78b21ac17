"""A machine follows a shared registry: what it fetches, what it says of it, and who of several processes does."""

import json
import logging
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask.testing import FlaskClient

from benchmarks.swap import two_versions
from models.depot import FolderDepot
from models.erased import ErasedIds
from models.errors import BundleError, UnreachableError
from models.registry import Registry
from models.remote_registry import RemoteRegistry
from recsvc.cli.main import main
from recsvc.engine import LiveEngine
from recsvc.engine.shelf import Shelf
from recsvc.http.app import create_app
from recsvc.http.keeper import LONGEST_FETCH, Keeper, Report, state_of
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings
from recsvc.http.worker import watch
from recsvc.state import open_database

SECRET = "a secret of the tests, long enough"


@pytest.fixture
def versions(tiny_store: Path, tmp_path: Path) -> list[str]:
    """Two versions of the tiny shop's model in the registry of `mounted`, the first one published."""
    (tmp_path / "mounted").mkdir()
    found = two_versions(tiny_store, tmp_path / "trainer")
    trainer = machine(tmp_path, "trainer")
    for version in reversed(found):
        trainer.publish(version, why="trained", now=datetime.now(UTC))
    return found


def machine(folder: Path, name: str = "server") -> RemoteRegistry:
    return RemoteRegistry(folder / name, FolderDepot(folder / "mounted"))


def report(registry: RemoteRegistry) -> Report:
    found = Report.read(registry.store)
    assert found is not None
    return found


def test_what_is_published_is_fetched_and_served(versions: list[str], tmp_path: Path) -> None:
    registry = machine(tmp_path)
    live = LiveEngine(Registry(registry.store))
    assert not live.loaded
    assert state_of(registry, time.time()) == (False, f"nobody has looked at {registry.depot.url} yet")
    keeper = Keeper(registry)
    keeper.look()
    live.refresh()
    assert live.current().version == versions[0]
    assert state_of(registry, time.time()) == (True, None)
    machine(tmp_path, "trainer").publish(versions[1], why="trained", now=datetime.now(UTC))
    keeper.look()
    live.refresh()
    assert live.current().version == versions[1] == report(registry).published
    machine(tmp_path, "laptop").rollback(now=datetime.now(UTC))
    keeper.look()
    live.refresh()
    assert live.current().version == versions[0]


def test_a_registry_that_is_down_is_said_and_the_old_model_goes_on(
    versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = machine(tmp_path)
    monkeypatch.setenv("RECSVC_REGISTRY", registry.depot.url)
    keeper = Keeper(registry)
    keeper.look()
    database = open_database(None, registry.store)
    client = client_of(registry, database)
    assert client.get("/health/ready").get_json() | {"model_created_at": 0, "model_age_seconds": 0} == {
        "status": "ready", "model_version": versions[0], "model_created_at": 0, "model_age_seconds": 0,
        "database": "up", "registry": "up", "problem": None,
    }  # fmt: skip
    (tmp_path / "mounted").rename(tmp_path / "gone")
    keeper.look()
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.get_json()["registry"] == "down"
    assert "mount it" in answer.get_json()["problem"]
    assert client.get("/recommend").get_json()["model_version"] == versions[0]
    assert "recsvc_registry_up 0.0" in client.get("/metrics").text
    asked = CliRunner().invoke(main, ["doctor", "--store", str(registry.store), "--json"])
    found = {check["name"]: check for check in json.loads(asked.stdout)["checks"]}
    assert asked.exit_code == 1
    assert (found["registry"]["status"], found["model"]["status"]) == ("!!", "OK")
    (tmp_path / "gone").rename(tmp_path / "mounted")
    keeper.look()
    assert client.get("/health/ready").get_json()["problem"] is None
    assert "recsvc_registry_up 1.0" in client.get("/metrics").text
    database.dispose()


def client_of(registry: RemoteRegistry, database: sa.Engine) -> FlaskClient:
    app = create_app(ServeSettings(store=registry.store, secret=SECRET), LiveEngine(Registry(registry.store)), database)

    class Idle:
        """A worker's socket that nobody waits at."""

        def waiting(self) -> int:
            return 0

    watch(service_of(app), Idle())  # type: ignore[arg-type]
    return app.test_client()


def test_a_damaged_model_is_not_served_and_not_fetched_all_the_time(
    versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = machine(tmp_path)
    keeper = Keeper(registry)
    keeper.look()
    machine(tmp_path, "trainer").publish(versions[1], why="trained", now=datetime.now(UTC))
    file = next((tmp_path / "mounted" / "bundles" / versions[1]).glob("recommender.*.npy"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    fetched: list[str] = []
    fetch = registry.fetch

    def counted(version: str) -> Path:
        fetched.append(version)
        return fetch(version)

    monkeypatch.setattr(registry, "fetch", counted)
    clock = [1000.0]
    monkeypatch.setattr("recsvc.http.keeper.time.monotonic", lambda: clock[0])
    with caplog.at_level(logging.INFO):
        for seconds in (0, 1, 1.5, 1, 2.5, 3):
            clock[0] += seconds
            keeper.look()
    assert fetched == [versions[1]] * 3
    assert len([record for record in caplog.records if record.message == "registry"]) == 1
    assert report(registry).up
    assert file.name in str(report(registry).problem)
    assert registry.copies.current() == versions[0]
    file.write_bytes(whole)
    clock[0] += LONGEST_FETCH
    keeper.look()
    assert (report(registry).problem, registry.copies.current()) == (None, versions[1])


def test_whatever_goes_wrong_it_goes_on_looking(
    versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("recsvc.http.keeper.LOOK_SECONDS", 0.01)
    registry = machine(tmp_path)
    failures = iter((UnreachableError("gone"), BundleError("damaged"), OSError("full"), ValueError("odd")))
    looks: list[str] = []

    def fail() -> None:
        looks.append("")
        for failure in failures:
            raise failure

    keeper = Keeper(registry)
    look = keeper.look
    monkeypatch.setattr(registry, "evict", lambda wanted: fail())
    look()  # the first of them while tidying
    assert report(registry).up
    monkeypatch.setattr(keeper, "look", fail)
    keeper.start()
    wait_until(lambda: len(looks) > 6)
    keeper.stop()
    assert [record.message for record in caplog.records].count("registry not kept") == 3


def test_one_process_of_a_machine_looks_and_another_takes_over(
    versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsvc.http.keeper.LOOK_SECONDS", 0.01)
    looks = {"first": 0, "second": 0}
    keepers = {name: Keeper(machine(tmp_path)) for name in looks}

    def count(name: str) -> None:
        looks[name] += 1

    for name, keeper in keepers.items():
        monkeypatch.setattr(keeper, "look", lambda name=name: count(name))
    keepers["first"].start()
    wait_until(lambda: looks["first"] > 0)
    keepers["second"].start()
    seen = looks["first"]
    wait_until(lambda: looks["first"] > seen + 10)
    assert looks["second"] == 0
    keepers["first"].stop()
    wait_until(lambda: looks["second"] > 0)
    keepers["second"].stop()


def wait_until(condition: object) -> None:
    end = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_look_that_never_ends_is_noticed(versions: list[str], tmp_path: Path) -> None:
    registry = machine(tmp_path)
    registry.store.mkdir()
    now = time.time()
    Report(registry.depot.url, now - 100, versions[0], True, None).write(registry.store)
    assert state_of(registry, now) == (
        False,
        f"nobody has looked at {registry.depot.url} for 100 s: it hangs, or no service runs",
    )
    Report(registry.depot.url, now - 100, versions[0], True, None, fetching=versions[0]).write(registry.store)
    assert state_of(registry, now) == (True, None)
    (registry.store / "registry.json").write_text("{")
    assert state_of(registry, now)[0] is False


def test_models_of_experiments_are_fetched_too(
    versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = machine(tmp_path)
    Keeper(registry).look()
    shelf = Shelf(LiveEngine(Registry(registry.store)))
    assert shelf.engine(versions[1]).version == versions[0]
    assert versions[1] in str(shelf.problem)
    Keeper(registry, lambda: [versions[1], "20200101T"]).look()
    assert "20200101T" in str(report(registry).problem)
    assert shelf.engine(versions[1]).version == versions[0]
    monkeypatch.setattr("recsvc.engine.shelf.REST_SECONDS", 0.0)
    shelf = Shelf(LiveEngine(Registry(registry.store)))
    shutil.move(registry.bundles / versions[1], tmp_path / "away")
    assert shelf.engine(versions[1]).version == versions[0]
    shutil.move(tmp_path / "away", registry.bundles / versions[1])
    assert (shelf.engine(versions[1]).version, shelf.problem) == (versions[1], None)


def test_who_is_erased_on_one_machine_is_unknown_on_all(versions: list[str], tmp_path: Path) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    ErasedIds(other.store).add("bath-2")  # from before the registry was shared
    keeper = Keeper(other)
    keeper.look()
    live = LiveEngine(Registry(other.store))
    assert live.current().customers.find("coffee-1") >= 0
    one.erase("coffee-1")
    one.erase("coffee-1")
    one.erase("pasta-1")
    keeper.look()
    living = LiveEngine(Registry(other.store)).current().customers
    assert [living.find(name) for name in ("coffee-1", "pasta-1", "bath-2")] == [-1, -1, -1]
    assert living.find("coffee-2") >= 0
    shared = (tmp_path / "mounted" / "erased").read_bytes()
    assert len(shared.splitlines()) == 3
    assert b"coffee-1" not in shared
    assert (other.store / "erased.shared").stat().st_mode & 0o077 == 0


def test_a_service_that_leaves_is_not_ready_and_answers(client: FlaskClient) -> None:
    service_of(client.application).leaving.set()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["problem"]) == (503, "the service is about to stop")
    assert client.get("/recommend").status_code == 200
