"""A trained model on disk: a directory of `.npy` arrays and one `manifest.json`; nothing in it can run code.

A bundle is written beside its final place, synced, renamed, and never modified after that. Readers map its arrays
read-only, so all workers share one copy in memory.
"""

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checked import is_checked, note_checked, stamp_of
from models.errors import BundleError

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest_sha256"
CHUNK = 1 << 22
WORTH_RELEASING = 1 << 20  # bytes of an array


@dataclass(frozen=True, kw_only=True)
class ArrayFile:
    """What the manifest says of one array's file."""

    shape: tuple[int, ...]
    dtype: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle is: written once, read by people and programs.

    `window` holds the first and last day of the purchases, ISO dates; `counts` rows by kind; `settings` one table a
    component; `metrics` what the training measured; `content_sha256` covers all arrays, so that two bundles
    trained from the same input can be compared.
    """

    version: str
    created_at: str
    content_sha256: str
    window: tuple[str, str]
    counts: Mapping[str, int]
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    libraries: Mapping[str, str]
    arrays: Mapping[str, ArrayFile]
    documents: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def ndcg(self, scenario: str) -> float | None:
        """ndcg@10 of the scenario's lists in the last weeks before the training; None where nobody could be judged."""
        backtest = self.metrics.get("backtest", {}).get(scenario)
        if not backtest or not backtest["customers"]:
            return None
        method = "ranker" if f"ranker.{scenario}.txt" in self.documents else backtest["best_single"]
        return float(backtest["ndcg@10"][method])

    def checksums(self) -> dict[str, str]:
        """The sha256 of each file beside the manifest, by its name."""
        return {f"{name}.npy": entry.sha256 for name, entry in self.arrays.items()} | dict(self.documents)

    def as_json(self) -> str:
        """The manifest as text, with a checksum of itself."""
        table = json.loads(json.dumps(asdict(self)))  # as it will be read: names of numbers are texts then
        return json.dumps({**table, SEAL: seal_of(table)}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, place: Path | str) -> "Manifest":
        """Parse; raises BundleError when the text is no manifest, of a newer format, or not as it was written."""
        try:
            table = json.loads(text)
            written = int(table["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{place}: not a bundle's manifest ({error})") from None
        if written > FORMAT:
            raise BundleError(f"{place}: format {written} is newer than {FORMAT}; upgrade recsvc to read this bundle")
        if seal_of(table) != table.get(SEAL):
            raise BundleError(f"{place}: the manifest is not as it was written; the file is damaged")
        try:
            known = {name.name for name in fields(cls)}
            table["arrays"] = {
                name: ArrayFile(shape=tuple(entry["shape"]), dtype=entry["dtype"], sha256=entry["sha256"])
                for name, entry in table["arrays"].items()
            }
            table["window"] = tuple(table["window"])
            return cls(**{name: value for name, value in table.items() if name in known})
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{place}: the manifest is incomplete ({error})") from None


@dataclass(frozen=True, eq=False)
class Bundle:
    """An open bundle: its manifest, and its arrays mapped read-only."""

    path: Path
    manifest: Manifest
    arrays: Mapping[str, NDArray[Any]]

    @property
    def version(self) -> str:
        return self.manifest.version

    def release(self) -> None:
        """Let go of the pages read so far: they stay in the system's cache, and count as no process's memory."""
        for array in self.arrays.values():
            if isinstance(array.base, np.memmap) and array.nbytes >= WORTH_RELEASING and hasattr(mmap, "MADV_DONTNEED"):
                array.base._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]

    def document(self, name: str) -> str:
        """A text beside the arrays; raises BundleError when the bundle has none of that name."""
        if name not in self.manifest.documents:
            raise BundleError(f"{self.path}: the bundle has no {name}; train again with this version of recsvc")
        return (self.path / name).read_text(encoding="utf-8")


