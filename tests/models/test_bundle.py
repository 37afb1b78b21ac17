"""Bundles: whole or absent, checked, and with nothing in them that runs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.bundle import BundleWriter, Manifest, open_bundle
from models.errors import BundleError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = {"window": ("2026-01-01", "2026-02-28"), "counts": {"items": 2}, "settings": {}, "metrics": {}, "libraries": {}}


def seal(store: Path, value: float = 1.0, now: datetime = NOW) -> Manifest:
    with BundleWriter(store / "work") as writer:
        writer.add("popular", {"score": np.array([value, 2.0]), "none": np.zeros((0, 3), np.int32)})
        writer.add_document("report.txt", "fine")
        return writer.seal(store / "bundles", now=now, **FACTS)


def test_arrays_come_back_mapped_and_read_only(tmp_path: Path) -> None:
    manifest = seal(tmp_path)
    bundle = open_bundle(tmp_path / "bundles" / manifest.version)
    assert bundle.manifest == manifest
    assert bundle.arrays["popular.score"].tolist() == [1.0, 2.0]
    assert bundle.arrays["popular.none"].shape == (0, 3)
    assert not bundle.arrays["popular.score"].flags.writeable
    assert not bundle.arrays["popular.score"].flags.owndata


def test_the_version_names_time_and_content(tmp_path: Path) -> None:
    first = seal(tmp_path)
    later = seal(tmp_path, now=NOW.replace(minute=1))
    other = seal(tmp_path, value=3.0)
    assert first.version == f"20260301T120000Z-{first.content_sha256[:8]}"
    assert first.content_sha256 == later.content_sha256 != other.content_sha256


def test_an_unsealed_bundle_leaves_nothing(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "work") as writer:
        writer.add("popular", {"score": np.ones(3)})
    assert list((tmp_path / "work").iterdir()) == []
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize("name", ["popular.score.npy", "report.txt"])
def test_one_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bundles" / seal(tmp_path).version
    data = bytearray((path / name).read_bytes())
    data[-1] ^= 1
    (path / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{name}: sha256 is .* damaged"):
        open_bundle(path)


def test_a_truncated_array_is_refused_without_verifying(tmp_path: Path) -> None:
    path = tmp_path / "bundles" / seal(tmp_path).version
    data = (path / "popular.score.npy").read_bytes()
    (path / "popular.score.npy").write_bytes(data[:-4])
    with pytest.raises(BundleError, match="popular.score"):
        open_bundle(path, verify=False)


def test_an_array_of_objects_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "bundles" / seal(tmp_path).version
    np.save(path / "popular.score.npy", np.array([{"a": 1}, None], object), allow_pickle=True)
    with pytest.raises(BundleError, match="popular.score"):
        open_bundle(path, verify=False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bundles" / seal(tmp_path).version
    (path / "popular.none.npy").unlink()
    with pytest.raises(BundleError, match="popular.none.npy: No such file"):
        open_bundle(path)


def test_a_newer_format_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bundles" / seal(tmp_path).version
    table = json.loads((path / "manifest.json").read_text())
    table["format"] = 99
    (path / "manifest.json").write_text(json.dumps(table))
    with pytest.raises(BundleError, match="format 99 is newer than 1; upgrade recsvc"):
        open_bundle(path)


def test_a_bit_flipped_anywhere_in_the_manifest_is_found(tmp_path: Path) -> None:
    manifest = seal(tmp_path)
    text = (tmp_path / "bundles" / manifest.version / "manifest.json").read_bytes()
    assert Manifest.from_json(text.decode(), "here") == manifest
    for place in range(len(text)):
        flipped = bytearray(text)
        flipped[place] ^= 1 << place % 8
        with pytest.raises((UnicodeDecodeError, BundleError)):
            Manifest.from_json(flipped.decode(), "here")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "x"}', '{"format": 1}'])
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bundles" / seal(tmp_path).version
    (path / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match="manifest"):
        open_bundle(path)


def test_no_directory_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle is there"):
        open_bundle(tmp_path / "bundles" / "20260301T120000Z-00000000")
