"""Addresses of registries, and a directory that is not mounted."""

import sys
from pathlib import Path

import pytest

from models.depot import FolderDepot, open_depot
from models.errors import SettingsError, UnreachableError
from models.registry import Registry
from models.remote_registry import RemoteRegistry, open_registry
from tests.models.conftest import NOW


def test_a_directory_that_is_not_mounted_is_no_empty_registry(tmp_path: Path) -> None:
    registry = RemoteRegistry(tmp_path / "store", FolderDepot(tmp_path / "mounted"))
    (tmp_path / "store").mkdir()
    for ask in (registry.current, registry.versions, registry.open, lambda: registry.rollback(now=NOW)):
        with pytest.raises(UnreachableError, match="mount it, or make it with `mkdir"):
            ask()
    assert not (tmp_path / "mounted").exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("models", "expected s3://"),
        ("s3://", "expected s3://"),
        ("file://models", "expected s3://"),
        ("file:///", "expected s3://"),
        ("ftp://user:geheim@host/models", "ftp://host/models"),
        ("gs:/models", "expected s3://"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        open_depot(url)
    assert "geheim" not in str(refused.value)


def test_without_the_extra_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "models.object_depot", None)
    with pytest.raises(SettingsError, match=r"pip install 'recsvc\[object-storage\]'"):
        open_depot("s3://models/shop")


def test_the_variable_chooses_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(open_registry(tmp_path)) is Registry
    monkeypatch.setenv("RECSVC_REGISTRY", f"file://{tmp_path}/with%20space")
    registry = open_registry(tmp_path)
    assert isinstance(registry, RemoteRegistry)
    assert isinstance(registry.depot, FolderDepot)
    assert registry.depot.root == tmp_path / "with space"
