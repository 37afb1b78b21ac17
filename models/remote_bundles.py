"""Bundles in a depot: `bundles/<version>/` with the manifest stored last, without which a version is not there."""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from models.bundle import MANIFEST, Manifest, open_bundle, sync_directory
from models.depot import Depot
from models.errors import BundleError
from models.registry import VERSION

FILE_NAME = re.compile(r"\w[\w.-]*")
AT_ONCE = 4  # files that are fetched or stored at once
STRANDED = timedelta(days=1)  # after which an upload that has no manifest yet was given up


class RemoteBundles:
    """What of bundles lies in a depot. Everything raises UnreachableError when that does not answer."""

    def __init__(self, depot: Depot) -> None:
        self._depot = depot
        self._manifests: dict[str, Manifest] = {}  # they never change

    def place(self, version: str) -> str:
        """Where a version lies."""
        return f"{self._depot.url}/bundles/{version}"

    def versions(self) -> list[str]:
        """All versions whose manifest is there, oldest first."""
        found = [name for name in self._depot.folders("bundles") if VERSION.fullmatch(name)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [version for version, whole in zip(found, pool.map(self._is_complete, found), strict=True) if whole]

    def manifest(self, version: str) -> Manifest:
        """Raises FileNotFoundError where there is none, and BundleError where it cannot be used."""
        if version not in self._manifests:
            self._manifests[version] = self._read(version)
        return self._manifests[version]

    def missing(self, version: str) -> list[str]:
        """The files of a version that are not there, by their full names."""
        prefix = f"bundles/{version}"
        present = set(self._depot.names(prefix))
        return [name for file in self.manifest(version).checksums() if (name := f"{prefix}/{file}") not in present]

    def problems(self, version: str) -> list[str]:
        """Read every file, and say what is wrong with it."""
        try:
            manifest = self._read(version)
        except FileNotFoundError:
            return [f"{self.place(version)}: no bundle is there (no {MANIFEST}); see `recsvc models list`"]
        except BundleError as error:
            return [str(error)]
        found = []
        for file in manifest.checksums():
            try:
                self._copy(version, file, manifest, lambda _: None)
            except BundleError as error:
                found.append(str(error))
        return found

    def fetch(self, version: str, folder: Path) -> None:
        """Copy a version into an empty folder, synced to disk; raises BundleError where a file is missing or not what
        the manifest says."""
        try:
            manifest = self.manifest(version)
            text = self._object(version)
        except FileNotFoundError:
            raise BundleError(f"{self.place(version)}: no bundle is there; see `recsvc models list`") from None

        def fetch_file(file: str) -> None:
            with (folder / file).open("xb") as out:
                self._copy(version, file, manifest, out.write)
                out.flush()
                os.fsync(out.fileno())

        _in_parallel(fetch_file, manifest.checksums())
        with (folder / MANIFEST).open("xb") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        sync_directory(folder)

    def upload(self, path: Path) -> None:
        """Store a bundle of this machine, once more perhaps; raises BundleError where it is damaged, or another one of
        that name is there."""
        bundle = open_bundle(path)
        prefix = f"bundles/{path.name}"
        _in_parallel(lambda file: self._depot.upload(path / file, f"{prefix}/{file}"), bundle.manifest.checksums())
        own = (path / MANIFEST).read_bytes()
        if not self._depot.create(f"{prefix}/{MANIFEST}", own) and self._object(path.name) != own:
            raise BundleError(f"{self.place(path.name)} is there already and another one; train again")

    def remove(self, version: str) -> None:
        """Remove the manifest first: from then on the version is not there."""
        self._depot.remove([f"bundles/{version}/{MANIFEST}"])
        self._manifests.pop(version, None)
        self._depot.remove(self._depot.names(f"bundles/{version}"))

    def stranded(self, versions: list[str]) -> list[str]:
        """Uploads without a manifest that are older than the newest version by more than STRANDED: nobody goes on."""
        if not versions:
            return []
        newest = _time_of(versions[-1])
        found = (name for name in self._depot.folders("bundles") if VERSION.fullmatch(name) and name not in versions)
        return [name for name in found if _time_of(name) < newest - STRANDED]

    def _is_complete(self, version: str) -> bool:
        with contextlib.suppress(BundleError):  # it is there, though this recsvc cannot read it
            try:
                self.manifest(version)
            except FileNotFoundError:
                return False
        return True

    def _object(self, version: str) -> bytes:
        found = self._depot.read(f"bundles/{version}/{MANIFEST}")
        assert found is not None
        return found.data

    def _read(self, version: str) -> Manifest:
        place = f"{self.place(version)}/{MANIFEST}"
        manifest = Manifest.from_json(self._object(version).decode("utf-8", "replace"), place)
        strange = [file for file in manifest.checksums() if not FILE_NAME.fullmatch(file)]
        if strange or manifest.version != version:
            raise BundleError(
                f"{place}: names {(strange or [manifest.version])[0][:100]!r}, which cannot be; train again"
            )
        return manifest

    def _copy(self, version: str, file: str, manifest: Manifest, write: Callable[[bytes], object]) -> None:
        digest, place = hashlib.sha256(), f"{self.place(version)}/{file}"
        try:
            for chunk in self._depot.chunks(f"bundles/{version}/{file}"):
                digest.update(chunk)
                write(chunk)
        except FileNotFoundError:
            raise BundleError(f"{place}: is not there, though the manifest names it; train again") from None
        found, expected = digest.hexdigest(), manifest.checksums()[file]
        if found != expected:
            raise BundleError(
                f"{place}: sha256 is {found[:12]}…, but the manifest says {expected[:12]}…; the file is damaged"
            )


def _time_of(version: str) -> datetime:
    try:
        return datetime.strptime(version[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # no such time; nothing that a training wrote
        return datetime.min.replace(tzinfo=UTC) + 2 * STRANDED


def _in_parallel(do: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tasks = [pool.submit(do, name) for name in names]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
