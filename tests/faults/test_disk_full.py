"""A full disk while training, publishing, importing and ingesting: one line for a person, and nothing half done.

Twice each: on a file system that has no space left, where one may be mounted, and under a limit of file sizes, which
every container knows.
"""

import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.faults.disk import SmallDisk, can_mount, limit_files, small_disk
from benchmarks.faults.trainings import Training
from models.registry import Registry
from recsvc.events.store import count
from recsvc.state import open_database
from tests.http.test_server import Service, serving

MIB = 1 << 20
NO_SPACE, TOO_LARGE = "no space left", "file too large"
needs_mount = pytest.mark.skipif(
    not can_mount(), reason=f"NOT TESTED HERE, missing: the right to mount; {TOO_LARGE!r} stands in for it"
)
WAYS = [pytest.param(NO_SPACE, marks=needs_mount), TOO_LARGE]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Full:
    """A store on a disk that `fill` fills; `limit` is what a process that cannot be filled up must obey."""

    def __init__(self, store: Path, disk: SmallDisk | None) -> None:
        self.store, self.disk = store, disk

    def run(self, *arguments: str | Path, leave: int = 0) -> subprocess.CompletedProcess[str]:
        """A command with so many bytes left to it, on the disk or a file."""
        if self.disk is not None:
            self.disk.leave(leave)
        limit = None if self.disk is not None else leave

        def starve() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        program = [sys.executable, "-c", "from recsvc.cli.main import main; main()"]
        command = [*program, *map(str, arguments), "--store", str(self.store)]
        environment = {**os.environ, "PYTHONPATH": ".", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, preexec_fn=starve)

    def train(self, shop: Path, leave: int) -> tuple[int, str]:
        """A training with so many bytes left."""
        if self.disk is not None:
            self.disk.leave(leave)
        files = ["--purchases", shop / "purchases.csv", "--products", shop / "products.csv", "--store", self.store]
        training = Training([*map(str, files), "--quiet"], largest_file=None if self.disk is not None else leave)
        ended = training.wait()
        return ended.code, ended.said

    def fill(self, workers: list[int]) -> None:
        """Nothing more can be written, neither by anybody nor by these processes."""
        if self.disk is not None:
            self.disk.leave(0)
        else:
            limit_files(workers, 0)

    def free(self, workers: list[int]) -> None:
        """There is space again."""
        if self.disk is not None:
            self.disk.free()
        else:
            limit_files(workers, None)


@contextmanager
def disk_of(way: str, folder: Path, n_bytes: int) -> Iterator[SmallDisk | None]:
    if way == TOO_LARGE:
        yield None
        return
    with small_disk(folder, n_bytes) as disk:
        yield disk


@pytest.fixture
def full(request: pytest.FixtureRequest, tiny_store: Path, tmp_path: Path) -> Iterator[Full]:
    with disk_of(request.param, tmp_path / "disk", 24 * MIB) as disk:
        store = shutil.copytree(tiny_store, tmp_path / "disk" / "store")
        yield Full(store, disk)


def one_line(code: int, said: str) -> bool:
    return code == 1 and said.count("\n") == 1 and said.startswith("recsvc: ")


@pytest.mark.parametrize("full", WAYS, indirect=True)
def test_a_training_that_fills_the_disk_says_so_and_leaves_what_was(full: Full, tiny_shop: Path) -> None:
    registry = Registry(full.store)
    published, history = registry.current(), registry.history()
    # What is left is enough for a part of the reader's tables, and for a part of the bundle.
    for leave in (200_000, 600_000) if full.disk is not None else (5_000,):
        code, said = full.train(tiny_shop, leave)
        assert one_line(code, said), said
        assert "space" in said or "disk" in said
        assert (registry.versions(), registry.current(), registry.history()) == ([published], published, history)
        assert list(registry.work.iterdir()) == []
    assert full.train(tiny_shop, 8 * MIB)[0] == 0
    assert published != registry.current()
    assert registry.verify(str(registry.current())) == []


@pytest.mark.parametrize("full", WAYS, indirect=True)
def test_publishing_on_a_full_disk_changes_neither_model_nor_history(full: Full) -> None:
    registry = Registry(full.store)
    published = str(registry.current())
    before = {path.name: path.read_bytes() for path in full.store.iterdir() if path.is_file()}
    result = full.run("models", "publish", published)
    assert one_line(result.returncode, result.stderr), result.stderr
    assert "is not published" in result.stderr
    after = {path.name: path.read_bytes() for path in full.store.iterdir() if path.is_file()}
    assert after == before


@pytest.mark.parametrize("full", WAYS, indirect=True)
def test_an_import_on_a_full_disk_takes_nobody(full: Full, tmp_path: Path) -> None:
    open_database(None, full.store).dispose()
    people = tmp_path / "people.csv"
    rows = (f"n{number},n{number}@mail.example,1\n" for number in range(5_000))
    people.write_text("customer_id,email,email_ok\n" + "".join(rows), encoding="utf-8")
    result = full.run("customers", "import", people, leave=100_000)
    assert one_line(result.returncode, result.stderr), result.stderr
    if full.disk is not None:
        full.disk.free()
    assert customers_in(full.store) == 0
    assert full.run("customers", "import", people, leave=20 * MIB).returncode == 0
    assert customers_in(full.store) == 5_000


def customers_in(store: Path) -> int:
    database = open_database(None, store)
    with database.connect() as connection:
        found: int = connection.execute(sa.text("SELECT count(*) FROM customers")).scalar_one()
    database.dispose()
    return found


@pytest.mark.parametrize("full", WAYS, indirect=True)
def test_a_service_on_a_full_disk_recommends_refuses_events_and_recovers(full: Full) -> None:
    # Files that a worker makes when it starts, and its log's first bytes, are there before the disk is full.
    with serving(full.store, "--workers", "1") as service:
        workers = service.workers()
        acknowledged = post_until(service, 202, "before", most=1)
        full.fill(workers)
        refused: dict[str, str] = {}
        acknowledged += post_until(service, 503, "full", most=2_000, refused=refused)
        assert refused["retry-after"] == "5"
        assert service.get("/recommend?customer_id=coffee-1")[0] == 200
        assert service.get("/health/ready")[0] == 200
        full.free(workers)
        acknowledged += post_until(service, 202, "after", most=1)
        wait_until(lambda: service.get("/health/ready")[1]["problem"] is None)
    database = open_database(None, full.store)
    with database.connect() as connection:
        stored = set(connection.scalars(sa.text("SELECT event_id FROM events")))
        assert connection.scalar(sa.text("PRAGMA integrity_check")) == "ok"
    assert stored >= set(acknowledged)
    assert count(database) == len(stored)
    database.dispose()


def post_until(
    service: Service, status: int, name: str, *, most: int, refused: dict[str, str] | None = None
) -> list[str]:
    """Post events one by one until the answer is `status`; the ids of those that were acknowledged."""
    acknowledged = []
    for number in range(most):
        event = {"type": "view", "event_id": f"{name}-{number}", "session_id": "s1", "items": ["milk"] * 20}
        connection = http.client.HTTPConnection(service.address.removeprefix("http://"), timeout=30)
        connection.request("POST", "/events", json.dumps(event), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status in (202, 503)
        if answer.status == 202:
            acknowledged.append(event["event_id"])
        elif refused is not None:
            refused.update({name.lower(): value for name, value in answer.headers.items()})
        if answer.status == status:
            return [str(event_id) for event_id in acknowledged]
    raise AssertionError(f"no answer of {most} was {status}")


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
