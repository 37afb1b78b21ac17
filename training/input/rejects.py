"""Unreadable rows: counted by reason, named by file and line, kept in a Parquet file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from training.input.files import InputFile
from training.input.lines import lines_at, lines_of_records
from training.input.readers import FILE, MAX_LINE_BYTES, ROW
from training.input.report import Finding

EXAMPLES = 3
SCHEMA = {"file": "string", "line": "int64", "reason": "string", "value": "string", "row": "string"}
REFUSALS = {
    "TOO MANY COLUMNS": "the row has more cells than the header",
    "MISSING COLUMNS": "the row has fewer cells than the header",
    "UNQUOTED VALUE": "a quote is not closed, or text follows a closed quote",
    "LINE SIZE OVER MAXIMUM": f"the row is longer than {MAX_LINE_BYTES >> 20} MB",
    "INVALID ENCODING": "the row is not UTF-8",
}


@dataclass(frozen=True)
class ReadFiles:
    """Files read together into the table `checked`, and the table of records that could not be split at all; `origin`:
    what their rows are known by, if not by the files' names."""

    format: str
    files: tuple[InputFile, ...]
    checked: ir.Table
    refused: ir.Table | None
    keeps_text: bool
    origin: str | None = None


def collect_rejects(engine: Backend, readings: Sequence[ReadFiles]) -> ir.Table:
    """The table rejects: file, line (from 1; of Parquet and databases the row), reason, value, row (JSON)."""
    rejects = engine.create_table("rejects", schema=ibis.schema(SCHEMA))
    for number, reading in enumerate(readings):
        bad = engine.create_table(f"bad_{number}", _bad_rows(reading.checked))
        for file in _files_with(bad, reading.refused, reading.files):
            _insert_file(engine, reading, file, bad)
    return rejects


def findings(rejects: ir.Table) -> tuple[Finding, ...]:
    """By reason, the most frequent first."""
    counts = rejects.group_by("reason").agg(n=ibis._.count()).order_by(ibis.desc("n"), "reason")
    return tuple(
        Finding(reason=row["reason"], count=row["n"], examples=_examples(rejects, row["reason"]))
        for row in counts.to_pyarrow().to_pylist()
    )


def write_rejects(engine: Backend, rejects: ir.Table, path: Path) -> None:
    """Replace the file at `path`, also when nothing was rejected: it always tells of the last reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    engine.to_parquet(rejects.order_by("file", "line"), partial)
    os.replace(partial, path)


def _bad_rows(checked: ir.Table) -> ir.Table:
    """Rejected rows with `ordinal`, the place among the rows that their file gave, from 0."""
    placed = checked.select(checked, id=checked.rowid())
    starts = placed.group_by(FILE).agg(start=placed.id.min())
    bad = placed.filter(placed.reason.notnull())
    bad = bad.join(starts, FILE).select(
        FILE, "reason", "value", "raw", ordinal=ibis.coalesce(ibis._[ROW], ibis._.id - ibis._.start)
    )
    return bad.distinct()  # a row that a format turns into a purchase and a return is one row of the file


def _files_with(bad: ir.Table, refused: ir.Table | None, files: Sequence[InputFile]) -> list[InputFile]:
    names = set(bad.select(FILE).distinct().to_pyarrow()[FILE].to_pylist())
    if refused is not None:
        names |= set(refused.select(FILE).distinct().to_pyarrow()[FILE].to_pylist())
    return [file for file in files if str(file.path) in names]


def _insert_file(engine: Backend, reading: ReadFiles, file: InputFile, bad: ir.Table) -> None:
    name, refused = str(file.path), reading.refused
    refused_lines = []
    if refused is not None:
        records = refused.filter(refused[FILE] == name).order_by("byte").to_pyarrow()
        refused_lines = lines_at(file, records["byte"].to_numpy()).tolist()
        rows = {
            "file": [name] * len(records),
            "line": refused_lines,
            "reason": [REFUSALS.get(kind, kind.lower()) for kind in records["kind"].to_pylist()],
            "value": [None] * len(records),
            "row": records["text"].to_pylist() if reading.keeps_text else [None] * len(records),
        }
        _insert(engine, pa.table(rows, schema=ibis.schema(SCHEMA).to_pyarrow()))
    here = bad.filter(bad[FILE] == name)
    ordinals = here.select("ordinal").distinct().order_by("ordinal").to_pyarrow()["ordinal"].to_numpy()
    if len(ordinals):
        lines = lines_of_records(file, ordinals, set(refused_lines))
        line_of = ibis.memtable(pa.table({"ordinal": ordinals, "line": lines}))
        rows_here = here.join(line_of, "ordinal")
        engine.insert(
            "rejects", rows_here.select(file=rows_here[FILE], line="line", reason="reason", value="value", row="raw")
        )


def _insert(engine: Backend, table: pa.Table) -> None:
    if len(table):
        engine.insert("rejects", ibis.memtable(table))


def _examples(rejects: ir.Table, reason: str) -> tuple[str, ...]:
    first = rejects.filter(rejects.reason == reason).order_by("file", "line").limit(EXAMPLES).to_pyarrow().to_pylist()
    return tuple(
        f"{row['file']}:{row['line']}: {row['reason']}" + (f": {row['value']!r}" if row["value"] else "")
        for row in first
    )
