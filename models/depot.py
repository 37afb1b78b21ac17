"""Where several machines keep what they share: a mounted directory, or a bucket of an object store.

A depot holds named objects. It can be read under a condition, and written under one, which is all that a registry needs
to let only one of two publishers win (`models.remote_registry`).
"""

import contextlib
import fcntl
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from models.bundle import write_replacing
from models.errors import SettingsError, UnreachableError

REGISTRY = "RECSVC_REGISTRY"
CHUNK = 1 << 22
OBJECT_STORES = ("s3", "gs", "az", "abfs", "abfss")
PASSWORD = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class Found:
    """An object, and a mark that changes with it."""

    data: bytes
    mark: str


class Depot(Protocol):
    """Objects under names such as 'bundles/VERSION/manifest.json'. All but `url` raise UnreachableError when the depot
    does not answer, or refuses us."""

    url: str

    def read(self, name: str, *, unless: str | None = None) -> Found | None:
        """An object; None while `unless` is still its mark. Raises FileNotFoundError."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """An object of any size, piece by piece. Raises FileNotFoundError."""

    def upload(self, source: Path, name: str) -> None:
        """Store a file, of which nobody sees a part."""

    def create(self, name: str, data: bytes) -> bool:
        """Store what is not there yet; False, and nothing is changed, where it is."""

    def replace(self, name: str, data: bytes, mark: str) -> bool:
        """Store what was last seen with this mark; False, and nothing is changed, where it is another one by now."""

    def names(self, folder: str) -> list[str]:
        """All objects below a folder, by their full names, sorted."""

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder, by their last names, sorted."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that are gone already do not matter."""


class FolderDepot:
    """A directory that all machines have mounted. Conditions are kept by a lock on the file `lock` in it, as NFS 4 and
    cluster file systems pass it on between machines."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = root.absolute().as_uri()

    def read(self, name: str, *, unless: str | None = None) -> Found | None:
        with self._answering():
            data = self._path(name).read_bytes()
        mark = hashlib.sha256(data).hexdigest()
        return None if mark == unless else Found(data, mark)

    def chunks(self, name: str) -> Iterator[bytes]:
        with self._answering(), self._path(name).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def upload(self, source: Path, name: str) -> None:
        with self._answering(), source.open("rb") as file:
            self._write(name, iter(lambda: file.read(CHUNK), b""))

    def create(self, name: str, data: bytes) -> bool:
        with self._answering(), self._lock():
            if self._path(name).exists():
                return False
            self._write(name, [data])
            return True

    def replace(self, name: str, data: bytes, mark: str) -> bool:
        with self._answering(), self._lock():
            if hashlib.sha256(self._path(name).read_bytes()).hexdigest() != mark:
                return False
            self._write(name, [data])
            return True

    def names(self, folder: str) -> list[str]:
        with self._answering():
            files = (path for path in self._path(folder).rglob("*") if path.is_file() and path.name[0] != ".")
            return sorted(path.relative_to(self.root).as_posix() for path in files)

    def folders(self, folder: str) -> list[str]:
        with self._answering(), contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in self._path(folder).iterdir() if path.is_dir())
        return []

    def remove(self, names: Iterable[str]) -> None:
        paths = [self._path(name) for name in names]
        with self._answering():
            for path in paths:
                path.unlink(missing_ok=True)
        for folder in {path.parent for path in paths} - {self.root}:
            with contextlib.suppress(OSError):  # another file is in it, or it is gone
                folder.rmdir()

    def _path(self, name: str) -> Path:
        return self.root / name

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        # An unmounted directory must not look like a registry in which nothing is published.
        if not self.root.is_dir():
            raise UnreachableError(f"{self.url}: no such directory; mount it, or make it with `mkdir {self.root}`")
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UnreachableError(f"{self.url}: {(error.strerror or str(error)).lower()}") from None

    def _write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_replacing(path, chunks)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.root / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def open_depot(url: str) -> Depot:
    """The depot of an address such as s3://bucket/prefix or file:///mnt/models; nothing is asked yet.

    Raises SettingsError for an address that is none, and where the extra for object stores is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/") and parts.path != "/":
        return FolderDepot(Path(unquote(parts.path)))
    if parts.scheme not in OBJECT_STORES or not parts.netloc:
        raise SettingsError(
            f"{REGISTRY} is {without_password(url)[:100]!r}; expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, "
            "abfs://CONTAINER/PREFIX or file:///DIRECTORY"
        )
    try:
        from models.object_depot import ObjectDepot
    except ModuleNotFoundError:
        raise SettingsError(
            f"{REGISTRY} is {without_password(url)[:100]!r}, and what speaks {parts.scheme}:// is not installed; "
            "install it with: pip install 'recsvc[object-storage]'"
        ) from None
    return ObjectDepot.of_url(url)


def without_password(url: str) -> str:
    """The address without a user and password that somebody wrote into it."""
    return PASSWORD.sub("//", url)
