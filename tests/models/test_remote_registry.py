"""What registries keep to besides that several machines share."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.bundle import Manifest
from models.depot import Depot, FolderDepot, open_depot
from models.errors import BundleError, InputError, RefusedError, UnreachableError
from models.remote_registry import RemoteRegistry
from tests.conftest_bucket import Bucket
from tests.models.conftest import NOW, Fleet
from tests.models.test_bundle import seal

pytestmark = pytest.mark.timeout(120)


class Spoilt:
    """A depot that does something else where a test says so."""

    def __init__(self, depot: Depot, **instead: Any) -> None:
        self._depot, self._instead = depot, instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._depot, name)


def remote(fleet: Fleet, name: str = "server") -> RemoteRegistry:
    registry = fleet.machine(name)
    assert isinstance(registry, RemoteRegistry)
    return registry


def copies(registry: RemoteRegistry) -> list[str]:
    """The bundles on its machine, and what lies about besides."""
    lying = [path.name for path in registry.work.iterdir()] if registry.work.exists() else []
    return registry.copies.versions() + lying


def test_a_damaged_file_is_never_served_and_a_mended_one_is(shared: Fleet) -> None:
    first, second = shared.seal(2)
    server, trainer = remote(shared), remote(shared, "trainer")
    trainer.publish(first, why="trained", now=NOW)
    assert server.follow() == first
    trainer.publish(second, why="trained", now=NOW)
    whole = (trainer.bundles / second / "popular.score.npy").read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", None):
        shared.spoil(second, "popular.score.npy", broken)
        with pytest.raises(BundleError, match="popular.score.npy"):
            server.follow()
        assert server.copies.current() == first
        assert copies(server) == [first]
    shared.spoil(second, "popular.score.npy", whole)
    assert server.follow() == second
    assert server.copies.open().version == second


def test_an_upload_without_its_manifest_is_no_version(shared: Fleet) -> None:
    trainer = remote(shared, "trainer")
    version = seal(trainer.store, 1.0, NOW).version
    trainer.depot.upload(trainer.bundles / version / "report.txt", f"bundles/{version}/report.txt")
    assert remote(shared).versions() == []
    trainer.add(version)
    trainer.add(version)
    assert remote(shared).versions() == [version]


def test_a_model_that_could_not_be_uploaded_is_kept_and_publishing_uploads_it(shared: Fleet) -> None:
    trainer = remote(shared, "trainer")
    version = seal(trainer.store, 1.0, NOW).version
    assert remote(shared).versions() == []
    assert trainer.publish(version, why="by hand", now=NOW) == version
    assert remote(shared).open().version == version


def test_what_was_pruned_is_not_published_from_a_copy(shared: Fleet) -> None:
    versions = shared.seal(4)
    trainer = remote(shared, "trainer")
    for version in versions[:3]:
        trainer.publish(version, why="trained", now=NOW)
    assert remote(shared).prune(1) == [versions[0]]
    with pytest.raises(InputError, match="removed by `recsvc models prune`"):
        trainer.publish(versions[0], why="by hand", now=NOW)
    assert remote(shared).versions() == versions[1:]


def test_prune_clears_uploads_that_were_given_up(shared: Fleet) -> None:
    trainer = remote(shared, "trainer")
    for age, name in ((3, "old"), (0, "running")):
        version = seal(trainer.store / name, float(age), NOW - timedelta(days=age)).version
        upload = trainer.store / name / "bundles" / version / "report.txt"
        trainer.depot.upload(upload, f"bundles/{version}/report.txt")
    shared.seal(1, 7.0)
    assert trainer.prune(1) == []
    left = {name.split("/")[1][:8] for name in trainer.depot.names("bundles")}
    assert left == {"20260301"}


def test_copies_that_nobody_needs_are_removed(shared: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = shared.seal(4)
    server = remote(shared)
    for version in versions[:3]:
        server.publish(version, why="trained", now=NOW)
        server.follow()
    server.fetch(versions[3])
    own = seal(server.store, 9.0, NOW + timedelta(days=1)).version
    assert server.evict() == []
    monkeypatch.setattr("models.remote_registry.IN_USE", -1.0)
    assert server.evict(wanted=[versions[3]]) == [versions[0]]
    assert server.evict() == [versions[3]]
    assert server.copies.versions() == [versions[1], versions[2], own]


def test_a_trainer_keeps_no_copy_of_every_model_that_it_made(shared: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = shared.seal(4)
    trainer = remote(shared, "trainer")
    trainer.publish(versions[1], why="trained", now=NOW)
    monkeypatch.setattr("models.remote_registry.IN_USE", -1.0)
    new = seal(trainer.store, 9.0, NOW + timedelta(days=1)).version
    trainer.add(new)
    assert trainer.copies.versions() == [versions[1], new]
    assert trainer.versions() == [*versions, new]
    assert remote(shared).prune(1) == [versions[0], versions[2], versions[3]]
    assert trainer.prune(1) == []
    assert trainer.copies.versions() == [versions[1]]


def test_a_slow_process_does_not_put_an_older_model_back(shared: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = shared.seal(2)
    quick, slow = remote(shared), remote(shared)
    quick.publish(first, why="trained", now=NOW)
    fetch = slow.fetch

    def fetch_while_others_publish(version: str) -> Path:
        path = fetch(version)
        if version == first:
            quick.publish(second, why="trained", now=NOW)
            quick.follow()
        return path

    monkeypatch.setattr(slow, "fetch", fetch_while_others_publish)
    served: list[str] = []
    put = slow.serve_from_here

    def serve(version: str) -> None:
        served.append(version)
        put(version)

    monkeypatch.setattr(slow, "serve_from_here", serve)
    assert slow.follow() == second
    assert served == []
    assert slow.copies.current() == second


def test_a_pointer_that_was_damaged_is_mended_by_publishing(shared: Fleet) -> None:
    (version,) = shared.seal(1)
    server = remote(shared)
    server.publish(version, why="trained", now=NOW)
    for damage, says in (
        (b"20260301", "recsvc models publish"),
        (b'{"format": 2}', "upgrade recsvc"),
        (b'{"format": 1, "publications": [{"version": "../x", "at": "", "why": ""}], "gone": []}', "not a version"),
    ):
        server.depot.remove(["current.json"])
        server.depot.create("current.json", damage)
        with pytest.raises(BundleError, match=says):
            remote(shared).current()
    server.publish(version, why="mended", now=NOW)
    assert [entry.why for entry in remote(shared).history()] == ["mended"]


@pytest.mark.parametrize("file", ["../evil", "a/b", "..", ".hidden", ""])
def test_a_manifest_cannot_write_elsewhere(shared: Fleet, file: str) -> None:
    (version,) = shared.seal(1)
    trainer = remote(shared, "trainer")
    manifest = trainer.manifest(version)
    evil = replace(manifest, documents={file: manifest.documents["report.txt"]})
    trainer.publish(version, why="trained", now=NOW)
    shared.spoil(version, "manifest.json", evil.as_json().encode())
    with pytest.raises(BundleError, match="cannot be"):
        remote(shared).follow()
    assert copies(remote(shared)) == []


def test_a_store_that_ignores_conditions_is_refused(shared: Fleet) -> None:
    first, second = shared.seal(2)
    depot = remote(shared).depot

    def careless(name: str, data: bytes, mark: str) -> bool:
        depot.remove([name])
        return depot.create(name, data)

    registry = RemoteRegistry(shared.folder / "laptop", Spoilt(depot, replace=careless))
    registry.publish(first, why="trained", now=NOW)
    with pytest.raises(RefusedError, match="If-Match"):
        registry.publish(second, why="trained", now=NOW)
    assert registry.current() == first


def test_another_bundle_of_the_same_name_is_not_overwritten(shared: Fleet) -> None:
    (version,) = shared.seal(1)
    depot = remote(shared).depot
    name = f"bundles/{version}/manifest.json"
    kept = depot.read(name)
    assert kept is not None
    depot.remove([name])
    depot.create(name, kept.data + b"\n")
    with pytest.raises(BundleError, match="another one"):
        remote(shared, "trainer").add(version)


def test_a_manifest_of_a_newer_format_is_listed_and_not_served(shared: Fleet) -> None:
    (version,) = shared.seal(1)
    trainer = remote(shared, "trainer")
    text = (trainer.bundles / version / "manifest.json").read_text()
    trainer.publish(version, why="trained", now=NOW)
    shared.spoil(version, "manifest.json", text.replace(f'"format": {Manifest.format}', '"format": 99').encode())
    server = remote(shared)
    assert server.versions() == [version]
    with pytest.raises(BundleError, match="newer than"):
        server.follow()


@pytest.fixture
def frozen(bucket: Bucket) -> Iterator[Bucket]:
    """A bucket that a test may freeze."""
    yield bucket
    bucket.thaw()


def test_while_the_store_is_down_copies_go_on_and_nothing_is_changed(
    frozen: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("models.object_depot.QUESTION_SECONDS", 1)
    monkeypatch.setattr("models.object_depot.PART_SECONDS", 1)
    monkeypatch.setattr("models.object_depot.MOST_RETRIES", 0)
    for name, value in frozen.environment.items():
        monkeypatch.setenv(name, value)
    url = frozen.new_prefix()
    trainer, server, late = (RemoteRegistry(tmp_path / name, open_depot(url)) for name in ("trainer", "server", "late"))
    first, second = (seal(trainer.store, value, NOW + timedelta(hours=value)).version for value in (0.0, 1.0))
    for version in (first, second):
        trainer.add(version)
    trainer.publish(first, why="trained", now=NOW)
    assert server.open().version == first
    frozen.freeze()
    with pytest.raises(UnreachableError, match="does not answer"):
        server.current()
    assert server.open().version == first
    assert f"going on with {first}" in caplog.text
    for ask in (late.open, lambda: trainer.publish(second, why="trained", now=NOW)):
        with pytest.raises(UnreachableError, match="s3://"):
            ask()
    third = seal(trainer.store, 2.0, NOW + timedelta(hours=2)).version
    with pytest.raises(UnreachableError, match=f"recsvc models publish {third}"):
        trainer.add(third)
    frozen.thaw()
    assert server.current() == first
    assert trainer.publish(third, why="by hand", now=NOW) == third
    assert server.open().version == third


def test_a_download_that_was_killed_leaves_nothing_that_is_served(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    fleet = Fleet(tmp_path, lambda: FolderDepot(tmp_path / "mounted"))
    (version,) = fleet.seal(1)
    remote(fleet, "trainer").publish(version, why="trained", now=NOW)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from models.depot import FolderDepot; from models.remote_registry import RemoteRegistry\n"
        "class Slow(FolderDepot):\n"
        "    def chunks(self, name):\n"
        "        yield from super().chunks(name)\n"
        "        if name.endswith('report.txt'): print('half', flush=True); time.sleep(60)\n"
        "RemoteRegistry(Path(sys.argv[1]), Slow(Path(sys.argv[2]))).follow()\n"
    )
    where = [str(tmp_path / "server"), str(tmp_path / "mounted")]
    child = subprocess.Popen([sys.executable, "-c", program, *where], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    child.kill()
    child.communicate()
    server = remote(fleet)
    assert server.copies.versions() == []
    assert server.copies.current() is None
    assert len(list(server.work.glob(f"run-*/{version}/*.npy"))) > 0
    assert server.follow() == version
    assert copies(server) == [version]
