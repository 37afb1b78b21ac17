"""A bundle is compared with its checksums once a machine, and again when a file is not the one that it was."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models import bundle as bundle_module
from models.bundle import MANIFEST
from models.checked import FOLDER
from models.errors import BundleError
from models.registry import Registry
from tests.models.test_bundle import seal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read to be compared, in order."""
    found: list[str] = []
    sha256_of = bundle_module.sha256_of

    def noted(path: Path) -> str:
        found.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(bundle_module, "sha256_of", noted)
    return found


def test_what_was_published_here_is_opened_without_reading_it_all(tmp_path: Path, hashed: list[str]) -> None:
    registry, version = Registry(tmp_path), seal(tmp_path, 1.0, NOW).version
    registry.publish(version, why="trained", now=NOW)
    assert hashed
    hashed.clear()
    for _ in range(2):
        assert registry.open().version == version
    assert hashed == []
    assert registry.verify(version) == []
    assert hashed
    registry.publish(version, why="again", now=NOW)


@pytest.mark.parametrize("name", ["popular.score.npy", MANIFEST])
def test_a_changed_file_is_compared_anew_though_it_looks_the_same(tmp_path: Path, hashed: list[str], name: str) -> None:
    registry, version = Registry(tmp_path), seal(tmp_path, 1.0, NOW).version
    registry.publish(version, why="trained", now=NOW)
    changed = registry.path(version) / name
    before, content = changed.stat(), changed.read_bytes()
    hashed.clear()
    changed.write_bytes(content)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    registry.open()
    assert hashed
    (registry.path(version) / "popular.score.npy").write_bytes(b"\xff" * 3)
    for _ in range(2):
        with pytest.raises(BundleError, match="damaged"):
            registry.open()


def test_what_is_unpublished_is_compared_when_it_is_opened_first(tmp_path: Path, hashed: list[str]) -> None:
    registry, version = Registry(tmp_path), seal(tmp_path, 1.0, NOW).version
    registry.open(version)
    assert hashed
    hashed.clear()
    registry.open(version)
    assert hashed == []
    registry.open(version, verify=False)


def test_a_store_that_cannot_be_written_is_served_all_the_same(tmp_path: Path, hashed: list[str]) -> None:
    registry, version = Registry(tmp_path), seal(tmp_path, 1.0, NOW).version
    (tmp_path / FOLDER).write_text("no folder can be here")
    for _ in range(2):
        hashed.clear()
        assert registry.open(version).version == version
        assert hashed


def test_what_is_pruned_is_forgotten(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    versions = [seal(tmp_path, float(n), NOW + timedelta(hours=n)).version for n in range(3)]
    for version in versions:
        registry.publish(version, why="trained", now=NOW)
    registry.prune(1)
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == registry.versions()