class BundleWriter:
    """Collects arrays into a directory under `parent` and seals it; a writer that is not sealed leaves only that
    directory.

    Use as a context manager: leaving it unsealed removes what was written.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        self._dir = parent / f"bundle-{os.getpid()}-{os.urandom(4).hex()}"
        self._dir.mkdir()
        self._arrays: dict[str, ArrayFile] = {}
        self._documents: dict[str, str] = {}

    def __enter__(self) -> "BundleWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._dir, ignore_errors=True)

    def add(self, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write arrays as 'prefix.name.npy', synced to disk."""
        for name, array in arrays.items():
            full = f"{prefix}.{name}"
            path = self._dir / f"{full}.npy"
            try:
                with path.open("xb") as out:
                    np.lib.format.write_array(out, np.ascontiguousarray(array), allow_pickle=False)
                    out.flush()
                    os.fsync(out.fileno())
            except OSError as error:  # of a file cut short numpy says how many values went in, not why
                raise BundleError(f"{path}: cannot be written ({error.strerror or error}); is the disk full?") from None
            self._arrays[full] = ArrayFile(shape=array.shape, dtype=array.dtype.str, sha256=sha256_of(path))

    def add_document(self, name: str, text: str) -> None:
        """Write a text beside the arrays, such as a report."""
        path = self._dir / name
        write_synced(path, text)
        self._documents[name] = sha256_of(path)

    def seal(self, bundles: Path, *, now: datetime, **facts: Any) -> Manifest:
        """Write the manifest and rename into `bundles`; `facts` are the manifest's other fields."""
        content = hashlib.sha256()
        for name in sorted(self._arrays):
            content.update(f"{name} {self._arrays[name].sha256}\n".encode())
        digest = content.hexdigest()
        version = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:8]}"
        manifest = Manifest(
            version=version,
            created_at=now.astimezone(UTC).isoformat(),
            content_sha256=digest,
            arrays=self._arrays,
            documents=self._documents,
            **facts,
        )
        write_synced(self._dir / MANIFEST, manifest.as_json())
        sync_directory(self._dir)
        bundles.mkdir(parents=True, exist_ok=True)
        target = bundles / version
        if target.exists():
            raise BundleError(f"{target} is there already; the same model was sealed within the same second")
        os.rename(self._dir, target)
        sync_directory(bundles)
        return manifest


def seal_of(table: Mapping[str, Any]) -> str:
    """The sha256 of a manifest's values, whatever their layout; it does not cover itself."""
    values = {name: value for name, value in table.items() if name != SEAL}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest of the bundle directory `path`; raises BundleError."""
    place = path / MANIFEST
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(f"{path}: no bundle is there (no {MANIFEST}); see `recsvc models list`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{place}: {error}") from None
    return Manifest.from_json(text, place)


def open_bundle(path: Path, *, verify: bool = True, again: bool = True) -> Bundle:
    """Map a bundle's arrays; with `verify`, after checking every file's sha256, unless that was done before on this
    machine and need not be done `again`. Raises BundleError."""
    manifest = read_manifest(path)
    if verify and (again or not is_checked(path, manifest.checksums())):
        seen = stamp_of(path, manifest.checksums())
        for problem in problems_of(path, manifest):
            raise BundleError(problem)
        note_checked(path, seen)
    arrays = {}
    for name, entry in manifest.arrays.items():
        place = path / f"{name}.npy"
        try:
            array = np.load(place, mmap_mode="r" if 0 not in entry.shape else None, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"{place}: {error}") from None
        if array.shape != entry.shape or array.dtype.str != entry.dtype:
            raise BundleError(
                f"{place}: {array.dtype.str}{array.shape}, but the manifest says {entry.dtype}{entry.shape}"
            )
        # A view of the map as a plain array: slicing np.memmap objects costs microseconds on every look-up.
        arrays[name] = array.view(np.ndarray)
    return Bundle(path, manifest, arrays)


def problems_of(path: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the files of a bundle, a sentence each; nothing when all is well."""
    for name, expected in manifest.checksums().items():
        place = path / name
        try:
            found = sha256_of(place)
        except OSError as error:
            yield f"{place}: {error.strerror}"
            continue
        if found != expected:
            yield f"{place}: sha256 is {found[:12]}…, but the manifest says {expected[:12]}…; the file is damaged"


def sha256_of(path: Path) -> str:
    """The file's SHA-256 as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_synced(path: Path, text: str) -> None:
    """Write a text and wait until it is on the disk."""
    with path.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def write_replacing(path: Path, chunks: Iterable[bytes], *, mode: int = 0o666) -> None:
    """Replace a file by one with this content, so that nobody sees a part of it; the umask takes from `mode`."""
    temporary = path.with_name(f".{path.name}-{os.urandom(8).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as out:
            out.writelines(chunks)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames inside a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
