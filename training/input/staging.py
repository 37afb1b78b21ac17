"""Sources to checked rows: find the files, read those of one layout together, stop where too much is unreadable."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.errors import InputError
from training.input.columns import suggestion
from training.input.database import export_query, shown_url
from training.input.engine import count_of, reading
from training.input.files import InputFile, find_files, look_at
from training.input.formats import FORMATS, Format, complete_journey, live
from training.input.live import LIVE, export_live, once
from training.input.prepared.kept import Origin
from training.input.prepared.since import EARLIEST, SINCE, Batch, Since, origin_of, query_since, stamp_of
from training.input.pseudonyms import with_pseudonyms
from training.input.readers import FILE, refused_records
from training.input.rejects import ReadFiles, collect_rejects, findings, write_rejects
from training.input.report import Finding, SourceReport
from training.input.rows import OLDER, check_rows
from training.input.sources import InputSettings, PurchaseSource

PLACES_A_READING = 1 << 40
READERS: Mapping[str, Format] = {**FORMATS, LIVE: live.read}
IN_FILES = "a live event of an order that the files have"


@dataclass(frozen=True)
class StagedRows:
    """`rows`: the checked rows that count, with `space` and `place` for `net_lines`; and what became of the rest.

    `live_seq`: the last live event that was there to be read, None where not all up to it are learned from. `of_files`
    and `of_live`: the rows of either, with their `origin`, before live ones give way to those of files; None where
    there are none. `origins` are there, read now or before; `again` those read again from a time on.
    """

    rows: ir.Table
    sources: tuple[SourceReport, ...]
    rows_read: int
    rejected: tuple[Finding, ...]
    skipped: tuple[Finding, ...]
    warnings: tuple[str, ...]
    live_seq: int | None
    of_files: ir.Table | None = None
    of_live: ir.Table | None = None
    replaced: ir.Table | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    again: Mapping[str, str] = field(default_factory=dict)
    readings: int = 0


def stage_sources(
    engine: Backend,
    sources: Sequence[PurchaseSource],
    *,
    settings: InputSettings,
    now: datetime,
    work_dir: Path,
    rejects_path: Path,
    secret: Callable[[], bytes],
    tell: Callable[[str], None],
    since: Since | None = None,
) -> StagedRows:
    """Read all sources, or what is new of them `since` the last training.

    Raises InputError for what cannot be read, no rows at all, or too many unreadable ones, and StartOver where only a
    reading of everything will do.
    """
    if not sources:
        raise InputError("no purchases are given; say --purchases FILE")
    readings: list[ReadFiles] = []
    reports: list[SourceReport] = []
    warnings: list[str] = []
    passed_over: Counter[str] = Counter()
    live_seq: int | None = None
    origins: dict[str, Origin] = {}
    for source in sources:
        check_source(source)
        shown = shown_of(source)
        tell(f"reading {shown}")
        export = work_dir / f"query_{len(readings)}.parquet"
        if source.format == LIVE:
            seq = export_live(source.location, export)
            live_seq = seq if source.until is None else None
            files = [look_at(export)]
        else:
            files = _files_of(source, export, since)
            origins |= _origins_of(source, files)
        rows = 0
        for batch in _batches_of(source, files, since):
            group, number = batch.files, len(readings)
            with reading(_place(group)):
                raw = READERS[source.format](engine, f"raw_{number}", group, source.columns)
                if raw.has_addresses:
                    table = with_pseudonyms(engine, f"customers_{number}", raw.table, "customer_id", secret)
                    raw = replace(raw, table=table)
                checked = check_rows(
                    engine, f"rows_{number}", raw, source=_place(group), now=now, until=source.until, since=batch.since
                )
                if since is not None and batch.since is not None and SINCE not in (source.query or ""):
                    since.refuse_changed(_origin(source) or str(group[0].path), checked)
            refused = refused_records(engine, raw.refused) if raw.refused else None
            readings.append(
                ReadFiles(source.format, tuple(group), checked, refused, not raw.has_addresses, _origin(source))
            )
            warnings += raw.warnings
            passed_over.update(raw.passed_over)
            rows += (
                sum(raw.passed_over.values()) + count_of(checked) + (count_of(refused) if refused is not None else 0)
            )
        reports.append(SourceReport(location=shown, format=source.format, files=len(files), rows=rows))
    if since is not None:
        since.refuse_missing(origins)
    rows_read = sum(report.rows for report in reports)
    if not rows_read and since is None:
        raise InputError(f"{', '.join(report.location for report in reports)}: no rows")
    rejects = collect_rejects(engine, readings)
    write_rejects(engine, rejects, rejects_path)
    rejected = findings(rejects)
    stop_if_too_many(rejected, rows_read, settings.max_rejected_share, rejects_path)
    first = since.kept.facts.readings if since is not None else 0
    of_files = [_counting(reading, first + number) for number, reading in enumerate(readings) if reading.format != LIVE]
    of_live = [_counting(reading, first + number) for number, reading in enumerate(readings) if reading.format == LIVE]
    if since is None:
        rows, passed_over[IN_FILES] = _once(of_files, of_live)
    else:
        rows = union_of([*of_files, *of_live]) if readings else since.rows.limit(0)
    return StagedRows(
        rows=rows,
        sources=tuple(reports),
        rows_read=rows_read,
        rejected=rejected,
        skipped=skipped_of([reading.checked for reading in readings], passed_over),
        warnings=tuple(warnings),
        live_seq=live_seq,
        of_files=union_of(of_files) if of_files else None,
        of_live=_in_space_of_files(union_of(of_live), sources) if of_live else None,
        replaced=since.replaced() if since is not None else None,
        origins=origins,
        again=since.again if since is not None else {},
        readings=first + len(readings),
    )


def check_source(source: PurchaseSource) -> None:
    """Raise InputError for a format or a combination of arguments that does not exist."""
    if source.format == LIVE and source.is_database and source.query is None:
        return
    if source.format not in FORMATS:
        raise InputError(f"--format: unknown format '{source.format}'{suggestion(source.format, FORMATS)}")
    if source.is_database and source.query is None:
        raise InputError(f"{shown_url(source.location)}: a database needs a query; say --query 'SELECT …'")
    if not source.is_database and source.query is not None:
        raise InputError(f"{source.location}: a query needs a database URL, such as postgresql://user@host/shop")


def group_files(files: Iterable[InputFile]) -> list[list[InputFile]]:
    """Files of one layout together, in the order of the first of each; JSON files share the keys of all."""
    groups: dict[tuple[object, ...], list[InputFile]] = {}
    for file in files:
        groups.setdefault(file.layout, []).append(file)
    for group in groups.values():
        if group[0].kind == "json":
            keys = tuple(dict.fromkeys(key for file in group for key in file.columns))
            group[:] = [replace(file, columns=keys) for file in group]
    return list(groups.values())


def _files_of(source: PurchaseSource, export: Path, since: Since | None) -> list[InputFile]:
    if source.is_database:
        assert source.query is not None
        start = since.from_time(origin_of(source)) if since is not None else None
        export_query(source.location, query_since(source.query, start or EARLIEST), export)
        return [look_at(export)]
    if source.is_url:
        raise InputError(
            f"{source.location}: files are read by URL with --engine spark; give a path, or copy them here"
        )
    location = (
        complete_journey.data_file(source.location, "transactions") if source.format == "complete-journey" else None
    )
    return [look_at(path) for path in ([location] if location else find_files(source.location))]


def _origin(source: PurchaseSource) -> str | None:
    """What the rows of a database are known by; those of a file are by its path."""
    return origin_of(source) if source.is_database or source.format == LIVE else None


def _origins_of(source: PurchaseSource, files: Iterable[InputFile]) -> dict[str, Origin]:
    if source.is_database:
        return {origin_of(source): Origin(size=-1, modified=0)}
    return {str(file.path): stamp_of(file) for file in files}


def _batches_of(source: PurchaseSource, files: Sequence[InputFile], since: Since | None) -> list[Batch]:
    if since is None or source.format == LIVE:
        return [Batch(group) for group in group_files(files)]
    if source.is_database:
        return [Batch(files, since.from_time(origin_of(source)))]
    return since.batches(files, group_files)


def shown_of(source: PurchaseSource) -> str:
    """A source as it may be shown and logged."""
    if source.format == LIVE:
        return "live events"
    return shown_url(source.location) if source.is_database else source.location


def _once(of_files: Sequence[ir.Table], of_live: Sequence[ir.Table]) -> tuple[ir.Table, int]:
    """All rows that count, and how many live ones do not because the files have the same item of the same order."""
    if not (of_files and of_live):
        return union_of([*of_files, *of_live]), 0
    fresh, known = once(union_of(of_files), union_of(of_live))
    return union_of([*of_files, fresh]), count_of(known)


def _in_space_of_files(live: ir.Table, sources: Sequence[PurchaseSource]) -> ir.Table:
    """Live rows as `once` leaves them: orders of live events and of files share their ids."""
    space = min((source.format for source in sources if source.format != LIVE), default=LIVE)
    return live.drop("space").mutate(space=ibis.literal(space)).select(*live.columns)


def _place(files: Sequence[InputFile]) -> str:
    return str(files[0].path) + (f" and {len(files) - 1} files like it" if len(files) > 1 else "")


def stop_if_too_many(rejected: Sequence[Finding], rows_read: int, allowed: float, rejects_path: Path) -> None:
    """Raises InputError, with the reasons, where more than the `allowed` share of the rows cannot be read."""
    count = sum(finding.count for finding in rejected)
    if count <= allowed * rows_read:
        return
    reasons = "\n".join(
        f"  {finding.count:,} × {finding.reason}, such as {finding.examples[0]}" for finding in list(rejected)[:5]
    )
    raise InputError(
        f"{count:,} of {rows_read:,} rows cannot be read ({count / rows_read:.1%}; {allowed:.1%} are allowed by "
        f"max_rejected_share in [purchases]). The reasons:\n{reasons}\nAll of them are in {rejects_path}"
    )


def _counting(reading: ReadFiles, number: int) -> ir.Table:
    checked = reading.checked
    placed = checked.select(
        checked,
        space=ibis.literal(reading.format),
        place=checked.rowid() + number * PLACES_A_READING,
        origin=ibis.literal(reading.origin) if reading.origin is not None else checked[FILE],
    )
    return placed.filter(placed.reason.isnull() & placed.skip.isnull()).drop("reason", "skip", "value", "raw")


def union_of(tables: Iterable[ir.Table]) -> ir.Table:
    """All rows of all tables."""
    return reduce(lambda first, second: first.union(second), tables)


def skipped_of(checked: Sequence[ir.Table], passed_over: Mapping[str, int]) -> tuple[Finding, ...]:
    """How many rows were left out, by reason: those of the column `skip`, and those that never became rows."""
    counts = []
    if checked:
        skips = union_of(table.select("skip") for table in checked)
        skips = skips.filter(skips.skip.notnull() & (skips.skip != OLDER))
        counts = skips.group_by("skip").agg(n=ibis._.count()).to_pyarrow().to_pylist()
    total = Counter(passed_over) + Counter({row["skip"]: row["n"] for row in counts})
    return tuple(
        Finding(reason=reason, count=n) for reason, n in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    )
