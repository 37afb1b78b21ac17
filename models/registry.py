"""The registry: which bundles there are, and which one is published."""

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.bundle import Bundle, Manifest, open_bundle, problems_of, read_manifest, sync_directory
from models.errors import BundleError, InputError, RefusedError

VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True)
class Publication:
    """One line of the history: `version` became current at `at` (ISO, UTC), because `why`."""

    version: str
    at: str
    why: str


class Registry:
    """Bundles under `$RECSVC_STORE`: published by atomically replacing the one-line file `current`.

    Publishing, rolling back and pruning take a file lock, so that two trainers cannot interleave; readers take none.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.bundles = store / "bundles"
        self.work = store / "work"
        self._current = store / "current"
        self._history = store / "history.jsonl"

    def versions(self) -> list[str]:
        """All versions, oldest first."""
        if not self.bundles.is_dir():
            return []
        return sorted(entry.name for entry in self.bundles.iterdir() if VERSION.fullmatch(entry.name))

    def current(self) -> str | None:
        """The published version, or None when nothing is published."""
        try:
            text = self._current.read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not VERSION.fullmatch(text):
            raise BundleError(
                f"{self._current} holds {text[:60]!r}, not a version; mend it with `recsvc models publish VERSION`"
            )
        return text

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever `current` is replaced: inode and time; one stat call, for workers that look often."""
        try:
            status = os.stat(self._current)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_ino, status.st_mtime_ns

    def path(self, version: str) -> Path:
        """The directory of a version, which may be given by an unambiguous beginning; raises InputError."""
        matches = [known for known in self.versions() if known == version or (version and known.startswith(version))]
        if version in matches:
            return self.bundles / version
        if len(matches) != 1:
            found = f"fits {len(matches)} versions" if matches else "is not in the registry"
            raise InputError(f"model version {version!r} {found}; see `recsvc models list`")
        return self.bundles / matches[0]

    def manifest(self, version: str) -> Manifest:
        return read_manifest(self.path(version))

    def open(self, version: str | None = None, *, verify: bool = True) -> Bundle:
        """Open a version, the published one by default; raises RefusedError when nothing is published."""
        version = version or self.current()
        if version is None:
            raise RefusedError(f"no model is published in {self.store}; train one with `recsvc train --purchases FILE`")
        return open_bundle(self.path(version), verify=verify)

    def history(self) -> list[Publication]:
        """All publications, oldest first; a line that a crash cut short is left out."""
        try:
            lines = self._history.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        known = []
        for line in lines:
            with contextlib.suppress(ValueError, KeyError):
                entry = json.loads(line)
                known.append(Publication(entry["version"], entry["at"], entry["why"]))
        return known

    def publish(self, version: str, *, why: str, now: datetime) -> str:
        """Verify a version and make it current; returns its full name. Raises BundleError if it is damaged."""
        path = self.path(version)
        open_bundle(path)
        with self._lock():
            self._make_current(path.name, why, now)
        return path.name

    def rollback(self, *, now: datetime) -> str:
        """Publish again what was current before; raises RefusedError when there is nothing to go back to."""
        with self._lock():
            current = self.current()
            present = set(self.versions())
            undone = {current}
            for entry in reversed(self.history()):
                if entry.why.startswith("rollback from "):
                    undone.add(entry.why.removeprefix("rollback from "))
                if entry.version not in undone and entry.version in present:
                    open_bundle(self.bundles / entry.version)
                    self._make_current(entry.version, f"rollback from {current}", now)
                    return entry.version
        if current is None:
            raise RefusedError("nothing is published, so there is nothing to go back from; see `recsvc models list`")
        raise RefusedError(f"nothing was published before {current}; see `recsvc models list`")

    def verify(self, version: str) -> list[str]:
        """What is wrong with a version, a sentence each; empty when it is sound."""
        path = self.path(version)
        try:
            return list(problems_of(path, read_manifest(path)))
        except BundleError as error:
            return [str(error)]

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` versions, the published one and the one before it; returns what went."""
        with self._lock():
            current = self.current()
            published = [entry.version for entry in self.history() if entry.version != current]
            kept = {current, *self.versions()[max(0, len(self.versions()) - keep) :], *published[-1:]}
            gone = [version for version in self.versions() if version not in kept]
            for version in gone:
                self._remove(self.bundles / version)
        return gone

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A directory for one training, removed at the end; first removes those that killed trainings left.

        Its owner holds a lock on it, so that a training on another host or in another container is not disturbed.
        """
        with self._lock():
            self._clean()
            path = self.work / f"run-{os.urandom(8).hex()}"
            path.mkdir(parents=True)
            owner = (path / "lock").open("w")
            fcntl.flock(owner, fcntl.LOCK_EX)
        with owner:
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def _clean(self) -> None:
        for path in self.work.glob("*"):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), (path / "lock").open("r") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            if not (path / "lock").exists():
                shutil.rmtree(path, ignore_errors=True)

    def _make_current(self, version: str, why: str, now: datetime) -> None:
        line = json.dumps({"version": version, "at": now.astimezone(UTC).isoformat(), "why": why}).encode() + b"\n"
        history = self._history.read_bytes() if self._history.exists() else b""
        if history and not history.endswith(b"\n"):  # a line that a crash cut short must not swallow this one
            line = b"\n" + line
        # Both are on the disk before either takes its place: where the disk is full, neither changes.
        replacements = {self._current: version.encode() + b"\n", self._history: history + line}
        temporaries = {path.with_name(f".{path.name}.new"): path for path in replacements}
        try:
            for temporary, path in temporaries.items():
                _write_synced(temporary, replacements[path])
        except OSError as error:
            for temporary in temporaries:
                temporary.unlink(missing_ok=True)
            raise BundleError(
                f"{version} is not published: {self.store} cannot be written ({error.strerror}); "
                "what was published before still is"
            ) from None
        for temporary, path in temporaries.items():
            os.replace(temporary, path)
        sync_directory(self.store)

    def _remove(self, path: Path) -> None:
        # Renamed first: a kill in the middle leaves no half bundle under a version's name.
        self.work.mkdir(parents=True, exist_ok=True)
        doomed = self.work / f"removed-{os.urandom(8).hex()}"
        os.rename(path, doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.store.mkdir(parents=True, exist_ok=True)
        with (self.store / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
