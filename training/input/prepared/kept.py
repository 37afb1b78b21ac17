"""What is kept in the store from one `recsvc train --since-last` to the next, and whether it may be gone on from.

A directory `prepared/<version>` of the store, named like the bundle of its training: `rows-<n>.parquet`, the checked
rows of the files (one part more with each training; parts are shared by hard links), `live.parquet`, those of live
events, `customers`, `items`, `orders`, `titles`.parquet, and the netted lines as arrays. It is written in a training's
work directory, synced, and renamed when its bundle is there: after a kill it is the old one or the new one. Nothing in
it is used unless every file has the size and the SHA-256 that `facts.json` names.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import sha256_of, sync_directory
from training.data import PurchaseLines
from training.input.database import shown_url
from training.input.sources import InputSettings, PurchaseSource

FORMAT = 1
FOLDER, FACTS = "prepared", "facts.json"
# Parts of rows from which on they are written into one again.
MOST_PARTS = 30
# Formats whose files are read together with their products, and so as a whole.
WHOLE_ONLY = ("complete-journey",)


class StartOver(Exception):
    """Only a reading of everything gives what a full training would give; says why."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A file, or a query's answer (`size` −1), as it was read; `last`: the newest time of its rows that count, ISO."""

    size: int
    modified: int
    last: str | None = None


@dataclass(frozen=True, kw_only=True)
class Void:
    """Rows of `origin` from the time `since` on count no more if they lie in one of the first `parts` parts: they were
    read again."""

    origin: str
    since: str
    parts: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """`recipe`: what the rows were made with; `readings` so far; `orders` in all; rows by `currencies`."""

    format: int
    recipe: Mapping[str, Any]
    origins: Mapping[str, Origin]
    voids: Sequence[Void]
    parts: int
    readings: int
    orders: int
    rows: int
    currency: str | None
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> "Facts":
        """Raises ValueError, KeyError or TypeError for what is none."""
        table = json.loads(text)
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']}, expected {FORMAT}")
        table["origins"] = {name: Origin(**entry) for name, entry in table["origins"].items()}
        table["voids"] = [Void(**entry) for entry in table["voids"]]
        table["files"] = {name: (int(size), str(digest)) for name, (size, digest) in table["files"].items()}
        return cls(**table)


@dataclass(frozen=True, eq=False, kw_only=True)
class Kept:
    """Prepared purchases that were found whole."""

    path: Path
    facts: Facts

    @property
    def parts(self) -> list[Path]:
        """The files of rows, oldest first."""
        return [self.path / f"rows-{number}.parquet" for number in range(self.facts.parts)]

    def lines(self) -> PurchaseLines:
        """The netted lines, mapped from disk, sorted by (customer, day, order, item)."""
        return PurchaseLines(**{name: self._array(f"lines.{name}") for name in PurchaseLines.__dataclass_fields__})

    def _array(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self.path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return array.view(np.ndarray) if array.size else np.array(array)


def recipe_of(sources: Sequence[PurchaseSource], settings: InputSettings) -> dict[str, Any]:
    """What must be as it was for the rows to be gone on from."""
    places = [
        {
            "location": shown_url(one.location) if one.is_database else one.location,
            "query": one.query,
            "format": one.format,
            "columns": dict(sorted(one.columns.items())),
        }
        for one in sources
    ]
    return {"sources": places, "late_days": settings.late_days}


@dataclass(frozen=True)
class Keeper:
    """The prepared purchases of a store. `say` hears why nothing can be gone on from."""

    store: Path
    say: Callable[[str], None]

    def newest(self, sources: Sequence[PurchaseSource], settings: InputSettings) -> Kept | None:
        """What the last training kept, if it was of these sources and is whole."""
        for source in sources:
            if source.format in WHOLE_ONLY:
                self.say(f"everything is read anew: the format {source.format} is read as a whole")
                return None
        folders = sorted((self.store / FOLDER).glob("*/"), reverse=True)
        if not folders:
            self.say("everything is read anew: no training with --since-last was here before")
            return None
        path = folders[0]
        try:
            facts = Facts.from_json((path / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.say(f"everything is read anew: {path / FACTS} is of another version of recsvc, or damaged ({error})")
            return None
        if facts.recipe != recipe_of(sources, settings):
            self.say("everything is read anew: the sources, their columns or late_days are not those of the last time")
            return None
        for name, (size, digest) in facts.files.items():
            file = path / name
            if not file.is_file() or file.stat().st_size != size or sha256_of(file) != digest:
                self.say(f"everything is read anew: {file} is missing or damaged")
                return None
        return Kept(path=path, facts=facts)

    def keep(self, draft: Path, version: str) -> None:
        """Put a draft in the place of what was kept before."""
        folder = self.store / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        os.rename(draft, folder / version)
        sync_directory(folder)
        for old in folder.glob("*/"):
            if old.name < version:
                doomed = draft.with_name(f"removed-{old.name}")
                with suppress(OSError):
                    os.rename(old, doomed)
                    shutil.rmtree(doomed, ignore_errors=True)


def write_facts(folder: Path, facts: Facts) -> None:
    """Name and sync every file of the folder; the facts are written last."""
    files = {
        file.name: (file.stat().st_size, sha256_of(file)) for file in sorted(folder.iterdir()) if file.name != FACTS
    }
    for name in files:
        descriptor = os.open(folder / name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    with (folder / FACTS).open("w", encoding="utf-8") as out:
        json.dump({**asdict(facts), "files": files}, out)
        out.flush()
        os.fsync(out.fileno())
    sync_directory(folder)
