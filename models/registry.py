"""The registry: which bundles there are, and which one is published."""

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.bundle import (
    Bundle,
    Manifest,
    open_bundle,
    problems_of,
    read_manifest,
    sync_directory,
    write_replacing,
)
from models.checked import forget_checked
from models.erased import ErasedIds
from models.errors import BundleError, InputError, RefusedError

VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
UNDOING = "rollback from "  # and the version that is undone: why a rollback published


@dataclass(frozen=True)
class Publication:
    """One line of the history: `version` became current at `at` (ISO, UTC), because `why`."""

    version: str
    at: str
    why: str


def published_before(history: Sequence[Publication], current: str | None, present: Set[str]) -> str:
    """What a rollback goes back to: published last before `current`, not undone by a rollback since, and still there.

    Raises RefusedError where there is nothing.
    """
    undone = {current}
    for entry in reversed(history):
        if entry.why.startswith(UNDOING):
            undone.add(entry.why.removeprefix(UNDOING))
        if entry.version not in undone and entry.version in present:
            return entry.version
    if current is None:
        raise RefusedError("nothing is published, so there is nothing to go back from; see `recsvc models list`")
    raise RefusedError(f"nothing was published before {current}; see `recsvc models list`")


def superfluous(versions: Sequence[str], history: Sequence[Publication], current: str | None, keep: int) -> list[str]:
    """All versions but the newest `keep`, the published one and the one before it."""
    published = [entry.version for entry in history if entry.version != current]
    kept = {current, *versions[max(0, len(versions) - keep) :], *published[-1:]}
    return [version for version in versions if version not in kept]


def one_of(versions: Sequence[str], wanted: str) -> str:
    """The version that is or begins with `wanted`; raises InputError where that is none or several."""
    matches = [known for known in versions if known == wanted or (wanted and known.startswith(wanted))]
    if wanted in matches:
        return wanted
    if len(matches) != 1:
        found = f"fits {len(matches)} versions" if matches else "is not in the registry"
        raise InputError(f"model version {wanted!r} {found}; see `recsvc models list`")
    return matches[0]


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

    def find(self, version: str) -> str:
        """The full name of a version, which may be given by an unambiguous beginning; raises InputError."""
        return one_of(self.versions(), version)

    def path(self, version: str) -> Path:
        """The directory of a version on this machine; raises InputError."""
        return self.bundles / self.find(version)

    def place(self, version: str) -> str:
        """Where a version lies, for people to read; raises InputError."""
        return str(self.path(version))

    def manifest(self, version: str) -> Manifest:
        return read_manifest(self.path(version))

    def open(self, version: str | None = None, *, verify: bool = True) -> Bundle:
        """Open a version, the published one by default; raises RefusedError when nothing is published."""
        version = version or self.current()
        if version is None:
            raise RefusedError(f"no model is published in {self.store}; train one with `recsvc train --purchases FILE`")
        return open_bundle(self.path(version), verify=verify, again=False)

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

    def add(self, version: str) -> None:
        """Let other machines have a version that was sealed here; nothing to do where the store is all there is."""

    def publish(self, version: str, *, why: str, now: datetime) -> str:
        """Verify a version and make it current; returns its full name. Raises BundleError if it is damaged."""
        path = self.path(version)
        open_bundle(path)
        with self.lock():
            self._make_current(path.name, why, now)
        return path.name

    def rollback(self, *, now: datetime) -> str:
        """Publish again what was current before; raises RefusedError when there is nothing to go back to."""
        with self.lock():
            current = self.current()
            version = published_before(self.history(), current, set(self.versions()))
            open_bundle(self.bundles / version)
            self._make_current(version, UNDOING + str(current), now)
        return version

    def erase(self, customer_id: str) -> None:
        """Let nothing know this customer any more, on whatever machine."""
        ErasedIds(self.store).add(customer_id)

    def learn_erased(self) -> None:
        """Bring what this machine knows of erased customers up to date; nothing to do with a store alone."""

    def verify(self, version: str) -> list[str]:
        """What is wrong with a version, a sentence each; empty when it is sound."""
        path = self.path(version)
        try:
            return list(problems_of(path, read_manifest(path)))
        except BundleError as error:
            return [str(error)]

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` versions, the published one and the one before it; returns what went."""
        with self.lock():
            gone = superfluous(self.versions(), self.history(), self.current(), keep)
            for version in gone:
                self.drop(version)
        return gone

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A directory for one training, removed at the end; first removes those that killed trainings left.

        Its owner holds a lock on it, so that a training on another host or in another container is not disturbed.
        """
        with self.lock():
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

    def serve_from_here(self, version: str) -> None:
        """Replace `current` alone; for a copy of another registry, which holds the lock and keeps the history."""
        write_replacing(self._current, [version.encode() + b"\n"])

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

    def drop(self, version: str) -> None:
        """Remove a version's files. It is renamed first: a kill in the middle leaves no half bundle under its name."""
        self.work.mkdir(parents=True, exist_ok=True)
        doomed = self.work / f"removed-{os.urandom(8).hex()}"
        os.rename(self.bundles / version, doomed)
        forget_checked(self.bundles / version)
        shutil.rmtree(doomed, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store's lock: whoever publishes, rolls back or prunes on this machine waits."""
        self.store.mkdir(parents=True, exist_ok=True)
        with (self.store / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
