"""Find the files of a location and look at each one's first bytes: kind, compression, encoding, separator, columns."""

import csv
import glob
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow
import pyarrow.parquet

from models.errors import InputError

Kind = Literal["csv", "json", "parquet", "xml"]
KIND_OF_SUFFIX: dict[str, Kind] = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet", ".pq": "parquet", ".xml": "xml", ".rss": "xml",
}  # fmt: skip
COMPRESSION_OF_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
COMPRESSION_SUFFIXES = {".gz", ".zst"}
SEPARATORS = (",", ";", "\t", "|")
HEAD_BYTES = 1 << 20
SAMPLED_OBJECTS = 1000


@dataclass(frozen=True)
class InputFile:
    """A file as its first bytes show it.

    `columns` are its header cells, its JSON keys or its Parquet columns; `blank_lines` stand above a header.
    """

    path: Path
    kind: Kind
    columns: tuple[str, ...]
    compression: str = "none"
    separator: str = ","
    is_array: bool = False
    types: tuple[str, ...] = ()
    blank_lines: int = 0

    @property
    def layout(self) -> tuple[object, ...]:
        """Files with the same layout are read together."""
        columns = () if self.kind == "json" else self.columns
        return (self.kind, self.compression, self.separator, self.is_array, columns, self.types, self.blank_lines)


FEED_KINDS: tuple[Kind, ...] = ("csv", "json", "parquet", "xml")


def find_files(location: str, kinds: Sequence[Kind] = ("csv", "json", "parquet")) -> list[Path]:
    """The readable files of a file name, glob or directory (with its sub-directories), sorted.

    Raises InputError where there is none.
    """
    if not location.strip():
        raise InputError("a file, a pattern, a directory or a database URL is needed; the one given is empty")
    path = Path(location).expanduser()
    if path.is_dir():
        found = sorted(
            file for file in path.rglob("*") if file.is_file() and _is_readable(file.relative_to(path), kinds)
        )
        if not found:
            raise InputError(f"{location}: the directory has no {_endings(kinds)} file")
        return found
    if path.is_file():
        return [path]
    if path.exists():
        raise InputError(f"{location}: is neither a file nor a directory")
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207 - the pattern may be absolute
    if not found:
        raise InputError(
            f"{location}: no such file" + (" (nothing matches the pattern)" if glob.has_magic(str(path)) else "")
        )
    return found


def look_at(path: Path, *, one_column: str = "") -> InputFile:
    """Read the head of a file; raises InputError, naming the remedy, where it cannot be read at all. A CSV needs two
    columns, or this one."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if not magic:
        raise InputError(f"{path}: the file is empty")
    if magic.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: is a ZIP or Excel file; unpack it, or save the sheet as CSV (UTF-8)")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSION_SUFFIXES:
        suffixes.pop()
    kind = KIND_OF_SUFFIX.get(suffixes[-1] if suffixes else "")
    if magic == b"PAR1" or kind == "parquet":
        return _look_at_parquet(path, magic)
    compression = next((name for start, name in COMPRESSION_OF_MAGIC.items() if magic.startswith(start)), "none")
    head = _head(path, compression)
    text = _decode(path, head)
    start = text.lstrip()[:1]
    if not start:
        raise InputError(f"{path}: the file is empty")
    if kind is None:
        kind = "json" if start in "{[" else "xml" if start == "<" else "csv"
    if kind == "xml":
        return InputFile(path, kind, (), compression)
    if kind == "json":
        return InputFile(
            path, kind, _json_keys(path, text, complete=len(head) < HEAD_BYTES), compression, is_array=start == "["
        )
    separator, columns = _header(path, text, one_column)
    blank_lines = len(text) - len(text.lstrip("\r\n"))
    blank_lines = len(text[:blank_lines].splitlines())
    return InputFile(path, kind, columns, compression, separator, blank_lines=blank_lines)


@contextmanager
def open_bytes(path: Path, compression: str) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked."""
    if compression == "gzip":
        with gzip.open(path, "rb") as unpacked:
            yield unpacked  # type: ignore[misc]
    elif compression == "zstd":
        with pyarrow.input_stream(str(path), compression="zstd") as unpacked:
            yield io.BufferedReader(unpacked)
    else:
        with path.open("rb") as plain:
            yield plain


def _is_readable(path: Path, kinds: Sequence[Kind]) -> bool:
    if any(part.startswith((".", "_")) for part in path.parts):
        return False
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSION_SUFFIXES:
        suffixes.pop()
    # In a directory, a .txt is more often a note than a table.
    return bool(suffixes) and suffixes[-1] != ".txt" and KIND_OF_SUFFIX.get(suffixes[-1]) in kinds


def _endings(kinds: Sequence[Kind]) -> str:
    return ", ".join(suffix for suffix, kind in KIND_OF_SUFFIX.items() if kind in kinds and suffix != ".txt")


def _look_at_parquet(path: Path, magic: bytes) -> InputFile:
    if magic != b"PAR1":
        raise InputError(f"{path}: is not a Parquet file, whatever its name says")
    try:
        schema = pyarrow.parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError, ValueError):
        raise InputError(f"{path}: the Parquet file is cut off or damaged; write or copy it again") from None
    return InputFile(path, "parquet", tuple(schema.names), types=tuple(map(str, schema.types)))


def _head(path: Path, compression: str) -> bytes:
    try:
        with open_bytes(path, compression) as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: the {compression} file is cut off or damaged ({error})") from None


def _decode(path: Path, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:200].count(0) > len(head[:200]) // 4:
        raise InputError(f"{path}: is UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
    first_line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    try:
        first_line.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(first_line) < HEAD_BYTES:
            raise InputError(
                f"{path}:1: byte {error.start + 1} is not UTF-8; "
                "save it as UTF-8 (such as iconv -f WINDOWS-1252 -t UTF-8)"
            ) from None
    return head.decode("utf-8-sig", "replace")


def _header(path: Path, text: str, one_column: str) -> tuple[str, tuple[str, ...]]:
    """The separator that splits the first record into the most cells, and those cells."""
    counts = {}
    for separator in SEPARATORS:
        try:
            row = next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)), [])
        except csv.Error:
            row = []
        counts[separator] = row
    separator = max(SEPARATORS, key=lambda separator: len(counts[separator]))
    columns = tuple(cell.strip() for cell in counts[separator])
    if len(columns) < 2 and columns != (one_column,):
        raise InputError(
            f"{path}:1: the first line is {text.lstrip().splitlines()[0][:80]!r}; "
            "expected column names separated by comma, semicolon, tab or |"
        )
    return separator, columns


def _json_keys(path: Path, text: str, *, complete: bool) -> tuple[str, ...]:
    """The keys of the first objects of a JSON array or of JSON lines, in the order met."""
    keys: dict[str, None] = {}
    decoder = json.JSONDecoder()
    place, found = 0, 0
    while found < SAMPLED_OBJECTS:
        while place < len(text) and text[place] in " \t\r\n,[":
            place += 1
        if place >= len(text) or text[place] == "]":
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):  # no JSON, or nested deeper than anybody means
            newline = text.find("\n", place)
            if newline < 0:
                break
            place = newline + 1
            continue
        found += 1
        place = end
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
    if not keys and complete:
        raise InputError(f"{path}: has no JSON object; expected one object a line, or an array of objects")
    return tuple(keys)
