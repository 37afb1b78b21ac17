"""Sources to checked rows on Spark: what training.input.staging does, for files that executors read."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet

from models.errors import InputError
from training.input.engine import count_of
from training.input.files import InputFile
from training.input.readers import FILE, ROW
from training.input.rejects import EXAMPLES, SCHEMA
from training.input.report import Finding, SourceReport
from training.input.rows import check_rows
from training.input.sources import InputSettings, PurchaseSource
from training.input.staging import check_source, shown_of, skipped_of, stop_if_too_many, union_of
from training.spark.reading import SourceFile, find_source_files, open_raw
from training.spark.tables import SparkTables

NOT_JSON = "the line is not a JSON object"
CUT_WRONG = "the row has more or fewer cells than the header, or a quote is not closed"


@dataclass(frozen=True)
class Staged:
    """`rows`: the checked rows that count, with `space` and `place` for `net_lines`; and what became of the rest."""

    rows: ir.Table
    sources: tuple[SourceReport, ...]
    rows_read: int
    rejected: tuple[Finding, ...]
    skipped: tuple[Finding, ...]


def stage(
    tables: SparkTables,
    sources: Sequence[PurchaseSource],
    *,
    settings: InputSettings,
    now: datetime,
    work_dir: Path,
    rejects_path: Path,
    tell: Callable[[str], None],
) -> Staged:
    """Read all sources; raises InputError for what cannot be read, no rows at all, or too many unreadable ones."""
    if not sources:
        raise InputError("no purchases are given; say --purchases FILE")
    checked: list[tuple[InputFile, ir.Table]] = []
    reports: list[SourceReport] = []
    for source in sources:
        check_source(source)
        tell(f"reading {shown_of(source)}")
        files = find_source_files(source, work_dir)
        rows = 0
        for group in _by_layout(files):
            number = len(checked)
            raw = open_raw(tables, f"raw_{number}", group, source.columns)
            place = group[0].url + (f" and {len(group) - 1} files like it" if len(group) > 1 else "")
            table = check_rows(tables, f"rows_{number}", raw, source=place, now=now, until=source.until)
            checked.append((group[0].look, table))
            rows += count_of(table)
        reports.append(SourceReport(location=shown_of(source), format=source.format, files=len(files), rows=rows))
    rows_read = sum(report.rows for report in reports)
    if not rows_read:
        raise InputError(f"{', '.join(report.location for report in reports)}: no rows")
    rejects = tables.create_table("rejects", union_of(_rejects(look, table) for look, table in checked))
    _write_rejects(tables, rejects_path)
    rejected = _findings(rejects)
    stop_if_too_many(rejected, rows_read, settings.max_rejected_share, rejects_path)
    return Staged(
        rows=union_of(_counting(table, number) for number, (_, table) in enumerate(checked)),
        sources=tuple(reports),
        rows_read=rows_read,
        rejected=rejected,
        skipped=skipped_of([table for _, table in checked], {}),
    )


def _by_layout(files: Sequence[SourceFile]) -> list[list[SourceFile]]:
    groups: dict[tuple[object, ...], list[SourceFile]] = {}
    for file in files:
        groups.setdefault(file.look.layout, []).append(file)
    return list(groups.values())


def _counting(checked: ir.Table, number: int) -> ir.Table:
    # Which of two rows was read last: by the reading, the file, and the place in it.
    place = ibis.struct({"reading": ibis.literal(number, "int32"), "file": checked[FILE], "row": checked[ROW]})
    placed = checked.select(checked, space=ibis.literal("canonical"), place=place)
    return placed.filter(placed.reason.isnull() & placed.skip.isnull()).drop("reason", "skip", "value", "raw")


def _rejects(look: InputFile, checked: ir.Table) -> ir.Table:
    bad = checked.filter(checked.reason.notnull())
    reason = bad.reason.replace(NOT_JSON, CUT_WRONG) if look.kind == "csv" else bad.reason
    # Executors read parts of files: in a text, no part knows which line it starts on.
    line = bad[ROW] + 1 if look.kind == "parquet" else ibis.null("int64")
    return bad.select(file=bad[FILE], line=line, reason=reason, value=bad.value, row=bad.raw)


def _write_rejects(tables: SparkTables, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    schema = ibis.schema(SCHEMA).to_pyarrow()
    with pyarrow.parquet.ParquetWriter(partial, schema) as writer:
        for batch in tables.folder.batches("rejects", list(SCHEMA)):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
    os.replace(partial, path)


def _findings(rejects: ir.Table) -> tuple[Finding, ...]:
    counts = rejects.group_by("reason").agg(n=ibis._.count()).order_by(ibis.desc("n"), "reason")
    found = counts.to_pyarrow().to_pylist()
    return tuple(
        Finding(reason=row["reason"], count=row["n"], examples=_examples(rejects, row["reason"])) for row in found
    )


def _examples(rejects: ir.Table, reason: str) -> tuple[str, ...]:
    some = rejects.filter(rejects.reason == reason).order_by("file", "line", "row").limit(EXAMPLES)
    return tuple(
        row["file"]
        + (f":{row['line']:.0f}" if row["line"] is not None and row["line"] == row["line"] else "")
        + f": {reason}"
        + (f": {row['value']!r}" if row["value"] else "")
        for row in some.to_pyarrow().to_pylist()
    )
