"""A folder that the driver and all executors reach, by URL: on a shared file system or in object storage."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs

from models.errors import InputError

BATCH_ROWS = 100_000


def as_url(location: str) -> str:
    """A path as a file URL, spelt as Hadoop wants it: nothing in it is escaped; a URL as it is."""
    return location if "://" in location else f"file://{Path(location).absolute()}"


def local_path(url: str) -> Path | None:
    """Where a file URL lies on this machine; None for other URLs."""
    return Path("/" + url[len("file:") :].lstrip("/")) if url.startswith("file:") else None


def file_system(url: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """The file system of a URL and the path in it; raises InputError."""
    if (path := local_path(url)) is not None:
        return pyarrow.fs.LocalFileSystem(), str(path)
    plain = url.replace("s3a://", "s3://", 1)
    try:
        found: tuple[pyarrow.fs.FileSystem, str] = pyarrow.fs.FileSystem.from_uri(plain)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{url}: cannot be opened ({str(error).splitlines()[0]})") from None
    return found


@dataclass(frozen=True)
class Folder:
    """A folder by URL; names in it are tables (Parquet) or files."""

    url: str

    def at(self, name: str) -> str:
        """The URL of a table or file."""
        return f"{self.url.rstrip('/')}/{name}"

    def batches(self, name: str, columns: list[str] | None = None, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """A table piece by piece, in no particular order."""
        files, path = file_system(self.at(name))
        found = pyarrow.dataset.dataset(path, filesystem=files, format="parquet")
        yield from found.to_batches(columns=columns, batch_size=rows, batch_readahead=1, fragment_readahead=1)

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A whole table that fits into memory, in no particular order."""
        files, path = file_system(self.at(name))
        return pyarrow.dataset.dataset(path, filesystem=files, format="parquet").to_table(columns=columns)

    def upload(self, source: Path, name: str) -> None:
        """Copy a local directory."""
        files, path = file_system(self.at(name))
        files.create_dir(path)
        pyarrow.fs.copy_files(str(source), path, pyarrow.fs.LocalFileSystem(), files)

    def remove(self) -> None:
        """Remove it and all that is in it."""
        files, path = file_system(self.url)
        if files.get_file_info(path).type != pyarrow.fs.FileType.NotFound:
            files.delete_dir(path)
