"""Purchases as Spark reads them: files of a path, a glob or a URL, in the canonical columns or renamed to them."""

import fnmatch
import glob
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documents call it

from models.errors import InputError
from training.input.columns import match_columns, require
from training.input.files import HEAD_BYTES, KIND_OF_SUFFIX, InputFile, find_files, look_at
from training.input.readers import FILE, ROW
from training.input.rows import RawRows
from training.input.sources import CANONICAL, PurchaseSource
from training.input.staging import shown_of
from training.spark.storage import as_url, file_system, local_path
from training.spark.tables import SparkTables

BROKEN = "_broken"
# A row's place: the megabyte at which its part of the file starts, then its place among the rows that the task read.
MEGABYTE_BIT, IN_TASK = 34, (1 << 33) - 1
READABLE = {
    suffix for suffix, kind in KIND_OF_SUFFIX.items() if kind in ("csv", "json", "parquet") and suffix != ".txt"
}


@dataclass(frozen=True)
class SourceFile:
    """A file by URL, and what its first bytes show."""

    url: str
    look: InputFile


def find_source_files(source: PurchaseSource, work_dir: Path) -> list[SourceFile]:
    """The files of a source; raises InputError for what Spark does not read, naming the remedy."""
    if source.is_database:
        raise InputError(
            f"{shown_of(source)}: --engine spark reads files; export the purchases to Parquet, "
            "or train with --engine duckdb"
        )
    if source.format != "canonical":
        raise InputError(
            f"--format {source.format}: --engine spark reads the canonical columns; name yours with --columns, "
            "or train with --engine duckdb"
        )
    path = local_path(source.location) if source.is_url else Path(source.location)
    if path is not None:
        found = [SourceFile(as_url(str(file)), look_at(file)) for file in find_files(str(path))]
    else:
        found = list(_remote_files(source.location, work_dir))
    for file in found:
        _check(file)
    return found


def _check(file: SourceFile) -> None:
    look, remedy = file.look, "or train with --engine duckdb"
    if look.compression == "zstd" and look.kind != "parquet":
        raise InputError(f"{file.url}: --engine spark reads no Zstandard text; use gzip or Parquet, {remedy}")
    if look.is_array:
        raise InputError(f"{file.url}: is one JSON array; --engine spark reads one object a line, {remedy}")
    if look.blank_lines:
        raise InputError(f"{file.url}: blank lines stand above the header; remove them, {remedy}")


def _remote_files(location: str, work_dir: Path) -> Iterator[SourceFile]:
    magic = glob.has_magic(location)
    base = location[: location.index(next(filter(glob.has_magic, location)))] if magic else location
    scheme, _, rest = location.partition("://")
    files, base_path = file_system(base.rsplit("/", 1)[0] if magic else base)
    pattern = rest if magic else ""
    for name in list_files(files, base_path, pattern, location):
        yield SourceFile(f"{scheme}://{name}", look_at_remote(files, name, work_dir))


def list_files(files: pyarrow.fs.FileSystem, path: str, pattern: str, shown: str) -> list[str]:
    """The readable files at a path of a file system, or below it where they match `pattern`, sorted; raises
    InputError."""
    info = files.get_file_info(path)
    if info.type == pyarrow.fs.FileType.File:
        return [path]
    found = files.get_file_info(pyarrow.fs.FileSelector(path, recursive=True, allow_not_found=True))
    names = sorted(entry.path for entry in found if entry.type == pyarrow.fs.FileType.File)
    if pattern:
        names = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    else:
        names = [name for name in names if _is_readable(posixpath.relpath(name, path))]
    if not names:
        raise InputError(f"{shown}: no such file" + (" (nothing matches the pattern)" if pattern else ""))
    return names


def _is_readable(name: str) -> bool:
    if any(part.startswith((".", "_")) for part in name.split("/")):
        return False
    return posixpath.splitext(name.removesuffix(".gz"))[1].lower() in READABLE


