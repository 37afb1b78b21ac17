"""A registry that several machines share, and a copy on this one of what it needs to serve.

```
<depot>
├── bundles/<version>/{*.npy, documents, manifest.json}    see models.remote_bundles
├── current.json                                           what is published, and the history (models.pointer)
└── erased                                                 keyed hashes of who was forgotten (models.erased)
```
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from models.bundle import MANIFEST, Bundle, Manifest, open_bundle, read_manifest, sync_directory, write_replacing
from models.depot import REGISTRY, Depot, open_depot
from models.erased import ERASED, SHARED, with_customer
from models.errors import BundleError, RecsvcError, RefusedError, UnreachableError
from models.pointer import Pointer
from models.registry import UNDOING, VERSION, Publication, Registry, one_of, published_before, superfluous
from models.remote_bundles import RemoteBundles
from models.shared_object import SharedObject

log = logging.getLogger(__name__)

POINTER = "current.json"
IN_USE = 3600.0  # seconds that the copy of a model which a command opened is kept
Result = TypeVar("Result")


class RemoteRegistry(Registry):
    """Bundles in a depot. `store` holds this machine's copies and its own `current`, which `follow` brings up to date.

    `open` goes on with the copy while the depot does not answer, and says so in the log; everything else raises
    UnreachableError.
    """

    def __init__(self, store: Path, depot: Depot) -> None:
        super().__init__(store)
        self.depot = depot
        self.copies = Registry(store)
        self.remote = RemoteBundles(depot)
        self._pointer = SharedObject(depot, POINTER)
        self._erased = SharedObject(depot, ERASED)

    def look(self) -> Pointer:
        """What is published now: one small question, and an answer without a body where nothing changed."""
        return self._read(self._pointer.read())

    def current(self) -> str | None:
        return self.look().current

    def history(self) -> list[Publication]:
        return list(self.look().publications)

    def versions(self) -> list[str]:
        gone: tuple[str, ...] = ()
        with contextlib.suppress(BundleError):  # a damaged pointer hides nothing
            gone = self.look().gone
        return [version for version in self.remote.versions() if version not in gone]

    def place(self, version: str) -> str:
        return self.remote.place(self._full_name(version))

    def path(self, version: str) -> Path:
        """The directory of the copy on this machine, which is fetched where there is none."""
        return self.fetch(self._full_name(version))

    def manifest(self, version: str) -> Manifest:
        version = self._full_name(version)
        if self._is_here(version):
            return read_manifest(self.bundles / version)
        return self.remote.manifest(version)

    def open(self, version: str | None = None, *, verify: bool = True) -> Bundle:
        name = self._full_name(version) if version else self._followed()
        if name is None:
            raise RefusedError(
                f"no model is published in {self.depot.url}; train one with `recsvc train --purchases FILE`"
            )
        path = self.fetch(name)
        with contextlib.suppress(OSError):
            os.utime(path)  # so that `evict` leaves what is in use
        return open_bundle(path, verify=verify, again=False)

    def follow(self) -> str | None:
        """Fetch what is published, if need be, and let this machine serve it; returns the version, None for none.

        Raises BundleError where a file is damaged, and UnreachableError: then `current` stays as it was.
        """
        while (name := self.current()) is not None:
            self.fetch(name)
            with self.copies.lock():
                # Looked at again: a slow process must not put back what another one has replaced.
                if self.current() == name:
                    self._serve(name)
                    return name
        return None

    def fetch(self, version: str) -> Path:
        """The directory of a copy whose every file has the manifest's checksum; nobody sees one that is not whole."""
        target = self.bundles / version
        if self._is_here(version):
            return target
        started = time.perf_counter()
        try:
            with self.workspace() as work:
                folder = work / version
                folder.mkdir()
                self.remote.fetch(version, folder)
                self._take(folder, target)
        except OSError as error:
            problem = (error.strerror or str(error)).lower()
            raise RefusedError(f"{version} could not be copied to {self.bundles}: {problem}") from None
        log.info("bundle fetched", extra={"version": version, "seconds": time.perf_counter() - started})
        return target

    def serves(self, version: str) -> bool:
        """Whether this machine's `current` is this version, and its copy is there."""
        with contextlib.suppress(BundleError):
            return self.copies.current() == version and self._is_here(version)
        return False

    def has(self, version: str) -> bool:
        """Whether a copy is here; the version may be given by its beginning."""
        return any(known.startswith(version) for known in self.copies.versions())

    def add(self, version: str) -> None:
        """Upload a version that was sealed here, and remove copies that nobody needs any more (`evict`)."""
        path = self.copies.path(version)
        try:
            self.remote.upload(path)
        except UnreachableError as error:
            raise UnreachableError(
                f"{error}; the model is kept in {path}: `recsvc models publish {path.name}` uploads and publishes it, "
                "without asking the gate"
            ) from None
        with contextlib.suppress(RecsvcError):  # it is uploaded: the rest can wait
            self.evict(wanted=[path.name])

    def publish(self, version: str, *, why: str, now: datetime) -> str:
        """Make a version current, uploaded first where only this machine has it; returns its full name.

        Every file must be there; whoever serves it compares the checksums before that. Raises InputError for a version
        that was pruned, BundleError where a file is missing.
        """
        known = self.versions()
        name = one_of([*known, *(own for own in self.copies.versions() if own not in known)], version)
        if name not in known:
            with contextlib.suppress(BundleError):
                self.look().publishing(name, why, now)  # refuses what was pruned before it is uploaded again
            self.add(name)
        self._refuse_unless_whole(name)
        self._change(lambda pointer: (pointer.publishing(name, why, now), name))
        return name

    def rollback(self, *, now: datetime) -> str:
        present = set(self.versions())

        def back(pointer: Pointer) -> tuple[Pointer, str]:
            before = published_before(pointer.publications, pointer.current, present - set(pointer.gone))
            self._refuse_unless_whole(before)
            return pointer.publishing(before, UNDOING + str(pointer.current), now), before

        return self._change(back)

    def erase(self, customer_id: str) -> None:
        self._erased.change(lambda text: (with_customer(text or b"", customer_id), None))
        self.learn_erased()

    def learn_erased(self) -> None:
        known, text = self.store / SHARED, self._erased.read()
        if text is not None and (not known.exists() or known.read_bytes() != text):
            self.store.mkdir(parents=True, exist_ok=True)
            write_replacing(known, [text], mode=0o600)

    def verify(self, version: str) -> list[str]:
        return self.remote.problems(self._full_name(version))

    def prune(self, keep: int) -> list[str]:
        """As of every registry; and what uploads left that were given up."""
        versions = self.versions()

        def mark(pointer: Pointer) -> tuple[Pointer, list[str]]:
            gone = superfluous(versions, pointer.publications, pointer.current, keep)
            return pointer.without(gone), gone

        gone = self._change(mark)
        for version in [*gone, *self.remote.stranded(versions)]:
            self.remote.remove(version)
        self.evict()
        return gone

    def evict(self, wanted: Iterable[str] = ()) -> list[str]:
        """Remove copies that nobody needs: neither published nor published before that, nor wanted, nor opened of late.

        What the depot does not know, such as a version whose upload failed, stays.
        """
        pointer = self.look()
        published = [entry.version for entry in pointer.publications if entry.version != pointer.current]
        needed = tuple(version for version in (pointer.current, *published[-1:], *wanted) if version)
        here = self.copies.versions()
        old = [version for version in here if not version.startswith(needed) and self._is_unused(version)]
        known = {*self.versions(), *pointer.gone} if old else set()
        gone = [version for version in old if version in known]
        for version in gone:
            self.copies.drop(version)
        return gone

    def _change(self, change: Callable[[Pointer], tuple[Pointer, Result]]) -> Result:
        """Replace the pointer by what `change` makes of it, again where somebody else was first; returns its result."""

        def changed(data: bytes | None) -> tuple[bytes | None, Result]:
            try:
                pointer = self._read(data)
            except BundleError:
                pointer = Pointer()  # damaged: what is published now mends it
            wanted, result = change(pointer)
            return (None if wanted == pointer else wanted.to_json()), result

        return self._pointer.change(changed)

    def _read(self, data: bytes | None) -> Pointer:
        return Pointer() if data is None else Pointer.from_json(data, self._pointer.place)

    def _take(self, folder: Path, target: Path) -> None:
        self.bundles.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(folder, target)
        except OSError:
            if not self._is_here(target.name):  # another process of this machine was first
                raise
        sync_directory(self.bundles)

    def _serve(self, version: str) -> None:
        if not self.serves(version):
            self.serve_from_here(version)

    def _followed(self) -> str | None:
        try:
            return self.follow()
        except UnreachableError as error:
            known = self.copies.current()
            if known is None or not self._is_here(known):
                raise
            log.warning("%s; going on with %s, which was published when it last did", error, known)
            return known

    def _full_name(self, version: str) -> str:
        if VERSION.fullmatch(version) and self._is_here(version):
            return version
        return self.find(version)

    def _refuse_unless_whole(self, version: str) -> None:
        missing = self.remote.missing(version)
        if missing:
            raise BundleError(f"{self.depot.url}/{missing[0]} is missing; train again")

    def _is_here(self, version: str) -> bool:
        return (self.bundles / version / MANIFEST).is_file()

    def _is_unused(self, version: str) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - (self.bundles / version).stat().st_mtime > IN_USE
        return False


def open_registry(store: Path) -> Registry:
    """The registry that RECSVC_REGISTRY names, with copies in `store`; without that variable the store is all."""
    url = os.environ.get(REGISTRY)
    return RemoteRegistry(store, open_depot(url)) if url else Registry(store)
