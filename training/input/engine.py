"""The table engine: Ibis on a DuckDB file in the training's work directory, for tables larger than memory."""

import errno
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.errors import InputError, RecsvcError

# As the system's messages have it, and DuckDB hands them on.
DISK_FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT))
DATABASE_FILE = "input.duckdb"


class Tables(Protocol):
    """What rows are checked and netted with: an Ibis backend, or what stands for one (training.spark.tables)."""

    def create_table(self, name: str, obj: ir.Table) -> Any:
        """Compute the expression once; returns the table."""

    def create_view(self, name: str, obj: ir.Table) -> Any:
        """Give the expression a name; returns the view."""


@contextmanager
def open_engine(work_dir: Path, memory_gb: float) -> Iterator[Backend]:
    """An empty database in `work_dir`, removed when the block ends. It never asks the network for extensions."""
    work_dir.mkdir(parents=True, exist_ok=True)
    path = work_dir / DATABASE_FILE
    _remove(path)
    with warnings.catch_warnings(), _disk_full_told():
        # Ibis 12 still asks DuckDB 2 for Arrow tables by the name of DuckDB 1.
        warnings.filterwarnings("ignore", message=r"fetch_arrow_table\(\) is deprecated", category=DeprecationWarning)
        engine = _connect(work_dir, path, memory_gb)
        try:
            engine.raw_sql("SET TimeZone = 'UTC'")
            engine.raw_sql("SET enable_progress_bar = false")
            yield engine
        finally:
            engine.disconnect()
            _remove(path)


def _stop_where_disk_is_full(error: duckdb.Error) -> None:
    """Raise RecsvcError where the disk, and not what was read, is the reason."""
    message = str(error)
    if any(words in message for words in DISK_FULL):
        written = re.search(r'file "([^"]+)"', message)
        place = f"{written[1]}: " if written else ""
        raise RecsvcError(f"{place}no space is left on the disk; free some under the store, and train again") from None


@contextmanager
def _disk_full_told() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        _stop_where_disk_is_full(error)
        raise


def _connect(work_dir: Path, path: Path, memory_gb: float) -> Backend:
    return ibis.duckdb.connect(
        path,
        memory_limit=f"{int(memory_gb * 1000)}MB",
        temp_directory=str(work_dir / "spill"),
        threads=os.cpu_count() or 1,
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
        preserve_insertion_order=True,  # a row's place in a table is its place in the file: rejects name lines by it
    )


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn what the engine says about `place` into an error for a person."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise RecsvcError(
            f"{place}: out of memory or of temporary disk space ({_first_line(error)}); "
            "raise memory_gb in [purchases] of recsvc.toml or free disk space under the store"
        ) from None
    except duckdb.Error as error:
        _stop_where_disk_is_full(error)
        if "state machine" in str(error):
            raise InputError(
                f"{place}: lines end in different ways (CR LF and LF); "
                "make them alike, such as with sed -i 's/\\r$//' FILE"
            ) from None
        raise InputError(f"{place}: cannot be read: {_first_line(error)}") from None


def count_of(table: ir.Table) -> int:
    """How many rows a table has."""
    return int(table.count().to_pyarrow().as_py())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + ".wal")):
        file.unlink(missing_ok=True)