def look_at_remote(files: pyarrow.fs.FileSystem, name: str, work_dir: Path) -> InputFile:
    """What the first bytes of a file of any file system show."""
    if posixpath.splitext(name)[1].lower() in (".parquet", ".pq"):
        with files.open_input_file(name) as stream:
            schema = pyarrow.parquet.read_schema(stream)
        return InputFile(Path(name), "parquet", tuple(schema.names), types=tuple(map(str, schema.types)))
    head = work_dir / "heads" / posixpath.basename(name)
    head.parent.mkdir(parents=True, exist_ok=True)
    with files.open_input_stream(name, compression=None) as stream:
        head.write_bytes(stream.read(HEAD_BYTES))
    return look_at(head)


def open_raw(tables: SparkTables, name: str, files: Sequence[SourceFile], chosen: Mapping[str, str]) -> RawRows:
    """Rows of files of one layout; see training.input.formats.canonical."""
    first = files[0]
    header = first.look.columns
    columns = match_columns(first.url, header, {column: column for column in CANONICAL}, chosen)
    require(first.url, columns, ("item_id", "timestamp"), header)
    if "order_id" not in columns:
        require(first.url, columns, ("customer_id",), header)
    frame = _frame(tables, files)
    cells = [_cell(first.look, column).alias(wanted) for wanted, column in columns.items()]
    frame = frame.select(*cells, *_placed(first.look.kind == "parquet"))
    return RawRows(table=tables.view(name, frame), names=columns)


def _cell(look: InputFile, column: str) -> Column:
    """CSV cells have names of ours: a header may hold anything, even a name twice."""
    if look.kind == "csv":
        return F.col(f"c{look.columns.index(column)}")
    cell = F.col("`" + column.replace("`", "``") + "`")
    kinds = dict(zip(look.columns, look.types, strict=False))
    return cell.cast("string") if kinds.get(column) == "null" else cell


def _frame(tables: SparkTables, files: Sequence[SourceFile]) -> DataFrame:
    read, first, urls = tables.session.read, files[0].look, [file.url for file in files]
    if first.kind == "parquet":
        return read.parquet(*map(_literal, urls)).withColumn(BROKEN, F.lit(False))
    broken = f"`{BROKEN}` string"
    if first.kind == "json":
        names = dict.fromkeys(key for file in files for key in file.look.columns)
        schema = ", ".join([*("`" + name.replace("`", "``") + "` string" for name in names), broken])
        frame = read.schema(schema).option("columnNameOfCorruptRecord", BROKEN).json([*map(_literal, urls)])
    else:
        schema = ", ".join([*(f"c{place} string" for place in range(len(first.columns))), broken])
        options = {"header": "true", "sep": first.separator, "quote": '"', "escape": '"', "enforceSchema": "true"}
        options |= {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": BROKEN}
        frame = read.schema(schema).options(**options).csv([*map(_literal, urls)])
    return frame.withColumn(BROKEN, F.col(BROKEN).isNotNull())


def _placed(is_parquet: bool) -> list[Column]:
    in_file = F.col("_metadata.row_index") if is_parquet else None
    part = F.shiftleft(F.shiftright(F.col("_metadata.file_block_start"), 20), MEGABYTE_BIT)
    in_task = F.monotonically_increasing_id().bitwiseAND(IN_TASK)
    place = in_file if in_file is not None else part + in_task
    return [F.col(BROKEN), F.col("_metadata.file_path").alias(FILE), place.cast("bigint").alias(ROW)]


def _literal(url: str) -> str:
    """A name with * or [ is no pattern here: Hadoop takes it for one, unless each is in brackets of its own."""
    return "".join(f"\\{letter}" if letter in "*?[]{}\\" else letter for letter in url)


def schema_of_rejects() -> pa.Schema:
    """As training.input.rejects writes them."""
    kinds = {"file": pa.string(), "line": pa.int64(), "reason": pa.string(), "value": pa.string(), "row": pa.string()}
    return pa.schema(list(kinds.items()))
