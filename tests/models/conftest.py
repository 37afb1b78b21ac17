"""Registries of every kind, with several machines around them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.depot import Depot, FolderDepot, open_depot
from models.registry import Registry
from models.remote_registry import RemoteRegistry
from tests.conftest import require
from tests.conftest_bucket import Bucket
from tests.models.test_bundle import seal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Fleet:
    """Machines around one registry; where that is a plain store, one store."""

    folder: Path
    depot: Callable[[], Depot] | None

    def machine(self, name: str = "trainer") -> Registry:
        """A registry as another process sees it, on the machine of that name."""
        if self.depot is None:
            return Registry(self.folder / "store")
        return RemoteRegistry(self.folder / name, self.depot())

    def seal(self, n_bundles: int, value: float = 0.0) -> list[str]:
        """Bundles, an hour apart, that the trainer sealed and that are in the registry, but not published."""
        trainer = self.machine()
        sealed = [seal(trainer.store, value + n, NOW + timedelta(hours=n)).version for n in range(n_bundles)]
        for version in sealed:
            trainer.add(version)
        return sealed

    def spoil(self, version: str, file: str, data: bytes | None) -> None:
        """Overwrite a file in the registry, or remove it."""
        if self.depot is None:
            path = self.folder / "store" / "bundles" / version / file
            path.unlink() if data is None else path.write_bytes(data)
            return
        depot, name = self.depot(), f"bundles/{version}/{file}"
        depot.remove([name])
        if data is not None:
            assert depot.create(name, data)


@pytest.fixture(params=["store", "folder", "memory", "s3"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Fleet:
    return fleet_of(request, tmp_path)


@pytest.fixture(params=["folder", "memory", "s3"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Fleet:
    return fleet_of(request, tmp_path)


def fleet_of(request: pytest.FixtureRequest, folder: Path) -> Fleet:
    match request.param:
        case "folder":
            (folder / "mounted").mkdir()
            return Fleet(folder, lambda: FolderDepot(folder / "mounted"))
        case "memory":
            require(find_spec("obstore"), "the extra object-storage")
            from obstore.store import MemoryStore

            from models.object_depot import ObjectDepot

            store = MemoryStore()
            return Fleet(folder, lambda: ObjectDepot(store, "memory://models"))
        case "s3":
            bucket: Bucket = request.getfixturevalue("bucket")
            monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
            for name, value in bucket.environment.items():
                monkeypatch.setenv(name, value)
            url = bucket.new_prefix()
            return Fleet(folder, lambda: open_depot(url))
    return Fleet(folder, None)
