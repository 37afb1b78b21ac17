"""Customer files as rows, never held in memory: CSV, and Parquet where pyarrow is installed."""

import csv
import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from models.errors import InputError

PARQUET_BLOCK = 10_000


class Row(NamedTuple):
    """The wanted cells of one row, or why there are none; `line` counts lines in a CSV file, rows in a Parquet file."""

    line: int
    cells: Sequence[object]
    problem: str | None = None


@dataclass(frozen=True)
class CustomerFile:
    """`columns` are those of `wanted` that the file has; `ignored` says of each other column what it could have meant.

    `total` rows, where a CSV cell with line breaks counts as several.
    """

    path: Path
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    total: int
    rows: Iterator[Row]


@contextmanager
def open_customer_file(path: Path, wanted: Sequence[str]) -> Iterator[CustomerFile]:
    """Open a file whose header has 'customer_id' and any others of `wanted`; InputError names file and remedy."""
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if not start:
        raise InputError(f"{path} is empty; expected a header line with customer_id")
    if start == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
        with _open_parquet(path, wanted) as file:
            yield file
        return
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16; save it as CSV in UTF-8")
    # What is not UTF-8 becomes surrogates here and a rejected row below, so that one bad name does not stop an import.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        yield _read_csv(path, text, wanted)


def _read_csv(path: Path, text: IO[str], wanted: Sequence[str]) -> CustomerFile:
    header_line = text.readline()
    delimiter = max(",;\t", key=header_line.count)
    header = next(csv.reader([header_line], delimiter=delimiter), [])
    columns, positions, ignored = _choose(path, [name.strip().lower() for name in header], wanted)
    return CustomerFile(
        path, columns, ignored, _count_lines(path) - 1, _csv_rows(text, delimiter, len(header), positions)
    )


def _csv_rows(text: IO[str], delimiter: str, width: int, positions: list[int]) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num + 1, (), f"not readable as CSV ({error})")
            continue
        line = reader.line_num + 1
        if not cells:
            continue
        if len(cells) != width:
            yield Row(line, (), f"has more or fewer cells than the header's {width}")
            continue
        row = [cells[position] for position in positions]
        try:
            "".join(row).encode()
        except UnicodeEncodeError:
            yield Row(line, (), "not UTF-8")
            continue
        yield Row(line, row)


@contextmanager
def _open_parquet(path: Path, wanted: Sequence[str]) -> Iterator[CustomerFile]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: reading Parquet needs pyarrow; pip install 'recsvc[train]', or save the file as CSV"
        ) from None
    try:
        with pq.ParquetFile(path) as parquet:
            names = list(parquet.schema_arrow.names)
            columns, positions, ignored = _choose(path, [name.strip().lower() for name in names], wanted)
            chosen = [names[position] for position in positions]
            yield CustomerFile(path, columns, ignored, parquet.metadata.num_rows, _parquet_rows(parquet, chosen))
    except pa.ArrowException as error:
        raise InputError(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from None


def _parquet_rows(parquet: Any, chosen: list[str]) -> Iterator[Row]:
    line = 0
    for batch in parquet.iter_batches(batch_size=PARQUET_BLOCK, columns=chosen):
        columns = [batch.column(name).to_pylist() for name in chosen]
        for cells in zip(*columns, strict=True):
            line += 1
            yield Row(line, cells)


def _choose(path: Path, header: list[str], wanted: Sequence[str]) -> tuple[tuple[str, ...], list[int], tuple[str, ...]]:
    """The wanted columns in the file's order, their positions, and a word on each column that is not used."""
    for name in wanted:
        if header.count(name) > 1:
            raise InputError(f"{path} has two columns named {name}; remove one")
    if "customer_id" not in header:
        near = difflib.get_close_matches("customer_id", header, n=1)
        found = f"; rename '{near[0]}' to customer_id" if near else f"; its columns are {', '.join(header)[:200]}"
        raise InputError(f"{path} has no column customer_id{found}")
    used = [(position, name) for position, name in enumerate(header) if name in wanted]
    ignored = []
    for name in header:
        if name not in wanted:
            near = difflib.get_close_matches(name, set(wanted) - set(header), n=1)
            ignored.append(f"{name} (did you mean {near[0]}?)" if near else name)
    return tuple(name for _, name in used), [position for position, _ in used], tuple(ignored)


def _count_lines(path: Path) -> int:
    with path.open("rb") as raw:
        lines, last = 0, b"\n"
        while block := raw.read(1 << 20):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")
